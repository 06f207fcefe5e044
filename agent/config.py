"""The session section `[agent]`."""

from __future__ import annotations

from lanes.pickers import PickerName
from probes.frozen import Frozen


class AgentConfig(Frozen):
    """`[agent]`."""

    proposer: PickerName = "optuna"
    """Who proposes changes inside a lane."""

    @property
    def picker(self) -> PickerName:
        """How the lanes pick."""
        return self.proposer
