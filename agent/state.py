"""The graph's state: where the night stands. Small and serialisable; the ledger holds everything else."""

from __future__ import annotations

from typing import Literal, TypedDict

Step = Literal["control", "calibrate", "search", "rehearse", "confirm"]
Next = Literal["probe", "calibrate", "propose", "decide", "settle", "confirm", "report", "stop"]


class NightState(TypedDict):
    """Position in the night."""

    step: Step
    """The phase whose probes the `probe` node runs."""
    next: Next
    """Where the edge after this node leads."""
    rounds: int
    """Rounds of the search so far."""
