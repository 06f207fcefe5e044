"""The protocol of a lane: it knows its knobs, says which changes are allowed, and asks for the next one.

A lane keeps no memory of its own: it is told what was tried each time, so that a resumed night asks as the
uninterrupted one would have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from lanes.knobs import Knob
from lanes.moves import OpenKnob
from lanes.tried import Tried
from probes.candidate import Change, KnobValue, LaneName
from probes.recipe import Recipe

Tags = Mapping[str, Mapping[str, int]]
"""Composition of the training data: tag name → value → rows."""


class Lane(Protocol):
    """One family of search moves."""

    @property
    def name(self) -> LaneName:
        """The lane's name."""
        ...

    @property
    def knobs(self) -> Mapping[str, str]:
        """Knob → its range and step limit in words, for the report."""
        ...

    @property
    def ranges(self) -> Mapping[str, Knob]:
        """Knob → its range and step limit."""
        ...

    def value(self, recipe: Recipe, knob: str) -> KnobValue:
        """Return the knob's value in `recipe`."""
        ...

    def refusal(self, change: Change, working: Recipe, tried: Sequence[Tried] = ()) -> str | None:
        """Return why `change` is not allowed against `working`: unknown knob, bound, step limit, no change.

        With the history in `tried`, also when it goes where an earlier move of its knob collapsed.
        """
        ...

    def repeats(self, change: Change, working: Recipe, tried: Sequence[Tried]) -> str | None:
        """Return why an allowed `change` is no new move: tried before, or too near to it to be told apart."""
        ...

    def moves(
        self, working: Recipe, tried: Sequence[Tried], closed: Collection[str] = (), shunned: Sequence[Change] = ()
    ) -> list[OpenKnob]:
        """Return the knobs that have open moves, with those moves.

        Knobs in `closed` are left out, and moves that go where an earlier night's in `shunned` did harm.
        """
        ...

    def apply(self, change: Change, working: Recipe) -> Recipe:
        """Return `working` with `change`; call it only when `refusal` is None."""
        ...

    def ask(
        self,
        working: Recipe,
        tried: Sequence[Tried],
        seed: int,
        closed: Collection[str] = (),
        shunned: Sequence[Change] = (),
    ) -> Change | None:
        """Return the next change against `working`, never a move in `tried`; None when nothing is left.

        Knobs in `closed` are left out: a block takes one change of each. So are moves that go where an earlier night's
        in `shunned` did harm.

        Deterministic in its arguments.
        """
        ...
