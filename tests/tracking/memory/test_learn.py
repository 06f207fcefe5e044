"""What tonight takes over: from which nights, with which numbers, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from fakes import make_request
from fakes_memory import tonight_like, write_night

from probes.errors import ComparabilityError, LedgerError
from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from probes.statistics.design import Design
from probes.statistics.fits import WINDOW
from probes.statistics.noise import pooled_sd
from probes.statistics.runs import Run
from tracking.events import Event, ProbeFinished, ProbePlan
from tracking.finished import FinishedProbe
from tracking.memory.known import EarlierNights
from tracking.memory.learn import ENOUGH_DEGREES, learn, pool_noise
from tracking.memory.remembered import RememberedNight, Residuals, left_over, remember, scored_search, within_recipes
from tracking.memory.words import knowledge_in_words, level_in_words
from tracking.night import NightRecord


def remembered(events: list[Event], project: str = "p") -> RememberedNight:
    return remember(NightRecord.replay(events), project)


def left(df: int, square: float) -> Residuals:
    return Residuals(degrees_of_freedom=df, squares={"voice": square})


def test_a_night_remembers_the_noise_that_its_additive_model_leaves_over(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    night = NightRecord.replay(events)
    probes = scored_search(night)
    design = Design.of([frozenset(probe.plan.changes) for probe in probes]).rows_R_C
    values = np.array([probe.metric("private_voice") for probe in probes])
    _, square, rank, _ = np.linalg.lstsq(design, values)
    known = remembered(events).fit
    assert known is not None
    assert known.degrees_of_freedom == len(probes) - rank
    assert known.squares["private_voice"] == pytest.approx(float(square[0]))
    assert set(known.squares) == {*night.probes[0].means, "overall", "critical_failures"}


def test_a_night_remembers_how_far_its_replicates_differ(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    runs = [
        Run(
            frozenset([probe.plan.request.recipe.fingerprint]),
            probe.plan.request.seed,
            {name: mean for name, mean in probe.means.items() if mean is not None},
        )
        for probe in scored_search(NightRecord.replay(events))
    ]
    noise, _ = pool_noise([("a", remembered(events).replicates)])
    assert noise is not None
    assert noise.metric_sd["private_voice"] == pytest.approx(pooled_sd(runs, "private_voice"))
    assert noise.degrees_of_freedom == len(runs) - len({run.changes for run in runs})


def probe(value: float, replicate: int, *changes: str) -> FinishedProbe:
    recipe = Recipe(base_model="m", rank=2 ** (1 + len(changes)), learning_rate=0.01 if "b" in changes else 0.02)
    request = make_request(recipe, replicate, "search")
    plan = ProbePlan(number=1, phase="search", arm="block", changes=changes, replicate=replicate, request=request)
    item = ItemScores(item="i", category="voice", difficulty="easy", scores=(value,))
    outcome = ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, items=(item,))
    return FinishedProbe(plan, outcome, "")


def test_effects_that_do_not_add_up_are_noise_of_the_fit_and_not_of_the_replicates() -> None:
    levels = {(): 5.0, ("a",): 6.0, ("b",): 7.0, ("a", "b"): 12.0}
    probes = [probe(levels[c] + shift, r, *c) for c in levels for r, shift in enumerate((-0.5, 0.5))]
    replicates, fit = within_recipes(probes), left_over(probes)
    assert replicates is not None
    assert fit is not None
    # The four means miss additivity by 4 points: one degree of freedom, sum of squares 8 runs · (4 / 4)².
    assert (replicates.degrees_of_freedom, replicates.squares["voice"]) == (4, pytest.approx(2.0))
    assert (fit.degrees_of_freedom, fit.squares["voice"]) == (5, pytest.approx(2.0 + 8.0))


def test_a_measurement_told_twice_is_one_and_a_single_one_knows_nothing() -> None:
    pair = [probe(5.0, 0), probe(6.0, 1)]
    assert within_recipes([*pair, pair[0]]) == within_recipes(pair)
    assert within_recipes(pair[:1]) is None
    assert left_over([pair[0], probe(6.0, 1, "a")]) is None
    assert left_over([]) is None


def test_the_confirmations_noise_is_that_of_its_two_arms(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    known = remembered(events).confirmation
    arms = {
        arm: [p.overall for p in NightRecord.replay(events).probes if (p.plan.phase, p.plan.arm) == ("confirm", arm)]
        for arm in ("baseline", "final")
    }
    assert known is not None
    assert known.degrees_of_freedom == sum(len(values) - 1 for values in arms.values())
    squares = sum(float(np.var(np.array(values, dtype=float))) * len(values) for values in arms.values())
    assert known.squares["overall"] == pytest.approx(squares)


def test_additive_scores_leave_no_noise_and_a_moved_level_is_none(tmp_path: Path) -> None:
    first = write_night(tmp_path / "a")
    moved = [raised(event, 1.5) for event in first]
    one, other = remembered(first).fit, remembered(moved).fit
    assert one is not None
    assert other is not None
    assert one.degrees_of_freedom == other.degrees_of_freedom
    assert other.squares["private_voice"] == pytest.approx(one.squares["private_voice"])


def raised(event: Event, by: float) -> Event:
    if not isinstance(event, ProbeFinished):
        return event
    items = tuple(
        item.model_copy(update={"scores": tuple(s + by for s in item.scores if s is not None)})
        for item in event.outcome.items
    )
    return event.model_copy(update={"outcome": event.outcome.model_copy(update={"items": items})})


def test_noise_is_pooled_by_degrees_of_freedom() -> None:
    noise, sessions = pool_noise([("a", left(2, 2.0)), ("b", None), ("c", left(6, 14.0))])
    assert noise is not None
    assert (noise.nights, noise.degrees_of_freedom, sessions) == (2, 8, {"a", "c"})
    assert noise.metric_sd["voice"] == pytest.approx(sqrt(2.0))


def test_the_latest_nights_come_first_and_enough_is_enough() -> None:
    noise, sessions = pool_noise([(name, left(60, 60.0)) for name in "abcd"])
    assert noise is not None
    assert sessions == {"c", "d"}
    assert noise.degrees_of_freedom >= ENOUGH_DEGREES


def test_identical_outputs_are_no_noise_of_zero() -> None:
    assert pool_noise([("a", left(5, 0.0))]) == (None, set())
    assert pool_noise([]) == (None, set())


def test_a_night_that_shares_probes_with_an_earlier_one_is_not_measured_again(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    night = remembered(events)
    again = night.model_copy(update={"session": "again", "started": "2026-03-20"})
    earlier, alone = (learn(tonight_like(events, folder), nights) for nights in ([again, night], [night]))
    assert (earlier.noise, earlier.priors, earlier.baselines) == (alone.noise, alone.priors, alone.baselines)
    assert earlier.nights[1].reason == "it shares probes with an earlier night"


def test_a_very_long_night_is_fitted_in_windows(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a", "nothing", candidates=150, items_per_category=1, samples=1)
    known = remembered(events).fit
    assert known is not None
    probes = scored_search(NightRecord.replay(events))
    assert len(probes) > WINDOW
    assert 0 < known.degrees_of_freedom < len(probes)
    assert sqrt(known.squares["private_voice"] / known.degrees_of_freedom) == pytest.approx(1.1, abs=0.35)


def test_priors_levels_and_tests_come_from_what_the_ledger_measured(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    tonight = tonight_like(events, folder)
    earlier = learn(tonight, [remembered(events)])
    (night,) = earlier.nights
    assert night.used == ("noise", "baseline", "priors", "claims", "moves")
    assert night.reason == ""
    assert earlier.noise is not None
    assert earlier.confirm_noise is not None
    assert earlier.fit_noise is not None
    assert earlier.fit_noise.degrees_of_freedom >= earlier.noise.degrees_of_freedom
    means = [p.means["private_voice"] for p in scored_search(NightRecord.replay(events)) if not p.plan.changes]
    assert earlier.baselines[0].means["private_voice"] == pytest.approx(fmean(m for m in means if m is not None))
    lanes = {prior.lane: prior for prior in earlier.priors}
    assert lanes["hyperparameters"].mean > lanes["curriculum"].mean
    assert sum(prior.candidates for prior in earlier.priors) == 7
    assert [claim.confirmed for claim in earlier.claim.past] == [True]
    assert earlier.claim.number == 2
    assert set(earlier.priors_for("private_voice", 3.0)) == set(lanes)
    assert earlier.priors_for("ground_truth", 3.0) == {}


def test_raw_effects_are_those_of_the_scores_not_of_the_referee(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    effects = {round(e.effect, 1) for e in remembered(events).effects}
    readings = [e for e in events if e.kind == "candidate_decided"]
    wild = [
        e.model_copy(update={"reading": e.reading.model_copy(update={"effect": 99.0})}) if e in readings else e  # type: ignore[union-attr]
        for e in events
    ]
    assert {round(e.effect, 1) for e in remembered(wild).effects} == effects
    assert max(effects) < 5


def test_unequal_conditions_teach_nothing_but_still_count_among_the_claims(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    other = write_night(tmp_path / "b", day=15, samples=2)
    earlier = learn(tonight_like(events, folder), [remembered(other)])
    assert (earlier.noise, earlier.baselines, earlier.priors) == (None, (), ())
    assert earlier.nights[0].used == ("claims",)
    assert "samples 2 against 3 tonight" in earlier.nights[0].reason
    assert len(earlier.claim.past) == 1


def test_another_target_or_baseline_or_data_takes_only_what_still_holds(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    tonight, night = tonight_like(events, folder), remembered(events)
    elsewhere = learn(replace(tonight, target="ground_truth"), [night])
    assert elsewhere.nights[0].used == ("noise", "baseline", "claims", "moves")
    assert learn(replace(tonight, target="auto"), [night]).priors == learn(tonight, [night]).priors
    assert learn(replace(tonight, baseline="other"), [night]).baselines == ()
    on_other_rows = learn(replace(tonight, train=("other",)), [night])
    assert (on_other_rows.baselines, on_other_rows.moves, on_other_rows.movements) == ((), (), ())


def test_a_night_that_tested_nothing_spends_nothing_and_one_test_told_twice_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    nothing, night = remembered(write_night(tmp_path / "b", "nothing", day=15)), remembered(events)
    again = night.model_copy(update={"session": "copy", "started": "2026-03-20"})
    earlier = learn(tonight_like(events, folder), [nothing, again, night])
    assert [claim.session for claim in earlier.claim.past] == ["a"]
    assert "claims" not in earlier.nights[1].used


def test_a_mixed_ledger_is_refused(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    finished = [e for e in events if isinstance(e, ProbeFinished)]
    plan = finished[3].plan
    torn = plan.model_copy(update={"request": plan.request.model_copy(update={"versions": {"torch": "2.14.0"}})})
    mixed = [e.model_copy(update={"plan": torn}) if e is finished[3] else e for e in events]
    with pytest.raises(ComparabilityError, match=r"torch 2\.13\.0 against 2\.14\.0"):
        remembered(mixed)
    with pytest.raises(LedgerError, match="session_started"):
        remembered([])


def test_what_is_known_is_said_in_words_and_survives_the_ledger(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    earlier = learn(tonight_like(events, folder), [remembered(events)])
    assert EarlierNights.model_validate_json(earlier.model_dump_json()) == earlier
    assert "noise from 1 night" in knowledge_in_words(earlier)
    assert "test 2 of the project" in level_in_words(earlier.claim)
    first = learn(tonight_like(events, folder), [])
    assert knowledge_in_words(first).startswith("none found; claim 1 of the project at level 0.050")
    assert "first claim of the project. Its level is 0.050, the session's own" in level_in_words(first.claim)
    low = learn(tonight_like(events, folder), [], running=2).claim
    assert "2 other nights were running" in level_in_words(low)
    assert "instead of the session's 0.050" in level_in_words(low)
