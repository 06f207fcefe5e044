"""Which probes come next: pure functions from the record to plans.

Every function gives the same answer before and after an interruption: what is finished is left out, what was started
and lost is asked for again under its old number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.evidence import as_run, attempts, live_candidates, scored_replicates
from agent.plan import NightPlan
from agent.ports import RequestBuilder
from lanes.lane import Lane
from probes.candidate import LaneName
from probes.recipe import Recipe
from probes.request import Split
from tracking.events import Arm, Phase, ProbePlan
from tracking.night import NightRecord


@dataclass(frozen=True)
class Wanted:
    """A probe that is missing."""

    phase: Phase
    arm: Arm
    replicate: int
    recipe: Recipe
    seed: int
    split: Split
    candidate: str | None = None
    changes: tuple[str, ...] = ()


def missing_calibration(night: NightRecord, plan: NightPlan) -> list[Wanted]:
    """Return the baseline replicates that calibration still lacks."""
    return [
        _baseline(plan, replicate)
        for replicate in range(plan.referee.calibration_runs)
        if _is_open(night, plan, "calibrate", "baseline", None, replicate)
    ]


def next_round(night: NightRecord, plan: NightPlan, lanes: Mapping[LaneName, Lane]) -> list[Wanted]:
    """Return the probes of this round: a baseline replicate when one is due, and one replicate per live candidate.

    A candidate whose replicate of this round has already ended waits for the others, so that a round cut short by an
    interruption is completed before anything is decided.
    """
    wanted: list[Wanted] = []
    replicate = due_baseline(night, plan)
    if replicate is not None:
        wanted.append(_baseline(plan, replicate))
    for name in live_candidates(night):
        reading = night.reading(name)
        decided = reading.replicates if reading else 0
        done = scored_replicates(night, "search", "candidate", name)
        if len(done) > decided:
            continue
        replicate = next(r for r in range(len(done) + 1) if r not in done)
        wanted.append(_candidate(night, plan, lanes, name, replicate))
    return wanted


def due_baseline(night: NightRecord, plan: NightPlan) -> int | None:
    """Return the number of the interleaved baseline replicate that is due, None when none is."""
    decided = sum(readings[-1].replicates for readings in night.readings.values())
    due = plan.referee.calibration_runs + decided // plan.referee.baseline_every
    for replicate in range(plan.referee.calibration_runs, due):
        if _is_open(night, plan, "calibrate", "baseline", None, replicate):
            return replicate
    return None


def missing_confirmation(night: NightRecord, plan: NightPlan) -> list[Wanted]:
    """Return the confirmation probes still missing, the two arms in turn, on fresh seeds and held-out items."""
    assert night.working_recipe is not None
    arms: tuple[tuple[Arm, Recipe, tuple[str, ...]], ...] = (
        ("baseline", plan.baseline, ()),
        ("final", night.working_recipe, night.accepted),
    )
    return [
        Wanted("confirm", arm, replicate, recipe, plan.confirm_seed(arm, replicate), "held_out", changes=changes)
        for replicate in range(plan.confirm_probes // 2)
        for arm, recipe, changes in arms
        if _is_open(night, plan, "confirm", arm, None, replicate)
    ]


def to_plans(night: NightRecord, wanted: list[Wanted], make_request: RequestBuilder) -> list[ProbePlan]:
    """Number the wanted probes and build their requests; a probe that was started and lost keeps its number."""
    used = [p.plan.number for p in night.probes] + [plan.number for plan in night.open_plans.values()]
    number = max(used, default=0)
    plans: list[ProbePlan] = []
    for want in wanted:
        request = make_request(want.recipe, want.seed, want.split)
        lost = night.open_plans.get(request.key)
        if lost is None:
            number += 1
        plans.append(
            ProbePlan(
                number=lost.number if lost else number,
                phase=want.phase,
                arm=want.arm,
                candidate=want.candidate,
                changes=want.changes,
                replicate=want.replicate,
                attempt=1 + attempts(night, want.phase, want.arm, want.candidate, want.replicate),
                request=request,
            )
        )
    return plans


def trained_recipe(night: NightRecord, lanes: Mapping[LaneName, Lane], candidate: str) -> Recipe | str:
    """Return the candidate's change on the present working recipe, or why it no longer fits there."""
    assert night.working_recipe is not None
    proposed = night.candidates[candidate]
    lane = lanes[proposed.change.lane]
    if proposed.parent == night.working_recipe.fingerprint:
        return proposed.recipe
    refusal = lane.refusal(proposed.change, night.working_recipe)
    return refusal if refusal is not None else lane.apply(proposed.change, night.working_recipe)


def probes_used(night: NightRecord) -> int:
    """Count the probes that ended, in whatever status."""
    return len(night.probes)


def failed_baselines(night: NightRecord) -> list[str]:
    """Return the messages of baseline probes that left no scores."""
    return [p.outcome.message or p.outcome.status for p in night.probes if p.plan.arm == "baseline" and not as_run(p)]


def _baseline(plan: NightPlan, replicate: int) -> Wanted:
    return Wanted("calibrate", "baseline", replicate, plan.baseline, plan.search_seed(replicate), "search")


def _candidate(
    night: NightRecord, plan: NightPlan, lanes: Mapping[LaneName, Lane], name: str, replicate: int
) -> Wanted:
    recipe = trained_recipe(night, lanes, name)
    assert isinstance(recipe, Recipe), recipe
    changes = (*night.accepted, name)
    seed = plan.search_seed(replicate)
    return Wanted("search", "candidate", replicate, recipe, seed, "search", candidate=name, changes=changes)


def _is_open(
    night: NightRecord, plan: NightPlan, phase: Phase, arm: Arm, candidate: str | None, replicate: int
) -> bool:
    done = replicate in scored_replicates(night, phase, arm, candidate)
    return not done and attempts(night, phase, arm, candidate, replicate) < plan.max_attempts
