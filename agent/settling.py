"""What goes into the confirmation: the changes that the whole night's evidence believes in, rehearsed together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

from agent.assurance import Assurance, affordable_confirmation
from agent.context import NightContext
from agent.moving import decided, move
from agent.recipes import standing
from agent.referee import Referee, final_failure
from probes.figures import show_chance
from probes.statistics.referee import failed_reading
from probes.statistics.verdicts import Decision


def settle(context: NightContext) -> None:
    """Move the working recipe to the changes believed in after the last probe, and say of every one that moved why."""
    night = context.night
    referee = Referee(night, context.plan, context.evidence)
    sure = believed(context, referee)
    final = most_claimable(context, referee, sure)
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


def most_claimable(context: NightContext, referee: Referee, changes: Sequence[str]) -> tuple[str, ...]:
    """Return those of `changes` that stand together and are worth most as a claim.

    A set is worth its effect on the target times the square root of its chance to be claimed: half way, as ratios go,
    between what is believed of it and what is to be expected of its claim. Only one change is added or taken out at a
    time, from nothing and from all of them; the better end counts.
    """
    assurance = Assurance(context.plan, referee)
    probes = affordable_confirmation(context, kept=context.plan.referee.rehearsals)

    def worth(names: Sequence[str]) -> float:
        promise = referee.total(context.plan.target, names).mean if names else 0.0
        return promise * sqrt(assurance.of(names, probes)) if promise > 0.0 else promise

    def stand(names: Sequence[str]) -> tuple[str, ...]:
        return standing(context.plan.baseline, names, context.night.candidates, context.lanes)[0]

    ends = [_climb(changes, start, worth, stand) for start in ((), stand(changes))]
    return max(ends, key=worth)


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


def _may_stay(context: NightContext, referee: Referee, name: str) -> bool:
    """Whether a change by itself is believed in: its effect, its guards, and no failure that its recipe caused."""
    night = context.night
    if final_failure(night, name, context.plan.max_attempts) is not None or referee.should_leave(name) is not None:
        return False
    margins, risk = context.plan.guards, context.plan.referee.guard_risk
    return name in night.accepted or all(
        referee.guard_effect(guard, name).below(-margin) < risk for guard, margin in margins.items()
    )


def _climb(
    changes: Sequence[str],
    names: tuple[str, ...],
    worth: Callable[[Sequence[str]], float],
    stand: Callable[[Sequence[str]], tuple[str, ...]],
) -> tuple[str, ...]:
    """Return where adding or taking out one change, with what can then not stay, no longer makes a set worth more."""
    while True:
        without = (tuple(other for other in names if other != name) for name in names)
        with_it = ((*names, name) for name in changes if name not in names)
        nexts = [stand(others) for others in without]
        nexts += [kept if (kept := stand(more)) == more else stand((more[-1], *names)) for more in with_it]
        best = max(nexts, key=worth, default=names)
        if worth(best) <= worth(names):
            return names
        names = best


def _least_missed(referee: Referee, guard: str, changes: Sequence[str]) -> str:
    """Return the change that gives the target least for what it costs the guard; the costliest when none costs it."""
    cost = {name: -referee.guard_effect(guard, name).mean for name in changes}
    costly = [name for name in changes if cost[name] > 0.0]
    return (
        min(costly, key=lambda n: referee.effect(n).mean / cost[n]) if costly else _costliest(referee, guard, changes)
    )


def _costliest(referee: Referee, guard: str, changes: Sequence[str]) -> str:
    return min(changes, key=lambda name: referee.guard_effect(guard, name).mean)


def _why_out(referee: Referee, name: str, sure: Sequence[str]) -> str:
    if name in sure:
        return "the others are worth more as a claim without it, or what it starts from has left"
    better = show_chance("P(effect > 0)", referee.effect(name).above(0.0))
    return referee.should_leave(name) or f"the whole night's probes are not sure enough of it: {better}"


def _decide(context: NightContext, referee: Referee, name: str, decision: Decision, reason: str) -> None:
    seen = context.night.seen[name]
    reading = referee.read(name) or failed_reading(decision, seen, reason)
    decided(context, name, reading.model_copy(update={"decision": decision, "reason": reason}))
