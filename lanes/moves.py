"""The moves that are still open in a lane, and what earlier ones taught.

Pure. A move is a lane, a knob and its new value; a move once tried is never proposed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NamedTuple

from lanes.fragility import FREE, safe_window
from lanes.history import KnobMoves
from lanes.knobs import (
    Knob,
    Window,
    identities,
    is_inside,
    is_number,
    is_numeric,
    position,
    positions,
    reachable,
    remembered,
    same_value,
    window_width,
)
from lanes.tried import Tried
from probes.candidate import Change, KnobValue, show_value

NEAR_DUPLICATE = 0.2
"""Numbers closer than this share of the window to a tried one are no new moves: no probe could tell them apart."""
PENDING_LEVEL = -0.15
"""What a change still out is taken to be worth: the referee's prior mean, most changes hurt a little."""


@dataclass(frozen=True, eq=False)
class OpenKnob:
    """A knob with at least one open move, as an ask sees it."""

    name: str
    knob: Knob
    working: KnobValue
    """Its value in the working recipe."""
    values: tuple[KnobValue, ...]
    """Open values, rising where they are numbers."""
    tried: Sequence[Tried]
    """What was tried on this knob, oldest first."""

    @cached_property
    def places(self) -> Sequence[float]:
        """Where `values` stand on the knob's scale; of numbers only."""
        return positions(self.knob, self.values)

    @cached_property
    def levels(self) -> tuple[Known, ...]:
        """What the history says about its values; see `known_levels`."""
        return tuple(known_levels(self))

    @cached_property
    def level_places(self) -> Sequence[float | None]:
        """Where the values of `levels` stand on the knob's scale; None for words, which have no places."""
        if not is_numeric(self.knob):
            return [None] * len(self.levels)
        return positions(self.knob, [known.value for known in self.levels])

    @cached_property
    def ranks(self) -> Sequence[tuple[float, int]]:
        """The places of `levels`, each after its rank, what is worth most first and what failed last."""
        worths = ((known.worth, place) for place, known in enumerate(self.levels))
        return sorted((inf if worth is None else -worth, place) for worth, place in worths)


class Known(NamedTuple):
    """One value of a knob and its level on the target against the working value."""

    value: KnobValue
    level: float | None
    """None when its probes failed or have not come back."""
    is_pending: bool

    @property
    def worth(self) -> float | None:
        """What the value is taken to be worth; None: its probes failed."""
        return PENDING_LEVEL if self.is_pending else self.level


def was_tried(knob: Knob, change: Change, tried: Sequence[Tried]) -> Tried | None:
    """Return the earlier proposal of the same move, None when it is new: a repeat is a replicate, not a candidate."""
    for earlier in tried:
        move = earlier.change
        if (move.lane, move.knob) == (change.lane, change.knob) and same_value(knob, move.after, change.after):
            return earlier
    return None


def repeat_refusal(knob: Knob, change: Change, working: KnobValue, history: Sequence[Tried]) -> str | None:
    """Return why `change` is no new move, None when it is: tried, left behind, or too near to what was.

    Args:
        knob: Its knob.
        change: A change that the knob's bounds and step limits allow.
        working: The knob's value in the working recipe.
        history: What was tried on the knob.
    """
    name, after = change.knob, change.after
    if not _without(knob, [after], [t.change.after for t in history]):
        return f"`{name}` {show_value(after)} was tried tonight; only a replicate repeats a move, propose another value"
    left = [t.change.before for t in history if t.decision == "accept"]
    if not _without(knob, [after], left):
        return f"`{name}` was {show_value(after)} before an accepted change; that recipe is measured, propose another"
    width = window_width(knob, working)
    if not is_number(after) or not width:
        return None
    if not _told_apart(knob, working, [after], [t.change.after for t in history]):
        return f"`{name}` {show_value(after)} is too near to a value tried tonight to be told apart from it; go further"
    far = reachable(knob, working)
    if not any(is_number(v) and abs(position(knob, v) - position(knob, after)) <= width / 100 for v in far):
        return f"`{name}` {show_value(after)} is too near to the working {show_value(working)} for a probe; go further"
    return None


