"""Second looks: which candidates that were set down are worth probes again."""

from __future__ import annotations

from collections.abc import Sequence

from agent.context import NightContext
from agent.recipes import trained_recipe
from lanes.interactions import interacts
from probes.recipe import Recipe
from tracking.night import NightRecord

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
    entered: dict[int, list[str]] = {}  # by the moves before a reading: what the recipe holds now and did not then
    for name, before in night.moves_at_reading.items():
        if before == len(night.moves):
            continue
        if before not in entered:
            entered[before] = _entered_since(night, before)
        if entered[before] and (why := _why_again(context, name, entered[before])) is not None:
            found.append((name, why))
            if len(found) == MOST_RETURNS:
                break
    return found


def _why_again(context: NightContext, name: str, entered: Sequence[str]) -> str | None:
    """Return why a candidate deserves another look now that `entered` are in the working recipe; None: it does not."""
    night = context.night
    last = night.readings[name][-1]
    if last.decision not in ("park", "reject") or (last.worthwhile_probability or 0.0) < LEAST_HOPE:
        return None
    if any(guard.state == "harmful" for guard in last.guards.values()):
        return None
    own = night.candidates[name].change
    for moved in entered:
        why = interacts(own, night.candidates[moved].change)
        if why is not None:
            return f"{moved} entered the working recipe since: {why}" if _may_return(context, name) else None
    return None


def _entered_since(night: NightRecord, moves: int) -> list[str]:
    """Return the accepted changes that the working recipe did not hold after so many moves."""
    known = set(night.moves[moves - 1][1]) if moves else set[str]()
    return [name for name in night.accepted if name not in known]


def _may_return(context: NightContext, name: str) -> bool:
    night = context.night
    if name in night.accepted or night.is_live(name) or len(night.revisits.get(name, ())) >= MOST_REVISITS:
        return False
    return isinstance(trained_recipe(night, context.lanes, name), Recipe)
