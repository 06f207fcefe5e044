"""The session file: one TOML file, read into one frozen `SessionConfig`.

Defaults, then the file, then `--set section.key=value`, later winning. Each floor defines its own sections; this
module composes them and holds the rules that cross sections. Nothing here imports torch or any other heavy library.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from agent.config import AgentConfig
from lanes.config import LanesConfig
from probes.config import DataConfig, ModelConfig, ProbeConfig, SuiteConfig
from probes.evaluation.backends.config import ServingConfig
from probes.evaluation.judging.config import JudgeConfig
from probes.frozen import Frozen
from probes.language_models.config import ModelAccess
from probes.language_models.prices import price_of
from probes.recipe import Recipe
from probes.statistics.config import GuardsConfig, RefereeConfig, TargetConfig
from runner.report.config import ReportConfig
from tracking.config import TrackingConfig
from tracking.events import EVENT_KINDS

CONTROL_PROBES = 2
"""Price of the control probes: a repeat of the baseline, and two that count a quarter each."""


class RatesConfig(Frozen):
    """`[budget.rates]`; what a judge's or the agent's model costs per token stands in `prices` of its own section."""

    device_hour: float | None = Field(default=None, ge=0.0)
    """USD for one hour of a worker's device, with what serves its answers; 0 where it costs nothing. None: unknown."""


class BudgetConfig(Frozen):
    """`[budget]`."""

    probes: int = Field(default=120, ge=1, le=1_000_000)
    """Probes of the whole night, calibration and confirmation included."""
    hours: float | None = Field(default=None, gt=0.0)
    """Wall time; no probe starts that would leave too little for the confirmation."""
    confirm_probes: int = Field(default=16, ge=6)
    """Probes kept back for the confirmation, half for each side; with fewer than 3 a side nothing could be claimed.
    Where a guard could fail its test by a little, the search leaves more: up to three times as many and a third of the
    budget."""
    usd: float | None = Field(default=None, gt=0.0)
    """Dollars for training, evaluation and language models; no probe starts that would leave too little for the
    confirmation. A running probe is never cut: a night may end above this by one probe per worker."""
    rates: RatesConfig = RatesConfig()

    @model_validator(mode="after")
    def _dollars_have_a_rate(self) -> Self:
        if self.usd is not None and self.rates.device_hour is None:
            raise ValueError(
                f"`usd` must come with what a device costs, got {self.usd:g} and no rate; set "
                "`budget.rates.device_hour` to the USD for an hour of one worker's device (0 when it costs nothing)"
            )
        return self


class LauncherConfig(Frozen):
    """`[launcher]`."""

    kind: Literal["local"] = "local"
    """Where probes run."""
    workers: int | None = Field(default=None, ge=1, le=1024)
    """Warm worker processes; None: one per GPU, or one per core without one (at most 8)."""
    disk_reserve_gib: float = Field(default=0.25, ge=0.0)
    """Kept free on the disk of the session folder: a night that would not leave it does not start, and one that runs
    into it pauses before its next probe."""
    disk_wait_s: float = Field(default=1800.0, ge=0.0)
    """How long a night whose disk is full waits for somebody to make room before it stops, resumable."""


class AlarmConfig(Frozen):
    """`[alarm]`: who is called when the night needs somebody, and what counts as no progress."""

    command: tuple[str, ...] = ()
    """Program and arguments, started without a shell for each event of `on_event` with the event as JSON on standard
    input (`folder` and `line`, the event in words, added); what it prints goes to `logs/alarm.log`. Empty: nobody."""
    on_event: tuple[str, ...] = ("warned", "measurement_flagged", "claim_made", "session_stopped")
    """Kinds of ledger events the command is started for."""
    timeout_s: float = Field(default=30.0, gt=0.0, le=3600.0)
    """A command that takes longer is killed with its children; the night never waits for it."""
    probes_without_progress: int | None = Field(default=60, ge=1)
    """Warn after each so many probes of the search in a row without an accepted change; None: never."""
    nights_without_promotion: int | None = Field(default=4, ge=1)
    """Warn when so many finished nights of the project in a row, tonight's included, confirmed nothing; None: never."""

    @field_validator("on_event")
    @classmethod
    def _are_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(kinds) - EVENT_KINDS)
        if unknown:
            raise ValueError(
                f"`on_event` must name event kinds of the ledger, got {', '.join(unknown)}; known are "
                f"{', '.join(sorted(EVENT_KINDS))}"
            )
        return kinds


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
    alarm: AlarmConfig = AlarmConfig()
    tracking: TrackingConfig = TrackingConfig()
    report: ReportConfig = ReportConfig()

    @model_validator(mode="after")
    def _dollars_are_known(self) -> Self:
        asked = {"judge": self.judge, "agent": self.agent.access, "report.summary": self.report.summary}
        for section, access in asked.items() if self.budget.usd is not None else ():
            if isinstance(access, ModelAccess):
                require_price(access, section)
        return self

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


def require_price(access: ModelAccess, section: str) -> None:
    """Make sure that the calls to a language model can be counted in dollars.

    Args:
        access: The section that names the model.
        section: Its name, for the message.

    Raises:
        ValueError: nobody knows what its tokens cost.
    """
    if price_of(access.model, access.prices) is None:
        raise ValueError(
            f"`budget.usd` counts what the {section}'s model costs, and the price of `{access.model}` is not known; "
            f'set `[{section}.prices."{access.model}"]` with `input` and `output` in USD per million tokens (0 for a '
            "server of your own), or leave `budget.usd` out"
        )
