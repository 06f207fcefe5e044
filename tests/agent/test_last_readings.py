"""What is kept in step with the record is what a walk over all of it finds, at every event of whole nights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path

import pytest
from fakes import FakeClock

from agent.context import NightContext
from agent.early_stop import SearchProbes
from agent.last_readings import LEAST_HOPE, REVISIT_LEVEL, LastReadings
from agent.night import run_night
from agent.recipes import trained_recipe
from agent.revisits import MOST_RETURNS, MOST_REVISITS, moved_under, worth_another_look
from agent.unread import Unread
from lanes.config import ChoiceKnob, NumericKnob
from lanes.interactions import interacts
from lanes.pickers import pick_random
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from runner.bench.loop_night import CATEGORIES, wide_plan
from runner.bench.simulated import Levels, ListLedger, NamedLane, SimulatedLauncher, open_night, settings_of
from tracking.events import Event, MeasurementsInvalidated
from tracking.night import NightRecord

NUMBER, WORDS = NumericKnob(low=0.05, high=20.0, scale="log", max_factor=2.0), ChoiceKnob(values=("a", "b", "c"))
KNOBS = dict.fromkeys(("learning_rate", "rank", "warmup_ratio", "k001", "k002", "k003", "k004"), NUMBER)
WHERE = {**dict.fromkeys(KNOBS, 1.0), "scheduler": "a"}


def some_help(recipe: Recipe) -> Levels | None:
    """Knobs that act together help upwards; one cannot be trained far up, two not together."""
    at = settings_of(recipe)
    numbers = {name: value for name, value in at.items() if isinstance(value, float)}
    if numbers.get("k004", 1.0) > 1.5 or {"k002", "k003"} <= at.keys():
        return None
    gain = sum(log(value) * (name in ("learning_rate", "rank", "k001")) for name, value in numbers.items())
    return {**dict.fromkeys(CATEGORIES, 5.0 - ("k002" in at)), "private_voice": 5.0 + gain}


def open_some_night(folder: Path, design: str) -> NightContext:
    lane = NamedLane({**KNOBS, "scheduler": WORDS}, WHERE, pick_random)
    plan = replace(wide_plan(250), referee=RefereeConfig.model_validate({"controls": False, "design": design}), seed=3)
    launcher = SimulatedLauncher(some_help, dict.fromkeys(CATEGORIES, 0.5))
    return open_night(plan, launcher, {lane.name: lane}, folder, ListLedger(), "random")


def may_return(context: NightContext, name: str) -> bool:
    night = context.night
    if name in night.accepted or night.is_live(name) or len(night.revisits.get(name, ())) >= MOST_REVISITS:
        return False
    return isinstance(trained_recipe(night, context.lanes, name), Recipe)


def walked_returns(context: NightContext) -> list[tuple[str, str]]:
    night, found = context.night, list[tuple[str, str]]()
    for name, before in night.moves_at_reading.items():
        last = night.readings[name][-1]
        known = night.moves[before - 1][1] if before else ()
        entered = [moved for moved in night.accepted if moved not in known]
        if before == len(night.moves) or last.decision not in ("park", "reject"):
            continue
        if (last.worthwhile_probability or 0.0) < LEAST_HOPE or any(g.state == "harmful" for g in last.guards.values()):
            continue
        changes = (
            (moved, interacts(night.candidates[name].change, night.candidates[moved].change)) for moved in entered
        )
        why = next((f"{moved} entered the working recipe since: {why}" for moved, why in changes if why), None)
        if why and may_return(context, name):
            found.append((name, why))
    return found[:MOST_RETURNS]


def walked_better(context: NightContext) -> list[str]:
    lasts = {name: readings[-1] for name, readings in context.night.readings.items()}
    parked = {name: last.better_probability or 0.0 for name, last in lasts.items() if last.decision == "park"}
    found = sorted((-better, name) for name, better in parked.items() if better >= REVISIT_LEVEL)
    return [name for _, name in found if may_return(context, name)]


@pytest.fixture(scope="module", params=["blocks", "race"])
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NightContext:
    context = open_some_night(tmp_path_factory.mktemp("night"), request.param)
    run_night(context)
    assert len(context.night.moves) > 2
    assert len(context.night.taken_up) > 2
    return context


def events_of(context: NightContext) -> Sequence[Event]:
    assert isinstance(context.ledger, ListLedger)
    return context.ledger.written


def test_what_is_kept_in_step_is_what_a_walk_finds_at_every_event(tmp_path: Path, ended: NightContext) -> None:
    context, returns = open_some_night(tmp_path, "race"), 0
    for event in events_of(ended)[1:]:
        context.night.apply(event)
        night = context.night
        accepted = [name for name, readings in night.readings.items() if readings[-1].decision == "accept"]
        assert list(context.last_readings.look(night).accepted) == accepted
        if night.candidates:
            wanted = walked_returns(context)
            assert moved_under(context) == moved_under(context) == wanted, "a look takes nothing away"
            assert list(worth_another_look(context)) == walked_better(context)
            returns += bool(wanted)
        assert context.search_probes.look(night) == SearchProbes().look(night)
    assert returns


def test_an_invalidation_starts_the_look_anew(ended: NightContext) -> None:
    night, kept, probes = NightRecord.replay(events_of(ended)), LastReadings(), SearchProbes()
    kept.look(night)
    probes.look(night)
    since = night.probes[len(night.probes) // 2].at
    night.apply(MeasurementsInvalidated(at=FakeClock(3600.0).now(), since=since, reason="wrong server"))
    fresh = LastReadings().look(night)
    assert kept.look(night).accepted == fresh.accepted
    assert (kept.better, kept.hopeful) == (fresh.better, fresh.hopeful)
    assert probes.look(night) == SearchProbes().look(night)
    assert len(probes.look(night)) < len(SearchProbes().look(ended.night))


def test_failed_rows_are_found_by_the_changes_in_them(ended: NightContext) -> None:
    night = ended.night
    rows = [probe for probes in night.failed.values() for probe in probes if probe.plan.arm == "block"]
    assert bool(rows) == bool(night.blocks)
    for name in night.candidates:
        assert night.failed_rows.get(name, []) == [probe for probe in rows if name in probe.plan.changes]


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (["a", "b"], ["a", "b", "c"], (["c"], False)),
        (["a", "b"], ["a", "b"], (list[str](), False)),
        (["a", "b"], ["a"], (["a"], True)),
        (["a", "b"], ["a", "x", "c"], (["a", "x", "c"], True)),
        (list[str](), ["a"], (["a"], True)),
    ],
)
def test_only_what_is_new_is_read_unless_something_was_taken_back(
    first: Sequence[str], second: Sequence[str], wanted: tuple[Sequence[str], bool]
) -> None:
    unread = Unread[str]()
    assert unread.take(first) == (first, True)
    assert unread.take(second) == wanted
    assert unread.take(second) == ([], False)
