"""The moves of a night by lane and knob, so that an ask in a long night costs what is new and not all that was tried.

`Lane` takes any sequence of moves; one that is a `History` is used as it is, anything else is sorted first, with the
same result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
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
    """One knob's moves, oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.slot: object = None
        """What its reader last worked out from them."""
        self.news: list[int] = []
        """Places of the moves that were added or changed since then."""

    def add(self, move: Tried) -> None:
        """Take one more move."""
        self.news.append(len(self._moves))
        self._moves.append(move)

    def put(self, place: int, move: Tried) -> None:
        """Say anew what became of the move at `place`."""
        self.news.append(place)
        self._moves[place] = move

    def read(self, slot: object) -> None:
        """Keep what was worked out from all of them."""
        self.slot = slot
        self.news.clear()


class History(_Moves):
    """All moves in order of proposal, and each knob's own."""

    def __init__(self, moves: Iterable[Tried] = ()) -> None:
        """Take the moves so far."""
        super().__init__()
        self._by_knob: defaultdict[At, KnobMoves] = defaultdict(KnobMoves)
        self._in_knob: list[int] = []
        """The place of each move among its knob's."""
        self._of_lane: Counter[LaneName] = Counter()
        for move in moves:
            self.add(move)

    @classmethod
    def of(cls, tried: Sequence[Tried]) -> History:
        """Return `tried` itself where it is a history, else one of its moves."""
        return tried if isinstance(tried, History) else cls(tried)

    def add(self, move: Tried) -> None:
        """Take one more move."""
        own = self.of_knob(move.change.lane, move.change.knob)
        self._in_knob.append(len(own))
        own.add(move)
        self._of_lane[move.change.lane] += 1
        self._moves.append(move)

    def put(self, place: int, move: Tried) -> None:
        """Say anew what became of the move at `place`, which stays the same change."""
        assert move.change == self._moves[place].change, (place, move)
        if self._moves[place] != move:
            self.of_knob(move.change.lane, move.change.knob).put(self._in_knob[place], move)
            self._moves[place] = move

    def of_knob(self, lane: LaneName, knob: str) -> KnobMoves:
        """Return the moves of a knob."""
        return self._by_knob[lane, knob]

    def count(self, lane: LaneName) -> int:
        """Return the moves of a lane."""
        return self._of_lane[lane]
