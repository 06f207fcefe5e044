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
    """Return those of `changes` that stand together and keep the sum of every guard's effects in bounds."""
    baseline, candidates, lanes = context.plan.baseline, context.night.candidates, context.lanes
    kept, _ = standing(baseline, changes, candidates, lanes)
    while (guard := _endangered(context, referee, kept)) is not None:
        worst = _costliest(referee, guard, kept)
        kept, _ = standing(baseline, [name for name in kept if name != worst], candidates, lanes)
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


def _why_out(referee: Referee, name: str, sure: Sequence[str]) -> str:
    if name in sure:
        return "with all other changes a guard would come too near its margin, or what it starts from has left"
    better = show(referee.effect(name).above(0.0), "probability")
    return referee.should_leave(name) or f"the whole night's probes are not sure enough of it: P(effect > 0) = {better}"


def _decide(context: NightContext, referee: Referee, name: str, decision: Decision, reason: str) -> None:
    seen = context.night.seen[name]
    reading = referee.read(name) or failed_reading(decision, seen, reason)
    decided(context, name, reading.model_copy(update={"decision": decision, "reason": reason}))
