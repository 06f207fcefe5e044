from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from probes.miniature.build import all_subjects
from probes.miniature.items import make_items
from probes.request import FileRef
from probes.statistics.power import LEAST_ITEMS
from probes.statistics.runs import OVERALL
from runner.inputs import SessionInputs
from runner.overrides import load_session
from runner.planning import AUTO, plan_night
from runner.preflight import Preflight, check_power

SESSIONS = sorted((Path(__file__).parents[2] / "runner" / "sessions").glob("*.toml"))
ANY = FileRef(path="-", digest="-")


def check(file: Path, search: dict[str, int], held_out: dict[str, int], *settings: str) -> Preflight:
    config = load_session(file, settings)
    inputs = SessionInputs(ANY, (), ANY, ANY, search, held_out, ("items.jsonl",), {}, ())
    target = OVERALL if config.target.category == AUTO else config.target.category
    return check_power(plan_night(config, inputs, "s", target), config)


def miniature_items() -> tuple[dict[str, int], dict[str, int]]:
    search, held_out = (dict(Counter(item.category for item in side)) for side in make_items(all_subjects()))
    return search, held_out


@pytest.mark.parametrize("file", SESSIONS, ids=lambda file: file.stem)
def test_shipped_sessions_can_conclude_on_every_category_that_decides(file: Path) -> None:
    found = check(file, *miniature_items())
    deciding = [row for row in found.power.categories if row.role != "watched"]
    assert deciding
    for row in deciding:
        assert min(row.items_search, row.items_held_out) >= LEAST_ITEMS
        assert not row.directional
    assert found.problems == ()


def test_a_blind_guard_stops_the_night_with_every_cure_unless_it_is_allowed() -> None:
    found = check(SESSIONS[0], *miniature_items(), "guards.margins.ground_truth=0.2")
    assert len(found.problems) == 1
    for words in ("`ground_truth`", "margin of 0.2", "`[guards.margins]`", "now 16", "items", "guards.categories"):
        assert words in found.problems[0]
    cure = found.problems[0].split("--set ")[1].rstrip("`")
    allowed = check(SESSIONS[0], *miniature_items(), "guards.margins.ground_truth=0.2", cure)
    assert allowed.problems == ()
    assert found.problems[0] in allowed.warnings


def test_too_few_held_out_items_of_target_or_guard_stop_the_night_since_it_could_claim_nothing() -> None:
    search, held_out = miniature_items()
    few = {**held_out, "private_voice": 6, "ground_truth": 5}
    target, guard = sorted(check(SESSIONS[0], search, few).problems, reverse=True)
    assert "target `private_voice` has 10 search and 6 held-out items" in target
    assert "the night could claim nothing" in target
    assert "guard `ground_truth`" in guard
    assert "guards.categories" in guard
    allowed = check(SESSIONS[0], search, few, "referee.allow_blind_guards=true")
    assert allowed.problems == ()
    assert {target, guard} <= set(allowed.warnings)


def test_few_items_to_search_with_are_a_warning() -> None:
    search, held_out = miniature_items()
    found = check(SESSIONS[0], {**search, "ground_truth": 6}, held_out)
    assert found.problems == ()
    assert "by direction only" in found.warnings[0]


def test_more_items_or_answers_make_more_resolvable() -> None:
    search, held_out = miniature_items()
    plain = check(SESSIONS[0], search, held_out).power
    more_items = check(SESSIONS[0], search, {name: 30 for name in held_out}).power
    more_answers = check(SESSIONS[0], search, held_out, "suite.samples=20").power
    assert plain.target_resolvable > max(more_items.target_resolvable, more_answers.target_resolvable)
    assert plain.guards_pass_probability < min(more_items.guards_pass_probability, more_answers.guards_pass_probability)


def test_an_automatic_target_is_promised_what_its_category_resolves_and_not_the_overall() -> None:
    search, held_out = miniature_items()
    auto = ("target.category=auto",)
    alike = check(SESSIONS[0], search, held_out, *auto).power
    named = check(SESSIONS[0], search, held_out).power
    overall = check(SESSIONS[0], search, held_out, "target.category=overall").power
    assert alike.target_resolvable == pytest.approx(named.target_resolvable)
    assert alike.target_resolvable > 1.5 * overall.target_resolvable
    gain = f"a gain of {named.target_resolvable:.2f} points"
    assert f"{gain} in the category that the night chooses is confirmed" in alike.sentence
    assert "overall" not in alike.sentence
    assert {row.role for row in alike.categories} == {"guard"}
    assert alike.guards_pass_probability == pytest.approx(named.guards_pass_probability)

    some = {**held_out, "ground_truth": 40, "private_voice": 3}
    mixed = check(SESSIONS[0], search, some, *auto, "referee.allow_blind_guards=true").power
    best = check(SESSIONS[0], search, some, "target.category=ground_truth", "referee.allow_blind_guards=true").power
    low, high = f"{best.target_resolvable:.2f}", f"{named.target_resolvable:.2f}"
    assert f"{low} to {high} points, depending on the category that the night chooses, is confirmed" in mixed.sentence
    assert mixed.target_resolvable == pytest.approx(named.target_resolvable), "3 items bear no claim: never chosen"