def open_knobs(
    knobs: Mapping[str, Knob], working: Mapping[str, KnobValue], tried: Mapping[str, KnobMoves]
) -> list[OpenKnob]:
    """Return the knobs that have open moves, with those moves; an empty list when nothing is left.

    Open are values well apart from all tried ones, where no earlier move collapsed. What the working recipe left by an
    accepted change is no move: going back would train a recipe that was measured already.

    Args:
        knobs: all knobs of the lane.
        working: each knob's value in the working recipe.
        tried: each knob's own history.
    """
    seen = (_seen(name, knob, working[name], tried[name]) for name, knob in knobs.items())
    return [knob for knob in seen if knob.values]


def _seen(name: str, knob: Knob, here: KnobValue, history: KnobMoves) -> OpenKnob:
    """Return a knob with its open values, if any; the same object while its history and working value are the same."""
    last = history.slot
    if isinstance(last, OpenKnob) and last.knob is knob and last.working == here and type(last.working) is type(here):
        return last
    taken = tuple(t.change.after for t in history)
    left = tuple(t.change.before for t in history if t.decision == "accept")
    values = _open_values(knob, here, taken, left, safe_window(history, here))
    history.slot = found = OpenKnob(name, knob, here, values, history)
    return found


def known_levels(knob: OpenKnob) -> list[Known]:
    """Return what the history says about the knob's values, each measured against the current working value.

    Effects were measured against the working value of their time; the effects of the accepted moves since then are
    taken off. Assumes that effects of one knob add up along its path and do not depend on the other knobs.
    """
    starts = identities(knob.knob, [t.change.before for t in knob.tried])
    ends = identities(knob.knob, [t.change.after for t in knob.tried])
    level_of: dict[object, float] = {}
    left: list[tuple[KnobValue, float]] = []
    for earlier, start, end in zip(knob.tried, starts, ends, strict=True):
        before = earlier.change.before
        if earlier.decision == "accept" and before is not None:
            level = level_of.setdefault(start, 0.0)
            left.append((before, level))
            level_of[end] = level + (earlier.effect or 0.0)
    here = level_of.get(identities(knob.knob, [knob.working])[0], 0.0)
    known = [Known(value, level - here, False) for value, level in left]
    for earlier, start in zip(knob.tried, starts, strict=True):
        effect = earlier.effect
        level = None if effect is None else level_of.get(start, 0.0) + effect - here
        known.append(Known(earlier.change.after, level, earlier.decision is None and effect is None))
    return known


@remembered
def _open_values(
    knob: Knob, here: KnobValue, taken: tuple[KnobValue, ...], left: tuple[KnobValue | None, ...], safe: Window
) -> tuple[KnobValue, ...]:
    """Return a knob's open values; kept, as most knobs of a lane are the same from one ask to the next."""
    within = reachable(knob, here)
    if safe != FREE:
        within = [v for v in within if not is_number(v) or is_inside(v, safe)]
    return tuple(_told_apart(knob, here, _without(knob, within, [*taken, *left]), taken))


def _without(knob: Knob, values: Sequence[KnobValue], old: Sequence[KnobValue | None]) -> list[KnobValue]:
    known = set(identities(knob, old))
    return [value for value, same in zip(values, identities(knob, values), strict=True) if same not in known]


def _told_apart(
    knob: Knob, working: KnobValue, values: Sequence[KnobValue], taken: Sequence[KnobValue]
) -> Sequence[KnobValue]:
    """Return the values that a probe could tell from all that were taken; values of a list are all different."""
    width = window_width(knob, working)
    if not width:
        return values
    old = positions(knob, [value for value in taken if is_number(value)])
    near = NEAR_DUPLICATE * width
    places = zip(values, positions(knob, values), strict=True)
    return [value for value, at in places if not any(abs(at - other) < near for other in old)]
