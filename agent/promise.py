"""Whether what is still undecided is worth further probes."""

from __future__ import annotations

from agent.context import NightContext
from agent.referee import Referee
from agent.schedule import live_candidates

SHARE = 0.5
"""Of the smallest effect of interest: what is undecided must promise at least this much of it."""


def why_enough(context: NightContext) -> str | None:
    """Return why further probes of the live candidates would be wasted; None while they are not, or none is live.

    They bring at most what deciding now loses on average: what each effect's sign may have wrong, and the whole gain
    where a guard is unresolved. A candidate that was never scored may bring anything.
    """
    night, plan = context.night, context.plan
    live = live_candidates(night)
    if not live or any(not night.seen[name] for name in live):
        return None
    referee, least = Referee(night, plan, context.evidence), SHARE * plan.referee.block_worthwhile
    promise = sum(_promise(context, referee, name) for name in live)
    if promise >= least:
        return None
    return f"what is undecided is worth no further probe: to be sure of all of it would add {promise:.2f} points"


def _promise(context: NightContext, referee: Referee, name: str) -> float:
    effect, reading = referee.effect(name), context.night.reading(name)
    is_unresolved = reading is not None and any(guard.state == "unresolved" for guard in reading.guards.values())
    return effect.regret + (max(0.0, effect.mean) if is_unresolved else 0.0)
