"""The race: a joint Gaussian model of the baseline's level and every change's effect.

A probe scores `level + Σ effects of the changes in its recipe + seed effect + noise`. All probes of the night enter
one regression, so that a working recipe that was lucky is pulled back by whatever is later measured on top of it, and
a candidate measured on an old working recipe still counts. Assumptions: effects add up; noise is normal with one
variance for all recipes; repeated looks are part of the design (posterior probabilities, no p-values), which is why
nothing decided here is ever claimed: only the confirmation claims.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import erfc, inf, isinf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from probes.statistics.runs import Run

LEVEL_PRIOR_SD = 10.0
"""The baseline's level is unknown over the whole 0–10 scale."""
TAIL_ROUNDS = 25
"""Most rounds of the iteration for a Student t prior; it settles within a few."""
TAIL_SETTLED = 1e-6
"""The iteration ends when no precision moves by more than this share."""


@dataclass(frozen=True)
class EffectPrior:
    """What is believed of a change's effect before it is probed, in points."""

    mean: float
    sd: float
    tail_df: float = inf
    """Degrees of freedom of its Student t distribution; infinite: normal. Small values let a large effect be seen at
    its size instead of being shrunk to what most changes do."""


@dataclass(frozen=True)
class Posterior:
    """Normal posterior of one effect."""

    mean: float
    sd: float

    def above(self, value: float) -> float:
        """Return P(effect > value)."""
        return 0.5 * erfc((value - self.mean) / (self.sd * sqrt(2)))

    def below(self, value: float) -> float:
        """Return P(effect < value)."""
        return 0.5 * erfc((self.mean - value) / (self.sd * sqrt(2)))

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Return the central credible interval."""
        half = NormalDist().inv_cdf(0.5 + level / 2) * self.sd
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class Effects:
    """Posterior of the baseline's level and of every change, jointly normal."""

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    """Shape (1 + changes,): level first, then `names` in order."""
    covariance: NDArray[np.float64]

    def of(self, name: str) -> Posterior:
        """Return the posterior of one change."""
        i = 1 + self.names.index(name)
        return Posterior(float(self.mean[i]), sqrt(float(self.covariance[i, i])))

    def total(self, names: Iterable[str]) -> Posterior:
        """Return the posterior of the sum of several changes' effects."""
        weights = np.zeros(len(self.mean))
        for name in names:
            weights[1 + self.names.index(name)] = 1.0
        return Posterior(float(weights @ self.mean), sqrt(float(weights @ self.covariance @ weights)))


def fit_effects(
    runs: Sequence[Run], metric: str, prior: EffectPrior, noise_sd: float, seed_correlation: float = 0.0
) -> Effects:
    """Return the joint posterior of level and effects given all runs.

    Conjugate normal regression with known noise: y ~ N(X·θ, σ²(1-ρ)·I + σ²ρ·SSᵀ), where S marks equal train seeds. A
    Student t prior is a normal one whose variance is itself uncertain; its posterior is approximated by the usual
    variational iteration: E[1/τ²] = (ν + 1) / (ν·s² + E[(d - m)²]) for each change. With no run at all the posterior
    is the prior.

    Args:
        runs: Completed probes on the same items.
        metric: Category, or `overall`.
        prior: Independent prior of every change.
        noise_sd: Run-to-run sd of the metric, > 0.
        seed_correlation: Correlation of two runs that share a train seed, 0 … 1; negative values count as 0.
    """
    names = tuple(sorted({name for run in runs for name in run.changes}))
    prior_mean = np.array([5.0, *[prior.mean] * len(names)])
    precision = np.array([LEVEL_PRIOR_SD**-2, *[prior.sd**-2] * len(names)])
    if not runs:
        return Effects(names, prior_mean, np.diag(1 / precision))
    design = _design(runs, names)
    y = np.array([run.metric(metric) for run in runs])
    weighted = _solve_noise(runs, np.column_stack([design, y]), noise_sd, max(0.0, min(0.95, seed_correlation)))
    information, score = design.T @ weighted[:, :-1], design.T @ weighted[:, -1]
    mean, covariance = _solve(precision, prior_mean, information, score)
    for _ in range(0 if isinf(prior.tail_df) else TAIL_ROUNDS):
        spread = (mean - prior_mean) ** 2 + np.diag(covariance)
        before = precision[1:].copy()
        precision[1:] = ((prior.tail_df + 1) / (prior.tail_df * prior.sd**2 + spread))[1:]
        mean, covariance = _solve(precision, prior_mean, information, score)
        if np.allclose(before, precision[1:], rtol=TAIL_SETTLED, atol=0.0):
            break
    return Effects(names, mean, (covariance + covariance.T) / 2)


def _solve(
    precision: NDArray[np.float64],
    prior_mean: NDArray[np.float64],
    information: NDArray[np.float64],
    score: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and covariance of the normal posterior under independent normal priors."""
    covariance: NDArray[np.float64] = np.linalg.inv(np.diag(precision) + information).astype(np.float64)
    return covariance @ (precision * prior_mean + score), covariance


def _design(runs: Sequence[Run], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the design, shape (runs, 1 + changes): level, then one indicator per change."""
    column = {name: 1 + i for i, name in enumerate(names)}
    design = np.zeros((len(runs), 1 + len(names)))
    design[:, 0] = 1.0
    for row, run in enumerate(runs):
        design[row, [column[name] for name in run.changes]] = 1.0
    return design


def _solve_noise(runs: Sequence[Run], columns: NDArray[np.float64], noise_sd: float, rho: float) -> NDArray[np.float64]:
    """Multiply by the inverse noise covariance, seed by seed (Sherman–Morrison on each equal-seed block)."""
    own = noise_sd**2 * (1 - rho)
    result = columns / own
    if rho == 0.0:
        return result
    rows_of: dict[int, list[int]] = {}
    for row, run in enumerate(runs):
        rows_of.setdefault(run.seed, []).append(row)
    for rows in rows_of.values():
        shrink = noise_sd**2 * rho / (own + len(rows) * noise_sd**2 * rho)
        result[rows] -= shrink * columns[rows].sum(axis=0) / own
    return result
