"""What goes into the confirmation: the changes that the whole night's evidence believes in, rehearsed together."""

from __future__ import annotations

from collections.abc import Sequence

from agent.context import NightContext
from agent.recipes import standing
from agent.referee import Referee, final_failure
from probes.figures import show
from probes.statistics.referee import failed_reading
from probes.statistics.verdicts import CandidateReading, Decision
from tracking import events as ev


def settle(context: NightContext) -> None:
    """Move the working recipe to the changes believed in after the last probe, and say of every one that moved why."""
    night = context.night
    referee = Referee(night, context.plan, context.evidence)
    final = believed(context, referee)
    for name in final:
        if name not in night.accepted:
            _decide(context, referee, name, "accept", "the whole night's probes speak for it")
    for name in night.accepted:
        if name not in final:
            _decide(context, referee, name, "park", _why_out(context, referee, name))
    if final != night.accepted:
        move(context, final)


def believed(context: NightContext, referee: Referee) -> tuple[str, ...]:
    """Return the changes for the final recipe, every guard's sum in bounds.

    A race keeps what it accepted and still believes in; after blocks it is what the whole night's fit is sure of.
    """
    night, plan = context.night, context.plan
    probed = [name for name in night.candidates if night.seen[name] and _may_stay(context, referee, name)]
    sure = referee.shipped(probed) if night.blocks else tuple(name for name in night.accepted if name in probed)
    ordered = [*(name for name in night.accepted if name in sure), *(n for n in sure if n not in night.accepted)]
    kept, _ = standing(plan.baseline, ordered, night.candidates, context.lanes)
    while (guard := _endangered(context, referee, kept)) is not None:
        worst = _costliest(referee, guard, kept)
        kept, _ = standing(plan.baseline, [n for n in kept if n != worst], night.candidates, context.lanes)
    return kept


def drop_for_rehearsal(context: NightContext) -> bool:
    """Take out the change that costs most of the guard which the rehearsal saw broken; return whether there was one."""
    night = context.night
    referee = Referee(night, context.plan, context.evidence)
    guard = referee.broken_by_rehearsal(night.accepted)
    if guard is None:
        return False
    worst = _costliest(referee, guard, night.accepted)
    reason = f"the final recipe as a whole broke {guard} in its rehearsal, and this change costs it most"
    _decide(context, referee, worst, "park", reason)
    move(context, tuple(name for name in night.accepted if name != worst))
    return True


def decided(context: NightContext, candidate: str, reading: CandidateReading) -> None:
    """Record a reading unless it is the candidate's last one, which an interruption may have cut from its effects."""
    if reading != context.night.reading(candidate):
        context.record(ev.CandidateDecided(at=context.clock.now(), candidate=candidate, reading=reading))


def move(context: NightContext, accepted: Sequence[str]) -> None:
    """Record the working recipe that `accepted` gives; a change that no longer stands on the others is left out."""
    kept, recipe = standing(context.plan.baseline, accepted, context.night.candidates, context.lanes)
    context.record(ev.WorkingRecipeMoved(at=context.clock.now(), accepted=kept, recipe=recipe))


def _may_stay(context: NightContext, referee: Referee, name: str) -> bool:
    """Whether a change by itself is believed in: its effect, its guards, and no failure that its recipe caused."""
    night = context.night
    if final_failure(night, name, context.plan.max_attempts) is not None or referee.should_leave(name) is not None:
        return False
    reading = night.reading(name)
    guards = reading.guards.values() if reading else ()
    return name in night.accepted or all(guard.state == "safe" for guard in guards)


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


def _why_out(context: NightContext, referee: Referee, name: str) -> str:
    night = context.night
    if night.blocks and name not in referee.shipped([other for other in night.accepted if night.seen[other]]):
        better = show(referee.effect(name).above(0.0), "probability")
        return f"the whole night's probes are not sure enough of it: P(effect > 0) = {better}"
    return referee.should_leave(name) or "with all other changes a guard would come too near its margin"


def _decide(context: NightContext, referee: Referee, name: str, decision: Decision, reason: str) -> None:
    seen = context.night.seen[name]
    reading = referee.read(name) or failed_reading(decision, seen, reason)
    decided(context, name, reading.model_copy(update={"decision": decision, "reason": reason}))
