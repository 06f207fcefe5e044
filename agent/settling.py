"""What goes into the confirmation: the changes that the whole night's evidence believes in, rehearsed together."""

from __future__ import annotations

from collections.abc import Sequence

from agent.context import NightContext
from agent.recipes import combine, standing
from agent.referee import Referee, final_failure
from probes.figures import show
from probes.recipe import Recipe
from probes.statistics.referee import failed_reading
from probes.statistics.verdicts import CandidateReading, Decision
from tracking import events as ev


def settle(context: NightContext) -> None:
    """Move the working recipe to the changes believed in after the last probe, and say of every one that moved why."""
    night = context.night
    referee = Referee(night, context.plan, context.evidence)
    sure = believed(context, referee)
    final = within_guards(context, referee, sure)
    for name in final:
        if name not in night.accepted:
            _decide(context, referee, name, "accept", "the whole night's probes speak for it")
    for name in night.accepted:
        if name not in final:
            _decide(context, referee, name, "park", _why_out(referee, name, sure))
    if final != night.accepted:
        move(context, final)


def believed(context: NightContext, referee: Referee) -> tuple[str, ...]:
    """Return the changes that the night's evidence speaks for, those accepted before the others.

    A race keeps what it accepted and still believes in; after blocks it is what the whole night's fit is sure of.
    """
    night = context.night
    probed = [name for name in night.candidates if night.seen[name] and _may_stay(context, referee, name)]
    sure = referee.shipped(probed) if night.blocks else tuple(name for name in night.accepted if name in probed)
    return (*(name for name in night.accepted if name in sure), *(name for name in sure if name not in night.accepted))


def within_guards(context: NightContext, referee: Referee, changes: Sequence[str]) -> tuple[str, ...]:
    """Return those of `changes` that stand together, keep the sum of every guard's effects in bounds and promise most.

    Taking out what costs an endangered guard most may take out the night's best change; so sets that begin with what
    promises most, alone or for what it costs, are held against that one by the sum of their effects on the target.
    """
    whole = _taken_out_in_turn(context, referee, changes)
    if not context.night.blocks:
        return whole
    promise = {name: referee.effect(name).mean for name in changes}
    costs = {name: _guard_cost(context, referee, name) for name in changes}
    orders = (
        sorted(changes, key=lambda n: -promise[n]),
        sorted(changes, key=lambda n: costs[n] / max(promise[n], 0.01)),
    )
    sets = [whole, *(_added_in_turn(context, referee, order) for order in orders)]
    return max(sets, key=lambda names: sum(promise[name] for name in names))


def drop_for_rehearsal(context: NightContext) -> bool:
    """Take out the change that costs most of the guard which the rehearsal saw broken; return whether there was one."""
    night = context.night
    referee = Referee(night, context.plan, context.evidence)
    guard = referee.broken_by_rehearsal(night.accepted)
    if guard is None:
        return False
    worst = _least_missed(referee, guard, night.accepted)
    costliest = worst == _costliest(referee, guard, night.accepted)
    why = "costs it most" if costliest else "gives the target least for what it costs it"
    reason = f"the final recipe as a whole broke {guard} in its rehearsal, and this change {why}"
    _decide(context, referee, worst, "park", reason)
    move(context, tuple(name for name in night.accepted if name != worst))
    return True


def decided(context: NightContext, candidate: str, reading: CandidateReading) -> None:
    """Record a reading unless it is the candidate's last one, which an interruption may have cut from its effects."""
    if reading != context.night.reading(candidate):
        context.record(ev.CandidateDecided(at=context.clock.now(), candidate=candidate, reading=reading))


def move(context: NightContext, accepted: Sequence[str]) -> None:
    """Record the working recipe that `accepted` gives; a change that no longer stands on the others is parked."""
    kept, recipe = standing(context.plan.baseline, accepted, context.night.candidates, context.lanes)
    for name in accepted:
        reading = context.night.reading(name)
        if name not in kept and reading is not None:
            reason = "what it started from has left the working recipe"
            decided(context, name, reading.model_copy(update={"decision": "park", "reason": reason}))
    context.record(ev.WorkingRecipeMoved(at=context.clock.now(), accepted=kept, recipe=recipe))


