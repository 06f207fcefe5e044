"""Which probes come next: pure functions from the record to plans.

Every function gives the same answer before and after an interruption: what is finished is left out, what was started
and lost is asked for again under its old number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from agent.early_stop import with_rule
from agent.plan import NightPlan
from agent.ports import RequestBuilder
from agent.recipes import combine, trained_recipe
from agent.state import Next
from lanes.lane import Lane
from probes.candidate import LaneName
from probes.outcome import ProbeStatus
from probes.recipe import Recipe
from probes.request import Purpose, Split
from probes.statistics.early_stop import StopRule
from tracking.events import ProbePlan, is_short
from tracking.finished import Slot
from tracking.night import NightRecord

SMOKE_BASELINES = 2
"""Smoke runs of the baseline that a change's smoke run is held against."""
SHORT_COST = 0.25
"""Price in probes of a smoke run, of a training broken on purpose, and of measuring the base alone."""
RECIPES_FAULT = frozenset(
    {ProbeStatus.TIMED_OUT, ProbeStatus.OUT_OF_MEMORY, ProbeStatus.DIVERGED, ProbeStatus.STOPPED_EARLY}
)
"""Ends that the recipe would come to again; a crash may be the machine's."""


@dataclass(frozen=True)
class Wanted:
    """A probe that is missing."""

    slot: Slot
    replicate: int
    recipe: Recipe
    seed: int
    split: Split = "search"
    changes: tuple[str, ...] = ()


def missing_calibration(night: NightRecord, plan: NightPlan) -> list[Wanted]:
    """Return the baseline replicates that calibration still lacks."""
    return [
        wanted
        for replicate in range(plan.referee.calibration_runs)
        if is_open(night, plan, (wanted := calibration_probe(plan, replicate)).slot, replicate)
    ]


def open_rows(night: NightRecord, plan: NightPlan, lanes: Mapping[LaneName, Lane]) -> list[Wanted]:
    """Return the rows of the latest block that have not been measured yet."""
    if not night.blocks:
        return []
    block = night.blocks[-1]
    slot = Slot("search", "block", block=block.number)
    wanted: list[Wanted] = []
    for row, changes in enumerate(block.rows):
        if is_open(night, plan, slot, row):
            recipe = combine(plan.baseline, changes, night.candidates, lanes)
            assert isinstance(recipe, Recipe), recipe
            wanted.append(Wanted(slot, row, recipe, plan.block_seed(block.number, row), changes=changes))
    return wanted


def missing_smoke(night: NightRecord, plan: NightPlan, lanes: Mapping[LaneName, Lane]) -> list[Wanted]:
    """Return the smoke runs that live candidates, and the baseline they are held against, still lack."""
    if not plan.referee.smoke:
        return []
    fresh = [name for name in live_candidates(night) if not night.seen[name] and name not in night.readings]
    wanted = [_smoke(night, plan, lanes, name) for name in fresh]
    wanted = [want for want in wanted if is_open(night, plan, want.slot, 0)]
    if not fresh:
        return []
    slot = Slot("smoke", "baseline")
    baselines = [Wanted(slot, r, plan.baseline, plan.search_seed(r)) for r in range(SMOKE_BASELINES)]
    return [*(b for b in baselines if is_open(night, plan, slot, b.replicate)), *wanted]


def has_begun(night: NightRecord, candidate: str) -> bool:
    """Whether a candidate has been probed or smoke-tested."""
    return night.seen[candidate] > 0 or Slot("smoke", "candidate", candidate) in night.scored


def where_it_broke_off(night: NightRecord) -> Next:
    """Return the node at which a search goes on whose position was lost: every node completes what it began."""
    if not night.candidates or night.design == "rehearsal":
        return "propose"
    if night.last_step == "probe_finished":
        return "probe"
    return "decide" if night.last_step in ("candidate_decided", "working_recipe_moved") else "propose"


def missing_rehearsal(night: NightRecord, plan: NightPlan) -> list[Wanted]:
    """Return the probes of the final recipe as a whole that the search still lacks."""
    assert night.working_recipe is not None
    slot = Slot("search", "final", changes=night.accepted)
    recipe, changes = night.working_recipe, night.accepted
    return [
        Wanted(slot, replicate, recipe, plan.rehearsal_seed(replicate), changes=changes)
        for replicate in range(plan.referee.rehearsals if changes else 0)
        if is_open(night, plan, slot, replicate)
    ]


