"""Companions: cheap signals measured on every probe that tell part of a score's noise, and part of its effect.

A companion c moves with a score y in two ways. Runs of one recipe: where a seed is lucky, both are high (correlation of
their noise). Changes: what raises the score may raise the companion as well, but need not, and a change may move the
companion alone. So nothing is subtracted blindly. The model is

    y = level + Σ θ + ε        c = level' + Σ φ + η        φ = κ·θ + ψ,  ψ ~ N(0, ω²),  (ε, η) ~ N(0, Σ)

with Σ from the residuals of least squares, which hold whatever the effects are, and κ, ω by marginal likelihood over
all changes (empirical Bayes). With ω infinite these are two regressions on equal regressors, where the second lends
nothing to the first (Zellner 1962); with ρ = 0 and κ = 0 the score's own fit comes out. Used in the search only: the
confirmation stays unadjusted, because it has two recipes and no way to tell what the final one does to the companion
from the companion's noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, log, sqrt

import numpy as np

from probes.aggregation import Weights
from probes.statistics.design import Array, Design, Split
from probes.statistics.intervals import fisher
from probes.statistics.runs import OVERALL, Run
from probes.statistics.verdicts import Interval

FAMILIES = ("likelihood/", "margin/")
"""Companions measured once per category are named by one of these and the category."""
CONSTANT = 1e-9
"""A companion that varies by less than this share is constant."""
LEAST_DF = 5
"""Fewer residual degrees of freedom tell nothing about a correlation."""
CORRELATION_WEIGHT = 2.0
"""Degrees of freedom that speak for no correlation."""
SLOPE_WEIGHT = 2.0
"""Exponent of 1 - r² in the prior of the effects' correlation."""
WORTH = 1.0
"""A companion must raise the log-likelihood by this much, and by log(choices) more when it is chosen among several."""
SPREADS = np.array([0.02, 0.1, 0.2, 0.35, 0.6, 1.0, 1.8, 3.2, 6.0, 12.0])
"""Grid of the companion's effect sd, in its noise sds."""
CORRELATIONS = np.array([-0.95, -0.85, -0.7, -0.45, -0.2, 0.0, 0.2, 0.45, 0.7, 0.85, 0.95])
"""Grid of the correlation between the effects of a change on score and companion."""
SCALES = np.array([0.2, 0.4, 0.6, 0.8, 1.2, 2.0, 4.0, 8.0])
"""Grid of the score's effect sd, in its noise sds."""


@dataclass(frozen=True)
class Companion:
    """How one companion moves with one metric."""

    name: str
    noise_sd: float
    """Run-to-run sd of the companion, in its own unit."""
    correlation: float
    """Of its noise with the metric's, as measured."""
    used: float
    """The same, shrunk towards 0: what the fit uses."""
    df: int
    """Residual degrees of freedom behind it."""
    slope: float
    """κ: its effect per point of the metric's."""
    spread: float
    """ω: sd of its effects beyond that."""
    worth: float
    """Log-likelihood gained over two separate fits."""

    def interval(self, level: float = 0.9) -> Interval:
        """Return Fisher's interval of the noise correlation; it assumes normal noise."""
        return fisher(self.correlation, self.df, level)


@dataclass(frozen=True)
class Signals:
    """The companions of a set of runs."""

    values: Mapping[str, Array]
    """Companion → one value per run; each family has an `overall`, the mean over categories as the scores' is."""
    left_out: Mapping[str, str]
    """Companion → why it is not used."""

    def serving(self, metric: str) -> list[str]:
        """Return the companions that may serve a metric: those of its own category, and those that belong to none.

        So few are asked, because the best of many is good by chance.
        """
        own = [family + metric for family in FAMILIES]
        return [name for name in self.values if not name.startswith(FAMILIES) or name in own]


def read_signals(runs: Sequence[Run]) -> Signals:
    """Return the companions that every run has; one that lacks a finite value or never varies is left out."""
    found: dict[str, list[float]] = {}
    left_out: dict[str, str] = {}
    for name in sorted({name for run in runs for name in run.companions}):
        values = [run.companions.get(name, inf) for run in runs]
        missing = sum(1 for value in values if not isfinite(value))
        if missing:
            left_out[name] = f"no finite value in {missing} of {len(runs)} probes"
        elif max(values) - min(values) <= CONSTANT * max(1.0, abs(values[0])):
            left_out[name] = "the same value in every probe"
        else:
            found[name] = values
    for family in FAMILIES:
        members = {name.removeprefix(family): values for name, values in found.items() if name.startswith(family)}
        if members:
            found[family + OVERALL] = _overall(members, runs[0].weights)
    return Signals({name: np.array(values) for name, values in found.items()}, left_out)


def _overall(members: Mapping[str, Sequence[float]], weights: Weights | None) -> list[float]:
    """Return the mean over categories of each run, by the scores' weights; categories that have none count nothing."""
    counted = members if weights is None else {name: members[name] for name in members if weights.get(name)}
    if weights is None or not counted:
        return [sum(values) / len(values) for values in zip(*members.values(), strict=True)]
    total = sum(weights[name] for name in counted)
    parts = ([weights[name] / total * value for value in values] for name, values in counted.items())
    return [sum(values) for values in zip(*parts, strict=True)]