def _may_stay(context: NightContext, referee: Referee, name: str) -> bool:
    """Whether a change by itself is believed in: its effect, its guards, and no failure that its recipe caused."""
    night = context.night
    if final_failure(night, name, context.plan.max_attempts) is not None or referee.should_leave(name) is not None:
        return False
    margins, risk = context.plan.guards, context.plan.referee.guard_risk
    return name in night.accepted or all(
        referee.guard_effect(guard, name).below(-margin) < risk for guard, margin in margins.items()
    )


def _taken_out_in_turn(context: NightContext, referee: Referee, changes: Sequence[str]) -> tuple[str, ...]:
    """Return all changes that stand together without those that cost an endangered guard most."""
    baseline, candidates, lanes = context.plan.baseline, context.night.candidates, context.lanes
    kept, _ = standing(baseline, changes, candidates, lanes)
    while (guard := _endangered(context, referee, kept)) is not None:
        worst = _costliest(referee, guard, kept)
        kept, _ = standing(baseline, [name for name in kept if name != worst], candidates, lanes)
    return kept


def _added_in_turn(context: NightContext, referee: Referee, order: Sequence[str]) -> tuple[str, ...]:
    """Return what can be added one after the other with every guard in bounds; what starts from a later one waits."""
    kept, left = tuple[str, ...](), list(order)
    while left:
        wanted = next((name for name in left if _fits(context, referee, (*kept, name))), None)
        if wanted is None:
            break
        kept = (*kept, wanted)
        left.remove(wanted)
    return kept


def _fits(context: NightContext, referee: Referee, changes: tuple[str, ...]) -> bool:
    recipe = combine(context.plan.baseline, changes, context.night.candidates, context.lanes)
    return isinstance(recipe, Recipe) and _endangered(context, referee, changes) is None


def _guard_cost(context: NightContext, referee: Referee, name: str) -> float:
    """Return what a change takes of its worst guard, as a share of the margin."""
    margins = context.plan.guards.items()
    return max((max(0.0, -referee.guard_effect(guard, name).mean) / margin for guard, margin in margins), default=0.0)


def _least_missed(referee: Referee, guard: str, changes: Sequence[str]) -> str:
    """Return the change that gives the target least for what it costs the guard; the costliest when none costs it."""
    cost = {name: -referee.guard_effect(guard, name).mean for name in changes}
    costly = [name for name in changes if cost[name] > 0.0]
    return (
        min(costly, key=lambda n: referee.effect(n).mean / cost[n]) if costly else _costliest(referee, guard, changes)
    )


def _endangered(context: NightContext, referee: Referee, kept: Sequence[str]) -> str | None:
    """Return the guard most likely beyond its margin with all of `kept`, None when every one is within the risk."""
    plan = context.plan
    if not kept:
        return None
    harm = {name: referee.guard_total(name, kept).below(-margin) for name, margin in plan.guards.items()}
    worst = max(harm, key=lambda name: harm[name], default=None)
    return worst if worst is not None and harm[worst] >= plan.referee.guard_risk else None


def _costliest(referee: Referee, guard: str, changes: Sequence[str]) -> str:
    return min(changes, key=lambda name: referee.guard_effect(guard, name).mean)


def _why_out(referee: Referee, name: str, sure: Sequence[str]) -> str:
    if name in sure:
        return "with all other changes a guard would come too near its margin, or what it starts from has left"
    better = show(referee.effect(name).above(0.0), "probability")
    return referee.should_leave(name) or f"the whole night's probes are not sure enough of it: P(effect > 0) = {better}"


def _decide(context: NightContext, referee: Referee, name: str, decision: Decision, reason: str) -> None:
    seen = context.night.seen[name]
    reading = referee.read(name) or failed_reading(decision, seen, reason)
    decided(context, name, reading.model_copy(update={"decision": decision, "reason": reason}))
