"""The moves of a night by lane and knob, so that an ask in a long night costs what is new and not all that was tried.

`Lane` takes any sequence of moves; one that is a `History` is used as it is, anything else is sorted first, with the
same result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from lanes.tried import Tried
from probes.candidate import LaneName

At = tuple[LaneName, str]
"""Lane and knob."""


class _Moves(Sequence[Tried]):
    """Moves, oldest first."""

    def __init__(self, moves: Iterable[Tried] = ()) -> None:
        """Take the moves."""
        self._moves = list(moves)

    @overload
    def __getitem__(self, place: int) -> Tried: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Tried]: ...
    def __getitem__(self, place: int | slice) -> Tried | Sequence[Tried]:
        """Return a move, or some."""
        return self._moves[place]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._moves)

    def __iter__(self) -> Iterator[Tried]:
        """Yield them, oldest first."""
        return iter(self._moves)


class KnobMoves(_Moves):
    """One knob's moves, oldest first; never changed, so that what follows from them is worked out once (`slot`)."""

    def __init__(self, moves: Iterable[Tried] = ()) -> None:
        """Take the moves."""
        super().__init__(moves)
        self.slot: object = None
        """What its reader last worked out from them."""


class History(_Moves):
    """All moves in order of proposal, and each knob's own."""

    def __init__(self, moves: Iterable[Tried] = ()) -> None:
        """Take the moves so far."""
        super().__init__()
        self._places: dict[At, list[int]] = {}
        self._by_knob: dict[At, KnobMoves] = {}
        self._of_lane: Counter[LaneName] = Counter()
        for move in moves:
            self.add(move)

    @classmethod
    def of(cls, tried: Sequence[Tried]) -> History:
        """Return `tried` itself where it is a history, else one of its moves."""
        return tried if isinstance(tried, History) else cls(tried)

    def add(self, move: Tried) -> None:
        """Take one more move."""
        at = (move.change.lane, move.change.knob)
        self._places.setdefault(at, []).append(len(self._moves))
        self._by_knob.pop(at, None)
        self._of_lane[at[0]] += 1
        self._moves.append(move)

    def put(self, place: int, move: Tried) -> None:
        """Say anew what became of the move at `place`."""
        if self._moves[place] != move:
            self._by_knob.pop((move.change.lane, move.change.knob), None)
            self._moves[place] = move

    def of_knob(self, lane: LaneName, knob: str) -> KnobMoves:
        """Return the moves of a knob; the same object until one is added or changed."""
        at = (lane, knob)
        found = self._by_knob.get(at)
        if found is None:
            found = self._by_knob[at] = KnobMoves(self._moves[place] for place in self._places.get(at, ()))
        return found

    def count(self, lane: LaneName) -> int:
        """Return the moves of a lane."""
        return self._of_lane[lane]
