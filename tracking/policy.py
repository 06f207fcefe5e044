"""What was decided before the search, as values: the target, how strong the base is, which lanes are open, and why.

The rules are in `agent.policy`; here is what the ledger keeps, so that a resumed night goes by what was decided.
"""

from __future__ import annotations

from typing import Literal

from probes.candidate import LaneName
from probes.frozen import Frozen

Strength = Literal["weak", "moderate", "strong", "unknown"]
"""What training with the baseline recipe does to the untrained base: adds nearly everywhere, gives and takes, takes."""
LaneState = Literal["open", "advised", "closed"]
"""`advised`: closing it is advised and it stays open, because that is not sure or the session names its knobs."""


class TargetChoice(Frozen):
    """The category the night raises, and why this one."""

    category: str
    """Category, or `overall`."""
    chosen_by: Literal["session", "baseline"]
    """`baseline`: the session said `auto`, and the baseline's scores decided."""
    reason: str
    passed_over: dict[str, str] = {}
    """Category that scored lower → why it is not the target."""


class BaseStrength(Frozen):
    """How the untrained base stands against the trained baseline."""

    strength: Strength
    is_sure: bool
    """Whether the scores tell it clearly; what is not sure is advice only."""
    reason: str
    gained: tuple[str, ...] = ()
    """Categories that training clearly raised."""
    lost: tuple[str, ...] = ()
    """Categories that training clearly lowered."""


class LanePolicy(Frozen):
    """Whether the night searches a lane, and why."""

    lane: LaneName
    state: LaneState
    reason: str


class Policy(Frozen):
    """Everything that was decided from the baseline's own scores before the first candidate."""

    target: TargetChoice
    base: BaseStrength
    lanes: tuple[LanePolicy, ...]

    @property
    def closed(self) -> frozenset[LaneName]:
        """The lanes that are not asked for changes."""
        return frozenset(lane.lane for lane in self.lanes if lane.state == "closed")

    @property
    def sentence(self) -> str:
        """The policy in one line."""
        words = [f"target {self.target.category}: {self.target.reason}", f"base {self.base.strength}"]
        for state, verb in (("open", "open"), ("advised", "open against advice"), ("closed", "closed")):
            names = [lane.lane.replace("_", " ") for lane in self.lanes if lane.state == state]
            words += [f"{verb}: {', '.join(names)}"] if names else []
        return "; ".join(words)
