"""The session file: one TOML file, read into one frozen `SessionConfig`.

Defaults, then the file, then `--set section.key=value`, later winning. Each floor defines its own sections; this
module composes them and holds the rules that cross sections. Nothing here imports torch or any other heavy library.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from agent.config import AgentConfig
from lanes.config import LanesConfig
from probes.config import DataConfig, ModelConfig, ProbeConfig, SuiteConfig
from probes.evaluation.backends.config import ServingConfig
from probes.evaluation.judging.config import JudgeConfig
from probes.frozen import Frozen
from probes.recipe import Recipe
from probes.statistics.config import GuardsConfig, RefereeConfig, TargetConfig
from tracking.config import TrackingConfig

CONTROL_PROBES = 2
"""Price of the control probes: a repeat of the baseline, and two that count a quarter each."""


class BudgetConfig(Frozen):
    """`[budget]`."""

    probes: int = Field(default=120, ge=1, le=1_000_000)
    """Probes of the whole night, calibration and confirmation included."""
    hours: float | None = Field(default=None, gt=0.0)
    """Wall time; no probe starts that would leave too little for the confirmation."""
    confirm_probes: int = Field(default=16, ge=6)
    """Probes kept back for the confirmation, half for each side; with fewer than 3 a side nothing could be claimed."""


class LauncherConfig(Frozen):
    """`[launcher]`."""

    kind: Literal["local"] = "local"
    """Where probes run."""
    workers: int | None = Field(default=None, ge=1, le=1024)
    """Warm worker processes; None: one per GPU, or one per core without one (at most 8)."""


class SessionConfig(Frozen):
    """One night, fully resolved."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """Session name; the folder is `results/<name>-<time>` unless `--out` says otherwise."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Every seed of the night derives from it."""
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    suite: SuiteConfig = SuiteConfig()
    serving: ServingConfig = ServingConfig()
    judge: JudgeConfig | None = None
    """Who scores items with a component of kind `judge`."""
    target: TargetConfig = TargetConfig()
    guards: GuardsConfig = GuardsConfig()
    recipe: Recipe
    """The baseline. `base_model`, `chat_template` and `steps` follow `[model]` and `[probe]`."""
    lanes: LanesConfig = LanesConfig()
    probe: ProbeConfig = ProbeConfig()
    budget: BudgetConfig = BudgetConfig()
    referee: RefereeConfig = RefereeConfig()
    agent: AgentConfig = AgentConfig()
    launcher: LauncherConfig = LauncherConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _budget_confirms(self) -> Self:
        controls = CONTROL_PROBES if self.referee.controls else 0
        needed = controls + self.referee.calibration_runs + self.budget.confirm_probes + 1
        if self.budget.probes < needed:
            raise ValueError(
                f"`budget.probes` must be at least {needed} (controls {controls} + calibration "
                f"{self.referee.calibration_runs} + one candidate + confirmation {self.budget.confirm_probes}), got "
                f"{self.budget.probes}; raise it or lower `budget.confirm_probes`"
            )
        return self
