"""Moves as later nights remember them: typed values only, no word that anybody wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from probes.candidate import Change
from probes.frozen import Frozen

MOST_MOVES = 500
"""Moves that are kept of a night, and of all nights together: the latest."""
Outcome = Literal["collapsed", "harmful", "raised", "unclear"]
"""`collapsed`: it ruined something. `harmful`: its target's 90 % interval lay below 0, or it harmed a guard. `raised`:
the interval lay above 0 and no guard was harmed."""


class RememberedMove(Frozen):
    """One change of an earlier night and what became of it."""

    change: Change
    outcome: Outcome
    harmed: tuple[str, ...] = ()
    """Target or guards that it harmed; empty for one that ruined its training."""
    effect: float | None = None
    """Posterior mean of its effect on that night's target."""


class EarlierMove(RememberedMove):
    """The same with the night it comes from."""

    session: str

    def harms(self, metrics: Sequence[str]) -> bool:
        """Whether it ruined a training, or harmed one of `metrics`."""
        is_ruinous = self.outcome == "collapsed" and not self.harmed
        return is_ruinous or bool(set(self.harmed) & set(metrics))
