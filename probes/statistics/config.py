"""The session sections that say how decisions are made: `[target]`, `[guards]`, `[referee]`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from probes.frozen import Frozen

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]

UNKNOWN_ITEMS_SD = 0.5
"""Assumed run-to-run sd of a metric of unknown items: about that of 24 items with three answers each."""


class TargetConfig(Frozen):
    """`[target]`."""

    category: str = "overall"
    """The category to raise, `overall` (unweighted mean of all categories) or `auto` (the baseline's weakest)."""


class GuardsConfig(Frozen):
    """`[guards]`."""

    margin: float = Field(default=1.5, gt=0.0, le=10.0)
    """Non-inferiority margin of every guard without one of its own, in points; fixed before the night."""
    categories: tuple[str, ...] | None = None
    """Guard categories; None: all but the target."""
    margins: dict[str, Annotated[float, Field(gt=0.0, le=10.0)]] = {}
    """Category → its own margin."""
    critical_failures: float | None = Field(default=None, gt=0.0)
    """Largest accepted mean increase of critical failures per probe, a guard like the others; None: only reported."""


class RefereeConfig(Frozen):
    """`[referee]`."""

    controls: bool = True
    """Begin with control probes: the untrained base, a training broken on purpose that must score clearly worse, and a
    repeat of the baseline that must not differ. A night whose instrument cannot tell them apart stops there."""
    calibration_runs: int = Field(default=6, ge=3, le=100)
    """Baseline replicates before the search starts."""
    baseline_every: int = Field(default=8, ge=2)
    """One more baseline replicate after this many search probes: session drift would show."""
    prior_mean: float = Field(default=-0.15, ge=-10.0, le=10.0)
    """Prior mean of a change's effect: most changes hurt a little."""
    prior_sd: float = Field(default=0.4, gt=0.0, le=10.0)
    """Prior sd of a change's effect."""
    prior_tail_df: float = Field(default=3.0, gt=2.0, le=1000.0)
    """Degrees of freedom of the prior's Student t: most changes do little, a few do a lot."""
    guard_prior_sd: float = Field(default=1.0, gt=0.0, le=10.0)
    """Prior sd of a change's effect on a guard; wider than the target's, since one category swings more than the mean
    of all and a broken guard must not be shrunk away."""
    noise_sd: float | None = Field(default=None, gt=0.0, le=10.0)
    """Run-to-run sd of the target assumed before anything was measured; None: from each category's number of items and
    answers (see `probes.statistics.spread`)."""
    misfit_allowance: float = Field(default=1.2, ge=1.0, le=10.0)
    """Factor on the measured run-to-run sd in the search's fit: changes that act on one another hide in the effects of
    a block rather than in its residuals."""
    misfit_curvature: float = Field(default=0.15, ge=0.0, le=10.0)
    """Points of misfit in the search's fit for each squared point by which the changes of a recipe move a metric: large
    effects rarely add up on a scale with ends. 0: all are taken to."""
    noise_weight: float = Field(default=3.0, ge=0.0, le=100.0)
    """Degrees of freedom given to the assumed noise once there are replicates."""
    accept_level: Probability = 0.85
    """Accept provisionally at P(effect > 0) of at least this."""
    reject_level: Probability = 0.25
    """Reject when P(effect > worthwhile) is below this."""
    worthwhile: float = Field(default=0.25, gt=0.0, le=10.0)
    """Smallest effect of interest, in points."""
    max_replicates: int = Field(default=4, ge=1, le=50)
    """Replicates after which an undecided candidate is parked."""
    guard_risk: Probability = 0.25
    """A guard is safe when P(drop > margin) is below this."""
    guard_harm: Probability = 0.6
    """A guard is harmed when P(drop > margin) is above this; between the two it is unresolved."""
    confirm_level: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    """Level of the one confirmation test (one-sided) and of each guard's non-inferiority test."""
    earlier_nights: bool = True
    """Learn from the finished nights beside this one: noise, priors, the level of tonight's claim. Without, the night
    knows nothing of others and its claim is not counted with theirs."""
    claims_fdr: Probability = 0.15
    """Largest expected share of false claims among all claims of the project; it sets tonight's level, which never
    exceeds `confirm_level`."""
    allow_blind_guards: bool = False
    """Start even when a guard cannot resolve its margin; the report then says so."""
    design: Literal["auto", "race", "blocks"] = "auto"
    """How the search spends its probes: `blocks` of twelve probes for up to eleven changes at once, and rows chosen
    four at a time for what is left; the `race` of one change at a time; or `auto`: blocks where the budget pays for one
    and enough changes can share it, else the race."""
    fold_blocks: bool = False
    """Repeat every block with its changes the other way round: 24 probes, no effect mixed up with interactions."""
    block_accept_level: Probability = 0.95
    """Accept from a block at P(effect > 0) of at least this; the change then makes room for others in later blocks."""
    most_harmful: float = Field(default=0.5, gt=0.0, le=10.0)
    """After blocks the final recipe holds as many changes, the surest first, as keep the sum of P(effect <= 0) within
    this: the number of changes in it that may be expected to be worth nothing or less."""
    least_belief: Probability = 0.7
    """Smallest P(effect > 0) of a change that enters the final recipe so."""
    block_worthwhile: float = Field(default=0.15, gt=0.0, le=10.0)
    """Smallest effect of interest in a block."""
    max_blocks: int = Field(default=4, ge=1, le=50)
    """Blocks after which an undecided candidate is parked."""
    smoke: bool = True
    """Try every change of a block in a quarter of the steps first, so that a ruinous one does not spoil the block."""
    smoke_drop: float = Field(default=2.0, gt=0.0, le=10.0)
    """A smoke run whose mean over all categories is this far below the baseline's ends its candidate, in points."""
    rehearsals: int = Field(default=3, ge=0, le=50)
    """Probes of the search kept for the final recipe as a whole, before the confirmation: guards that every change
    kept may fall together. 0: none."""

    @property
    def assumed_sd(self) -> float:
        """`noise_sd`, else what is assumed of a metric whose items are not known."""
        return self.noise_sd if self.noise_sd is not None else UNKNOWN_ITEMS_SD

    @model_validator(mode="after")
    def _levels_ordered(self) -> Self:
        if self.guard_harm <= self.guard_risk:
            raise ValueError(f"`guard_harm` must be above `guard_risk` ({self.guard_risk}), got {self.guard_harm}")
        return self
