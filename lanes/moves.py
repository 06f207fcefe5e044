"""The moves that are still open in a lane.

A move is a lane, a knob and its new value; a move once tried is never proposed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lanes.history import KnobMoves
from lanes.knobs import (
    Knob,
    identities,
    identity,
    is_inside,
    is_number,
    position,
    positions,
    reachable,
    same_value,
    window_width,
)
from lanes.past import Past
from lanes.tried import Tried
from probes.candidate import Change, KnobValue, show_value

NEAR_DUPLICATE = 0.2
"""Numbers closer than this share of the window to a tried one are no new moves: no probe could tell them apart."""


@dataclass(frozen=True, eq=False)
class OpenKnob:
    """A knob with at least one open move, as an ask sees it."""

    name: str
    knob: Knob
    working: KnobValue
    """Its value in the working recipe."""
    open: dict[object, KnobValue]
    """What identifies each open value → the value, rising where they are numbers."""
    past: Past
    """What was tried on this knob, and what that taught."""

    @cached_property
    def values(self) -> tuple[KnobValue, ...]:
        """The open values, rising where they are numbers."""
        return tuple(self.open.values())

    @property
    def span(self) -> tuple[float, float]:
        """Where the first and the last open value stand on the knob's scale; of numbers only."""
        return position(self.knob, self.values[0]), position(self.knob, self.values[-1])

    @property
    def tried(self) -> Sequence[Tried]:
        """What was tried on this knob, oldest first."""
        return self.past.moves

    def offers(self, value: KnobValue) -> bool:
        """Whether `value` is one of the open ones; another way to write it is none."""
        own = self.open.get(identity(self.knob, value))
        return own is not None and _is_same(own, value)


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
    same, taken = identity(knob, after), [t.change.after for t in history]
    if same in identities(knob, taken):
        return f"`{name}` {show_value(after)} was tried tonight; only a replicate repeats a move, propose another value"
    if same in identities(knob, [t.change.before for t in history if t.decision == "accept"]):
        return f"`{name}` was {show_value(after)} before an accepted change; that recipe is measured, propose another"
    width = window_width(knob, working)
    if not is_number(after) or not width:
        return None
    if (near := _near(knob, working, taken)) is not None and near(after):
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
    seen = (see_knob(name, knob, working[name], tried[name]) for name, knob in knobs.items())
    return [knob for knob in seen if knob.open]


def see_knob(name: str, knob: Knob, here: KnobValue, history: KnobMoves) -> OpenKnob:
    """Return a knob with its open values, if any; the same object while its history and working value are the same.

    A look at the same working value goes on from the last one, whose object it uses up.
    """
    last = history.slot
    if not isinstance(last, OpenKnob) or last.knob is not knob or not _is_same(last.working, here):
        last = None
    elif not history.news:
        return last
    if last is not None and last.past.follow(history.news):
        found = OpenKnob(name, knob, here, last.open, last.past)
        _close(found.open, knob, here, [history[place].change.after for place in history.news])
    else:
        past = Past(knob, here, history)
        found = OpenKnob(name, knob, here, _open_values(past), past)
    history.read(found)
    return found


def _is_same(one: KnobValue, other: KnobValue) -> bool:
    return type(one) is type(other) and one == other


def _open_values(past: Past) -> dict[object, KnobValue]:
    """Return what identifies each open value of a knob → the value."""
    knob, here = past.knob, past.working
    within = [v for v in reachable(knob, here) if not is_number(v) or is_inside(v, past.safe)]
    found = dict(zip(identities(knob, within), within, strict=True))
    for value, _ in past.left:
        found.pop(identity(knob, value), None)
    _close(found, knob, here, [move.change.after for move in past.moves])
    return found


def _close(values: dict[object, KnobValue], knob: Knob, here: KnobValue, taken: Sequence[KnobValue]) -> None:
    """Take out of the open values what was taken, and what no probe could tell from it."""
    for same in identities(knob, taken):
        values.pop(same, None)
    if (near := _near(knob, here, taken)) is not None:
        for same in [same for same, value in values.items() if near(value)]:
            del values[same]


def _near(knob: Knob, working: KnobValue, taken: Sequence[KnobValue]) -> Callable[[KnobValue], bool] | None:
    """Return whether no probe could tell a value from one that was taken; None where any two can be told apart.

    Values of a list are all different.
    """
    width = window_width(knob, working)
    old = positions(knob, [value for value in taken if is_number(value)]) if width else []
    if not old:
        return None
    return lambda value: any(abs(position(knob, value) - other) < NEAR_DUPLICATE * width for other in old)
