"""The session section `[agent]`."""

from __future__ import annotations

from typing import Literal

from probes.frozen import Frozen


class AgentConfig(Frozen):
    """`[agent]`."""

    proposer: Literal["optuna", "random"] = "optuna"
    """Who proposes changes inside a lane."""