def choose_companion(design: Design, pairs: Mapping[str, Split], noise_sd: float, centre: Array) -> Companion | None:
    """Return the companion that explains most; None when none is worth its estimation or the data are too few.

    Args:
        design: The runs' recipes.
        pairs: Companion → the split of (metric, companion).
        noise_sd: Run-to-run sd of the metric.
        centre: Prior mean of every change's effect on the metric.
    """
    fitted = [c for name, pair in pairs.items() if (c := _fit(name, design, pair, noise_sd, centre)) is not None]
    best = max(fitted, key=lambda companion: companion.worth, default=None)
    return best if best is not None and best.worth > WORTH + log(len(pairs)) else None


def borrow(
    companion: Companion, noise_sd: float, cross_C_C: Array, score_C: Array, beside_C: Array
) -> tuple[Array, Array]:
    """Return the information on level and effects that score and companion hold together.

    The companion's own level (flat prior) and its ψ are integrated out of the joint normal likelihood.

    Args:
        companion: How it moves with the metric.
        noise_sd: Run-to-run sd of the metric.
        cross_C_C: XᵀR⁻¹X for noise of unit variance.
        score_C: XᵀR⁻¹y.
        beside_C: XᵀR⁻¹c.

    Returns:
        Precision matrix and precision-weighted mean.
    """
    shared = companion.used * noise_sd * companion.noise_sd
    own, both, other = _inverse(noise_sd**2, shared, companion.noise_sd**2)
    slope = companion.slope
    prior = np.full(len(score_C), companion.spread**-2)
    prior[0] = 1e-6 / companion.noise_sd**2
    lent = both + slope * other
    beyond = both * score_C + other * beside_C
    solved = np.linalg.solve(other * cross_C_C + np.diag(prior), np.column_stack([cross_C_C, beyond]))
    joint = own + 2 * slope * both + slope**2 * other
    information = joint * cross_C_C - lent**2 * cross_C_C @ solved[:, :-1]
    weighted = own * score_C + both * beside_C + slope * beyond - lent * cross_C_C @ solved[:, -1]
    return (information + information.T) / 2, weighted


def _fit(name: str, design: Design, split: Split, noise_sd: float, centre: Array) -> Companion | None:
    own, shared, other = (float(split.residual_M_M[at]) for at in ((0, 0), (0, 1), (1, 1)))
    if split.df < LEAST_DF or min(own, other) <= 0.0:
        return None
    measured = shared / sqrt(own * other)
    used = measured * split.df / (split.df + CORRELATION_WEIGHT)
    sd = sqrt(other / split.df)
    noise = (noise_sd**2, used * noise_sd * sd, sd**2)
    slope, spread, effects_worth = _effects(split.along_K_M, design, centre, noise)
    worth = effects_worth + split.df * _correlation_worth(measured, used)
    return Companion(name, sd, measured, used, split.df, slope, spread, worth)


def _correlation_worth(measured: float, used: float) -> float:
    """Return the residuals' log-likelihood per degree of freedom at a correlation, above that at 0."""
    return -0.5 * log(1 - used**2) - (1 - used * measured) / (1 - used**2) + 1


def _effects(
    along: Array, design: Design, centre: Array, noise: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return (slope, spread, log-likelihood gained over separate fits) by marginal likelihood on a grid.

    Along each axis, score and companion are a bivariate normal draw of effects plus noise / weight. The sd of the
    score's effects is fitted first, so that effects larger than the prior expects are not taken for a steep slope.
    """
    weight, sd = design.weight_K, sqrt(noise[2])
    middle = centre @ design.axes_C_K
    scales = SCALES[:, None] * sqrt(noise[0])
    variance = scales**2 + noise[0] / weight
    fits = -0.5 * (np.log(variance) + (along[:, 0] - middle) ** 2 / variance).sum(axis=1)
    scale = float(scales[int(fits.argmax()), 0])
    r, spread = (grid.reshape(-1, 1) for grid in np.meshgrid(CORRELATIONS, SPREADS * sd, indexing="ij"))
    slope = r * spread / scale
    own, other = scale**2 + noise[0] / weight, spread**2 + noise[2] / weight
    first, second = along[:, 0] - middle, along[:, 1] - slope * middle
    joint = _log_density(own, r * spread * scale + noise[1] / weight, other, first, second)
    joint += SLOPE_WEIGHT * np.log(1 - r[:, 0] ** 2)
    apart = _log_density(own, np.zeros_like(other), other, first, along[:, 1])[r[:, 0] == 0.0]
    best = int(joint.argmax())
    beyond = float(spread[best, 0] * np.sqrt(1 - r[best, 0] ** 2))
    return float(slope[best, 0]), beyond, float(joint[best] - apart.max())


def _log_density(own: Array, shared: Array, other: Array, first: Array, second: Array) -> Array:
    """Return the bivariate normal log-density summed over axes, up to a constant; one value per grid point."""
    determinant = own * other - shared**2
    quadratic = (other * first**2 - 2 * shared * first * second + own * second**2) / determinant
    return -0.5 * (np.log(determinant) + quadratic).sum(axis=1)


def _inverse(own: float, shared: float, other: float) -> tuple[float, float, float]:
    determinant = own * other - shared**2
    return other / determinant, -shared / determinant, own / determinant
