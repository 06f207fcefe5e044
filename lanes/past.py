"""What one knob's moves say about its values, seen from its working value; a look costs what is new since the last."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Sequence
from math import inf
from typing import NamedTuple

from lanes.fragility import safe_window
from lanes.knobs import Knob, identity, is_numeric, position
from lanes.tried import Tried
from probes.candidate import KnobValue

PENDING_LEVEL = -0.15
"""What a change still out is taken to be worth: the referee's prior mean, most changes hurt a little."""


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


class Past:
    """What is known of the values that accepted moves left behind, then of every move, oldest first.

    Effects were measured against the working value of their time; the effects of the accepted moves since then are
    taken off. Assumes that effects of one knob add up along its path and do not depend on the other knobs.
    """

    def __init__(self, knob: Knob, working: KnobValue, moves: Sequence[Tried]) -> None:
        """Read the moves.

        Args:
            knob: Their knob.
            working: Its value in the working recipe.
            moves: Its moves, oldest first.
        """
        self.knob, self.working, self.moves = knob, working, moves
        self.safe = safe_window(moves, working)
        """What collapsed moves leave reachable."""
        self.left: list[tuple[KnobValue, float]] = []
        """The values that accepted moves left behind, and the level of each against the first one."""
        self._level_of: dict[object, float] = {}
        for change, effect in [(move.change, move.effect) for move in moves if move.decision == "accept"]:
            if change.before is not None:
                level = self._level_of.setdefault(identity(knob, change.before), 0.0)
                self.left.append((change.before, level))
                self._level_of[identity(knob, change.after)] = level + (effect or 0.0)
        self._here = self._level_at(working)
        self._place_of: dict[int, float | None] = {}
        self._rank_of = [self._here - level for _, level in self.left]
        self.ranks = sorted((rank, number) for number, rank in enumerate(self._rank_of))
        """The numbers of the values, each after its rank, what is worth most first and what failed last."""
        self._bends = {place for place, move in enumerate(moves) if _bends(move)}
        self._take(range(len(moves)))

    def follow(self, news: Collection[int]) -> bool:
        """Take in the moves at `news`, which were added or changed since; False: all must be read anew."""
        if any(place in self._bends or _bends(self.moves[place]) for place in news):
            return False
        self._take(news)
        return True

    def _take(self, news: Iterable[int]) -> None:
        for place in sorted(set(news)):
            number = len(self.left) + place
            if number < len(self._rank_of):
                del self.ranks[bisect_left(self.ranks, (self._rank_of[number], number))]
            else:
                self._rank_of.append(0.0)
            worth = self[number].worth
            self._rank_of[number] = inf if worth is None else -worth
            insort(self.ranks, (self._rank_of[number], number))

    def __len__(self) -> int:
        """Return how many values there are, one that was met twice counted twice."""
        return len(self.left) + len(self.moves)

    def __getitem__(self, number: int) -> Known:
        """Return what is known of one of the values."""
        if number < len(self.left):
            value, level = self.left[number]
            return Known(value, level - self._here, False)
        move = self.moves[number - len(self.left)]
        return Known(move.change.after, self._level(move), move.decision is None and move.effect is None)

    def place(self, number: int) -> float | None:
        """Return where one of the values stands on the knob's scale; None for words, which have no places."""
        if number not in self._place_of:
            self._place_of[number] = position(self.knob, self[number].value) if is_numeric(self.knob) else None
        return self._place_of[number]

    def _level(self, move: Tried) -> float | None:
        return None if move.effect is None else self._level_at(move.change.before) + move.effect - self._here

    def _level_at(self, value: KnobValue | None) -> float:
        """Return the level of a value on the knob's path against the first one; 0 where nothing led."""
        return self._level_of.get(identity(self.knob, value), 0.0)


def _bends(move: Tried) -> bool:
    """Whether more follows from a move than what its own value is worth."""
    return move.decision == "accept" or move.collapsed is not None
