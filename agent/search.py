"""How the search spends its probes: which candidates are live, block or race, and when nothing new is tried.

The planner prefers a block while one can be paid for and filled, and rows chosen by the fit for what is left: on
simulated nights they ship more per probe than the race at every budget that holds a block (`make bench-referee`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, takewhile

from agent.assurance import wanted_confirmation, why_confirm
from agent.bases import bases
from agent.context import NightContext
from agent.promise import why_enough
from agent.proposers.proposer import Question
from agent.proposing import propose, shunned
from agent.recipes import combine, trained_recipe, with_change
from agent.referee import Referee
from agent.revisits import MOST_RETURNS, moved_under, worth_another_look
from agent.rounds import next_round
from agent.schedule import (
    SHORT_COST,
    Wanted,
    has_begun,
    live_candidates,
    missing_smoke,
    open_rows,
    probes_used,
)
from lanes.interactions import clashes
from probes.candidate import Change
from probes.recipe import Recipe
from probes.statistics.blocks import LEAST_FACTORS, PLACES, ROWS, Block, design_block
from tracking import events as ev
from tracking.night import NightRecord

LAST_REFILL = 10
"""With fewer probes left no new candidate is started: nothing could be learned of it."""


def plan_search(context: NightContext) -> str | None:
    """Fill the places of the next round or block and record what was planned; return why the search is over."""
    night, plan = context.night, context.plan
    if open_rows(night, plan, context.lanes):
        return refusal(context, 1)
    reason = refusal(context, 1 + reserve(context))
    if reason is not None:
        return why_confirm(context) if refusal(context, 1 + context.plan.referee.rehearsals) is None else reason
    block_reason = no_block(context)
    if block_reason is None:
        fill(context, PLACES, one_per_knob=True)
        factors = fitting_factors(context)
        if len(factors) >= LEAST_FACTORS and missing_smoke(night, plan, context.lanes):
            choose(context, "blocks", why_blocks(context))
            return None
        block = plan_block(context, factors)
        if block is not None:
            choose(context, "blocks", why_blocks(context))
            context.record(ev.BlockPlanned(at=context.clock.now(), block=block))
            return None
        block_reason = f"fewer than {LEAST_FACTORS} changes are left that can share a block"
    if night.blocks:
        return plan_rows(context, block_reason)
    fill(context, race_places(context), one_per_knob=False)
    if not live_candidates(night):
        return "every lane is exhausted"
    choose(context, "race", block_reason)
    return None


def missing_search(context: NightContext) -> list[Wanted]:
    """Return what the search lacks now: rows of an open block, else smoke runs, else a round of the race."""
    night, plan, lanes = context.night, context.plan, context.lanes
    rows = open_rows(night, plan, lanes)
    if rows:
        return rows
    if night.design in ("blocks", "rows"):
        return missing_smoke(night, plan, lanes)
    return next_round(night, plan, lanes, race_places(context))


def plan_rows(context: NightContext, why: str) -> str | None:
    """Record the next rows, chosen where the fit is undecided; return why the search is over.

    The race would measure single changes on the whole working recipe, where gains saturate: after blocks its probes
    spoil the fit more than they tell (`make bench-referee`).
    """
    night, plan, rows = context.night, context.plan, race_places(context)
    if refusal(context, LAST_REFILL + reserve(context)) is None:
        fill(context, PLACES, one_per_knob=False)
        if len(live_candidates(night)) < PLACES and (enough := why_enough(context)) is not None:
            return enough
    choose(context, "rows", f"{why}; rows of several changes are chosen where the fit is undecided")
    if missing_smoke(night, plan, context.lanes):
        return None
    while rows > 1 and refusal(context, rows + reserve(context)) is not None:
        rows -= 1
    live = [name for name in live_candidates(night) if isinstance(trained_recipe(night, context.lanes, name), Recipe)]
    if not live:
        return "every lane is exhausted"
    referee = Referee(night, plan, context.evidence)
    number = len(night.blocks) + 1
    chosen = referee.choose_rows(live, rows, plan.block_seed(number, -1), lambda names: _can_share(context, names))
    block = Block(
        number=number,
        factors=tuple(live),
        rows=tuple((*bases(context, names), *names) for names in chosen),
        kind="chosen",
        aliasing="rows are chosen by what the fit does not know, one after the other",
    )
    context.record(ev.BlockPlanned(at=context.clock.now(), block=block))
    return None


def no_block(context: NightContext) -> str | None:
    """Return why the next probes cannot be a block, None when they can."""
    rules = context.plan.referee
    if rules.design == "race":
        return "the session asks for it"
    rows = block_rows(context)
    fresh = PLACES - sum(has_begun(context.night, name) for name in live_candidates(context.night))
    smoke = round(SHORT_COST * fresh + 0.5) if rules.smoke else 0
    if refusal(context, rows + smoke + reserve(context)) is None:
        return None
    return f"what is left of the budget does not pay for a block of {rows} probes and its smoke runs"


def why_blocks(context: NightContext) -> str:
    """Return the planner's reason for a block."""
    return f"a block of {block_rows(context)} probes tells of up to {PLACES} changes and fits into what is left"


