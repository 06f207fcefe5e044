"""Second looks: which candidates that were set down are worth probes again."""

from __future__ import annotations

from agent.context import NightContext
from agent.recipes import trained_recipe
from lanes.interactions import interacts
from probes.recipe import Recipe

REVISIT_LEVEL = 0.5
"""P(better) from which on a parked candidate is worth the probes that nothing else wants."""
LEAST_HOPE = 0.1
"""P(worthwhile) below which a rejected candidate is not taken up again, whatever moved."""
MOST_REVISITS = 2
"""Times a candidate is taken up again."""
MOST_RETURNS = 2
"""Candidates taken up again in one round because the working recipe moved under them."""


def worth_another_look(context: NightContext) -> list[str]:
    """Return parked candidates that look better than the baseline and still fit, the most promising first."""
    night = context.night
    found: list[tuple[float, str]] = []
    for name, readings in night.readings.items():
        better = readings[-1].better_probability or 0.0
        if readings[-1].decision == "park" and better >= REVISIT_LEVEL and _may_return(context, name):
            found.append((-better, name))
    return [name for _, name in sorted(found)]


def moved_under(context: NightContext) -> list[tuple[str, str]]:
    """Return candidates set down before the working recipe moved in a knob they act together with, and why.

    Guards that a candidate harmed are no question of its target, so it stays out.
    """
    night, found = context.night, list[tuple[str, str]]()
    for name, readings in night.readings.items():
        last, before = readings[-1], night.moves_at_reading[name]
        known = set(night.moves[before - 1][1]) if before else set[str]()
        worthwhile = last.worthwhile_probability or 0.0
        if last.decision not in ("park", "reject") or worthwhile < LEAST_HOPE or not _may_return(context, name):
            continue
        if any(guard.state == "harmful" for guard in last.guards.values()):
            continue
        for moved in (other for other in night.accepted if other not in known):
            why = interacts(night.candidates[name].change, night.candidates[moved].change)
            if why is not None:
                found.append((name, f"{moved} entered the working recipe since: {why}"))
                break
    return found[:MOST_RETURNS]


def _may_return(context: NightContext, name: str) -> bool:
    night = context.night
    if name in night.accepted or night.is_live(name) or len(night.revisits.get(name, ())) >= MOST_REVISITS:
        return False
    return isinstance(trained_recipe(night, context.lanes, name), Recipe)
