"""A move of the night and what became of it: what a lane is told."""

from __future__ import annotations

from probes.candidate import Change
from probes.frozen import Frozen
from probes.statistics.verdicts import Decision


class Tried(Frozen):
    """One change that was proposed earlier in the night, and what became of it."""

    change: Change
    decision: Decision | None
    """None while its first probe is still out."""
    effect: float | None
    """Posterior mean of its effect on the target; None while unknown or when every probe of it failed."""
    collapsed: str | None = None
    """What the move ruined, in a few words: its knob then gets a tighter step limit. None: nothing."""
