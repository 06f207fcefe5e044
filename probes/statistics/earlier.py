"""What nights take over from earlier nights, as values: raw effects, priors, moved categories, levels, drift, claims.

Values only, so that the ledger can be read without the libraries that compute them.
"""

from __future__ import annotations

from pydantic import Field

from probes.candidate import LaneName
from probes.frozen import Frozen
from probes.statistics.verdicts import Interval

DRIFT_ERROR = 0.01
"""Chance that a night in which nothing moved is told to have drifted, in level and in noise each."""


class RawEffect(Frozen):
    """A change's effect on its night's target, estimated without any prior."""

    lane: LaneName
    effect: float
    standard_error: float


class LanePrior(Frozen):
    """What earlier nights taught about the changes of one lane."""

    target: str
    lane: LaneName
    mean: float
    sd: float
    """Scale of the Student t whose degrees of freedom the session sets."""
    candidates: int
    """Changes it was learned from."""
    weight: float
    """Share of the earlier nights in it, 0 … 1; the rest is the session's own prior."""


class Movement(Frozen):
    """What the changes of one lane did to one category."""

    category: str
    lane: LaneName
    still: int = 0
    """Changes that left it where it was."""
    moved: int = 0
    unclear: int = 0
    """Changes whose probes cannot tell."""


class BaselineLevel(Frozen):
    """Where the baseline stood in an earlier night."""

    session: str
    runs: int
    means: dict[str, float]
    """Category, or `overall` → mean over the night's baseline probes on the search items."""


class LevelDrift(Frozen):
    """Tonight's baseline against earlier nights', one metric."""

    metric: str
    tonight: float
    runs: int
    earlier: float
    nights: int
    within_sd: float
    """Run-to-run sd inside a night."""
    between_sd: float | None
    """Sd of the nights' true levels beyond that; None with one earlier night."""
    interval: Interval
    """Where tonight's mean would lie if nothing but chance had moved it."""
    drifted: bool


class NoiseDrift(Frozen):
    """Tonight's run-to-run noise against earlier nights', one metric."""

    metric: str
    tonight_sd: float
    degrees_of_freedom: int
    earlier_sd: float
    earlier_degrees_of_freedom: int
    p_value: float
    """Two-sided F test, all metrics allowed for."""


class DriftCheck(Frozen):
    """What calibration says about earlier nights."""

    levels: tuple[LevelDrift, ...] = ()
    noise: tuple[NoiseDrift, ...] = ()
    noise_dropped: bool = False
    """Whether the noise of earlier nights is left out tonight."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the report must know, one sentence each."""
        return (
            *(_level_words(level) for level in self.levels if level.drifted),
            *(_noise_words(noise) for noise in self.noise if noise.p_value < DRIFT_ERROR),
        )


class PastClaim(Frozen):
    """The test that an earlier night ended in."""

    session: str
    target: str
    p_value: float = Field(ge=0.0, le=1.0)
    """One-sided, of the target."""
    level: float
    """Level it was tested at."""
    confirmed: bool
    """Whether it was claimed: significant, and every guard held."""


class ClaimLevel(Frozen):
    """Tonight's place among the claims of the project."""

    number: int
    """Tonight's claim would be the project's first, second, …; nights that tested nothing do not count."""
    level: float
    """Level of tonight's test, at most the session's own."""
    session_level: float
    """`referee.confirm_level`."""
    fdr: float
    """The largest expected share of false claims among all claims of the project."""
    procedure: str = "SAFFRON"
    past: tuple[PastClaim, ...]
    """The tests so far, oldest first."""
    running: int = 0
    """Nights of the project that were running when this one started; each counts as a test that finds nothing."""

    @property
    def confirmed(self) -> int:
        """How many of the earlier tests became claims."""
        return sum(claim.confirmed for claim in self.past)


def _level_words(level: LevelDrift) -> str:
    low, high = level.interval.low, level.interval.high
    nights = "earlier night" if level.nights == 1 else f"{level.nights} earlier nights"
    return (
        f"the baseline's {level.metric} is {level.tonight:.2f} over {level.runs} runs, {level.earlier:.2f} in the "
        f"{nights}; chance would leave it between {low:.2f} and {high:.2f}. Levels are never carried over, so "
        "tonight's comparisons stand; look for what changed on the machine"
    )


def _noise_words(noise: NoiseDrift) -> str:
    return (
        f"the run-to-run sd of {noise.metric} is {noise.tonight_sd:.2f} tonight and was {noise.earlier_sd:.2f} in "
        f"earlier nights (F test, p = {noise.p_value:.2g}): tonight goes by its own noise alone"
    )
