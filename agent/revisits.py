"""Second looks: which candidates that were set down are worth probes again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.context import NightContext
from agent.recipes import trained_recipe
from lanes.interactions import interacts
from probes.recipe import Recipe
from tracking.night import NightRecord

MOST_REVISITS = 2
"""Times a candidate is taken up again."""
MOST_RETURNS = 2
"""Candidates taken up again in one round because the working recipe moved under them."""


def worth_another_look(context: NightContext) -> Iterator[str]:
    """Yield parked candidates that look better than the baseline and still fit, the most promising first."""
    better = context.last_readings.look(context.night).better
    return (name for name in better if _may_return(context, name))


def moved_under(context: NightContext) -> list[tuple[str, str]]:
    """Return candidates set down before the working recipe moved in a knob they act together with, and why."""
    night, readings, found = context.night, context.last_readings.look(context.night), list[tuple[str, str]]()
    entered: dict[int, list[str]] = {}  # by the moves before a reading: what the recipe holds now and did not then
    for name in readings.hopeful:
        before = night.moves_at_reading[name]
        if before not in entered:
            entered[before] = _entered_since(night, before)
        why = _why_again(context, name, entered[before])
        if why is None:
            readings.rule_out(name)
            continue
        found.append((name, why))
        if len(found) == MOST_RETURNS:
            break
    return found


def _why_again(context: NightContext, name: str, entered: Sequence[str]) -> str | None:
    """Return why a candidate deserves another look now that `entered` are in the working recipe; None: it does not."""
    candidates = context.night.candidates
    for moved in entered:
        why = interacts(candidates[name].change, candidates[moved].change)
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
