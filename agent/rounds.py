"""Rounds of the race: single changes on the working recipe side by side, the baseline's replicates between them."""

from __future__ import annotations

from collections.abc import Mapping

from agent.plan import NightPlan
from agent.recipes import trained_recipe
from agent.schedule import Wanted, calibration_probe, is_open, live_candidates
from lanes.lane import Lane
from probes.candidate import LaneName
from probes.recipe import Recipe
from tracking.finished import Slot
from tracking.night import NightRecord

UNREAD_PROMISE = 0.2
"""P(worthwhile) a candidate is taken to have before its first reading, when places in a round are given out."""


def next_round(night: NightRecord, plan: NightPlan, lanes: Mapping[LaneName, Lane], places: int) -> list[Wanted]:
    """Return the probes of a round: the baseline replicates that are due, and one of each of the best candidates.

    A candidate whose replicate of this round has already ended waits for the others, so that a round cut short by an
    interruption is completed before anything is decided.
    """
    wanted = [calibration_probe(plan, replicate) for replicate in _due_baselines(night, plan)]
    for name in _racing(night, places):
        if is_undecided(night, name):
            continue
        slot = Slot("search", "candidate", name)
        done = night.scored.get(slot, {})
        replicate = next(r for r in range(len(done) + 1) if r not in done)
        if not is_open(night, plan, slot, replicate):
            continue
        recipe = trained_recipe(night, lanes, name)
        assert isinstance(recipe, Recipe), recipe
        changes = (*night.accepted, name)
        wanted.append(Wanted(slot, replicate, recipe, plan.search_seed(replicate), changes=changes))
    return wanted


def is_undecided(night: NightRecord, candidate: str) -> bool:
    """Whether there are scores of a live candidate that the referee has not read."""
    reading = night.reading(candidate)
    return night.is_live(candidate) and night.seen[candidate] > (reading.replicates if reading else 0)


def _racing(night: NightRecord, places: int) -> list[str]:
    """Return the live candidates of this round: those that have begun it, then the most promising."""

    def promise(name: str) -> tuple[bool, float]:
        reading = night.reading(name)
        chance = reading.worthwhile_probability if reading else None
        return not is_undecided(night, name), -(UNREAD_PROMISE if chance is None else chance)

    chosen = sorted(live_candidates(night), key=promise)[:places]
    return [name for name in live_candidates(night) if name in chosen]


def _due_baselines(night: NightRecord, plan: NightPlan) -> list[int]:
    """Return the numbers of the interleaved baseline replicates that are due.

    What the present round has measured does not count yet: a round that is completed after an interruption asks for
    what it asked for at its start.
    """
    before = night.raced - sum(is_undecided(night, name) for name in live_candidates(night))
    due = plan.referee.calibration_runs + before // plan.referee.baseline_every
    slot = Slot("calibrate", "baseline")
    return [r for r in range(plan.referee.calibration_runs, due) if is_open(night, plan, slot, r)]