def missing_confirmation(night: NightRecord, plan: NightPlan) -> list[Wanted]:
    """Return the confirmation probes still missing, the two arms in turn, on fresh seeds and held-out items."""
    assert night.working_recipe is not None
    base = (Slot("confirm", "baseline"), plan.baseline, ())
    final = (Slot("confirm", "final", changes=night.accepted), night.working_recipe, night.accepted)
    return [
        Wanted(slot, replicate, recipe, plan.confirm_seed(slot.arm, replicate), "held_out", changes)
        for replicate in range((night.confirm_probes or plan.confirm_probes) // 2)
        for slot, recipe, changes in (base, final)
        if is_open(night, plan, slot, replicate)
    ]


def tried_least(night: NightRecord, wanted: list[Wanted]) -> list[Wanted]:
    """Return those that failed least often: the others are tried again once these have ended.

    So a round has the same order whether or not it was interrupted between a failure and the next try.
    """
    fewest = min((night.tries(want.slot, want.replicate) for want in wanted), default=0)
    return [want for want in wanted if night.tries(want.slot, want.replicate) == fewest]


def is_first_try(night: NightRecord, wanted: Wanted) -> bool:
    """Whether nothing has failed in its place yet."""
    return not night.tries(wanted.slot, wanted.replicate)


def to_plans(
    night: NightRecord, wanted: Sequence[Wanted], make_request: RequestBuilder, rule: StopRule | None = None
) -> list[ProbePlan]:
    """Number the wanted probes and build their requests; a probe that was started and lost keeps its number.

    Args:
        night: The record.
        wanted: What is missing.
        make_request: Builds requests.
        rule: Ends hopeless trainings, where that is allowed.
    """
    number = night.highest_number
    plans: list[ProbePlan] = []
    for want in wanted:
        request = make_request(want.recipe, want.seed, want.split, _purpose(want.slot))
        request = with_rule(request, want.slot.phase, want.slot.arm, want.replicate, rule)
        lost = night.open_plans.get(request.key)
        if lost is None:
            number += 1
        plans.append(
            ProbePlan(
                number=lost.number if lost else number,
                phase=want.slot.phase,
                arm=want.slot.arm,
                candidate=want.slot.candidate,
                block=want.slot.block,
                changes=want.changes,
                replicate=want.replicate,
                attempt=1 + night.tries(want.slot, want.replicate),
                request=request,
            )
        )
    return plans


def live_candidates(night: NightRecord) -> list[str]:
    """Return the ids of candidates that still want probes, in order of proposal."""
    return sorted(night.live, key=lambda name: night.live[name])


def probes_used(night: NightRecord) -> int:
    """Return what the night has spent, in probes: short ones count a quarter, failed probes whole."""
    return len(night.probes) - night.short + ceil(night.short * SHORT_COST)


def price(wanted: list[Wanted]) -> int:
    """Return what the wanted probes will cost, in probes."""
    short = sum(is_short(want.slot.phase, want.slot.arm) for want in wanted)
    return len(wanted) - short + ceil(short * SHORT_COST)


def _purpose(slot: Slot) -> Purpose | None:
    if slot.phase == "smoke":
        return "smoke"
    return slot.arm if slot.arm == "base" or slot.arm == "broken" or slot.arm == "repeat" else None


def failed_baselines(night: NightRecord) -> list[str]:
    """Return the messages of baseline probes that left no scores."""
    lost = (probe for slot, probes in night.failed.items() if slot.arm == "baseline" for probe in probes)
    return [probe.outcome.message or probe.outcome.status for probe in lost]


def is_open(night: NightRecord, plan: NightPlan, slot: Slot, replicate: int) -> bool:
    """Whether a replicate has no scores and is worth another try: what a recipe did once, it would do again."""
    if replicate in night.scored.get(slot, ()):
        return False
    lost = [probe for probe in night.failed.get(slot, ()) if probe.plan.replicate == replicate]
    is_ruled_out = slot.arm != "baseline" and any(p.outcome.status in RECIPES_FAULT for p in lost)
    return not is_ruled_out and len(lost) < plan.max_attempts


def calibration_probe(plan: NightPlan, replicate: int) -> Wanted:
    """Return a replicate of the baseline, on a seed that candidates have too."""
    return Wanted(Slot("calibrate", "baseline"), replicate, plan.baseline, plan.search_seed(replicate))


def _smoke(night: NightRecord, plan: NightPlan, lanes: Mapping[LaneName, Lane], name: str) -> Wanted:
    recipe = trained_recipe(night, lanes, name)
    assert isinstance(recipe, Recipe), recipe
    changes = (*night.accepted, name)
    return Wanted(Slot("smoke", "candidate", name), 0, recipe, plan.search_seed(0), changes=changes)