def block_rows(context: NightContext) -> int:
    """Return the probes of a block."""
    return 2 * ROWS if context.plan.referee.fold_blocks else ROWS


def race_places(context: NightContext) -> int:
    """Return how many candidates race at the same time."""
    return max(context.plan.side_by_side, context.launcher.workers)


def reserve(context: NightContext) -> int:
    """Return the probes kept for the final recipe beside the session's confirmation; none while there is none.

    Its rehearsals, and what the confirmation lacks for its guards to be all but sure to pass.
    """
    plan = context.plan
    lacking = wanted_confirmation(context) - plan.confirm_probes
    return plan.referee.rehearsals + lacking if context.night.accepted else 0


def refusal(context: NightContext, probes: int) -> str | None:
    """Return why the search cannot have so many more probes, None when it can."""
    return context.budget.refusal(probes_used(context.night), probes, reserve_confirmation=True)


def choose(context: NightContext, design: ev.Design, reason: str) -> None:
    """Record the design when it is another one than before."""
    if context.night.design != design:
        context.record(ev.DesignChosen(at=context.clock.now(), design=design, reason=reason))


def fill(context: NightContext, places: int, one_per_knob: bool) -> None:
    """Ask the lanes until every place is taken or nothing is left; then take up what deserves a second look."""
    night = context.night
    returning = moved_under(context) if len(live_candidates(night)) < places else []
    for name, reason in returning[: max(0, MOST_RETURNS - _returned(night))]:
        if len(live_candidates(night)) < places:
            context.record(ev.CandidateRevisited(at=context.clock.now(), candidate=name, reason=reason))
    while len(live_candidates(night)) < places:
        closed = _taken_knobs(context) if one_per_knob else ()
        question = Question(night, context.plan, context.searched, closed, shunned(context), context.tried)
        for event in propose(question, context.proposer, context.clock):
            context.record(event)
        if len(night.candidates) + len(night.refusals) == question.number:
            break
    free = places - len(live_candidates(night))
    for name in list(islice(worth_another_look(context), max(0, free))):
        reason = "nothing new is left, and it was parked while it looked better than the baseline"
        context.record(ev.CandidateRevisited(at=context.clock.now(), candidate=name, reason=reason))


def fitting_factors(context: NightContext) -> tuple[str, ...]:
    """Return the live candidates that can share the next block, the earlier proposed before the later.

    They clash nowhere, and each fits on the working recipe, alone and with those before it.
    """
    night, lanes, changes = context.night, context.lanes, list[Change]()
    chosen, recipe = tuple[str, ...](), _recipe(context, night.accepted)
    for name in live_candidates(night):
        own = night.candidates[name].change
        if len(chosen) == PLACES or isinstance(recipe, str):
            break
        if any(clashes(own, other) for other in changes) or isinstance(trained_recipe(night, lanes, name), str):
            continue
        together = with_change(recipe, name, night.candidates, lanes)
        if isinstance(together, Recipe):
            chosen, recipe = (*chosen, name), together
            changes.append(own)
    return chosen


def plan_block(context: NightContext, factors: Sequence[str]) -> Block | None:
    """Return the next block over `factors`, None when too few of them can share one.

    A factor whose row gives no valid recipe is left out.
    """
    while len(factors) >= LEAST_FACTORS:
        block = _designed(context, factors)
        misfits = [row[-1] for row in block.rows if isinstance(_recipe(context, row), str)]
        if not misfits:
            return block
        factors = [name for name in factors if name != next((m for m in misfits if m in factors), factors[-1])]
    return None


def _designed(context: NightContext, factors: Sequence[str]) -> Block:
    """Return the block over `factors`, run on their bases."""
    number, plan = len(context.night.blocks) + 1, context.plan
    return design_block(
        number,
        factors,
        fixed=bases(context, factors),
        seed=plan.block_seed(number, -1),
        folded=plan.referee.fold_blocks,
    )


def end_exploring(context: NightContext, reason: str) -> None:
    """Record that nothing new is tried; what follows is the rehearsal of the final recipe."""
    choose(context, "rehearsal", reason)


def _returned(night: NightRecord) -> int:
    """Return how many candidates were taken up again since the last probe, before an interruption or after."""
    since = takewhile(lambda event: not isinstance(event, ev.ProbeFinished), reversed(night.history))
    return sum(isinstance(event, ev.CandidateRevisited) for event in since)


def _taken_knobs(context: NightContext) -> tuple[tuple[str, str], ...]:
    changes = (context.night.candidates[name].change for name in live_candidates(context.night))
    return tuple((change.lane, change.knob) for change in changes)


def _can_share(context: NightContext, names: Sequence[str]) -> bool:
    """Whether the changes clash nowhere and give a recipe on what they start from."""
    changes = [context.night.candidates[name].change for name in names]
    if any(clashes(one, other) for i, one in enumerate(changes) for other in changes[:i]):
        return False
    return isinstance(_recipe(context, (*bases(context, names), *names)), Recipe)


def _recipe(context: NightContext, changes: Sequence[str]) -> Recipe | str:
    return combine(context.plan.baseline, changes, context.night.candidates, context.lanes)
