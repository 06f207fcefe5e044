"""The joint fit: a Gaussian model of the baseline's level and every change's effect.

A probe scores `level + Σ effects of the changes in its recipe + seed effect + noise`. All probes of the night enter
one regression, so that a working recipe that was lucky is pulled back by whatever is later measured on top of it, and
a candidate measured on an old working recipe still counts. Assumptions: effects add up, and where they do not, the
misfit is part of the noise (`fits` estimates it); noise is normal with one variance for all recipes; repeated looks are
part of the design (posterior probabilities, no p-values), which is why nothing decided here is ever claimed: only the
confirmation claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import erfc, exp, inf, isfinite, pi, sqrt
from statistics import NormalDist

import numpy as np
from scipy.linalg import lapack

from probes.statistics.design import Array, Design
from probes.statistics.runs import Run, metric_values

LEVEL, LEVEL_PRIOR_SD = 5.0, 1000.0
"""Nothing is known of the baseline's level: a constant on all scores changes no effect."""
TAIL_ROUNDS = 25
"""Most rounds of the iteration for a Student t prior; it settles within a few."""
TAIL_SETTLED = 1e-4
"""The iteration ends when no precision moves by more than this share."""


@dataclass(frozen=True)
class EffectPrior:
    """What is believed of a change's effect before it is probed, in points."""

    mean: float
    sd: float
    tail_df: float = inf
    """Degrees of freedom of its Student t distribution; infinite: normal. Small values let a large effect be seen at
    its size instead of being shrunk to what most changes do."""


Prior = EffectPrior | Callable[[str], EffectPrior]
"""One prior for all changes, or the prior of each by its name."""


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

    @property
    def regret(self) -> float:
        """What is lost on average by going by the mean's sign instead of the effect's: s·φ(m / s) - |m|·Φ(-|m| / s).

        The expected value of perfect information on a choice between the effect and 0 (Raiffa and Schlaifer 1961).
        """
        away = abs(self.mean) / self.sd
        return self.sd * exp(-0.5 * away**2) / sqrt(2 * pi) - abs(self.mean) * 0.5 * erfc(away / sqrt(2))

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Return the central credible interval."""
        half = NormalDist().inv_cdf(0.5 + level / 2) * self.sd
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class Effects:
    """Posterior of the baseline's level and of every change, jointly normal."""

    names: tuple[str, ...]
    mean: Array
    """Shape (1 + changes,): level first, then `names` in order."""
    covariance: Array
    settled: Mapping[str, Posterior] = field(default_factory=dict[str, Posterior])
    """Changes not probed for long, integrated out of the joint state: their last posterior.

    Of a change that is probed again it is out of date; `names` come first.
    """

    def of(self, name: str) -> Posterior:
        """Return the posterior of one change."""
        if name not in self.column:
            return self.settled[name]
        i = self.column[name]
        return Posterior(float(self.mean[i]), sqrt(float(self.covariance[i, i])))

    @cached_property
    def column(self) -> Mapping[str, int]:
        """Change → its place in `mean`."""
        return {name: 1 + i for i, name in enumerate(self.names)}

    def total(self, names: Iterable[str]) -> Posterior:
        """Return the posterior of the sum of several changes' effects; settled ones count as independent."""
        weights, mean, variance = np.zeros(len(self.mean)), 0.0, 0.0
        for name in names:
            if name in self.column:
                weights[self.column[name]] = 1.0
            else:
                mean += self.settled[name].mean
                variance += self.settled[name].sd ** 2
        variance += float(weights @ self.covariance @ weights)
        return Posterior(mean + float(weights @ self.mean), sqrt(variance))

    def keep(self, names: Iterable[str]) -> Effects:
        """Return the state with every change but `names` integrated out: exact for a joint normal."""
        wanted = set(names)
        kept = tuple(name for name in self.names if name in wanted)
        rows = [0, *(self.column[name] for name in kept)]
        settled = {name: self.of(name) for name in self.names if name not in wanted}
        return Effects(kept, self.mean[rows], self.covariance[np.ix_(rows, rows)], {**self.settled, **settled})


@dataclass(frozen=True)
class Information:
    """What runs say about level and effects: the exponent of a normal likelihood."""

    matrix_C_C: Array
    weighted_C: Array
    """`matrix` times the estimate."""


def fit_effects(
    runs: Sequence[Run],
    metric: str,
    prior: Prior,
    noise_sd: float,
    seed_correlation: float = 0.0,
    start: Effects | None = None,
) -> Effects:
    """Return the joint posterior of level and effects given all runs.

    Conjugate normal regression with known noise: y ~ N(X·θ, σ²(1-ρ)·I + σ²ρ·SSᵀ), where S marks equal train seeds.
    With no run at all the posterior is the prior.

    Args:
        runs: Completed probes on the same items.
        metric: Category, or `overall`.
        prior: Independent prior of every change that `start` does not know.
        noise_sd: Run-to-run sd of the metric, > 0.
        seed_correlation: Correlation of two runs that share a train seed, 0 … 1; negative values count as 0.
        start: What earlier runs, none of them among `runs`, have left.

    Raises:
        DataError: a run lacks the metric, or it is no finite number.
    """
    values = metric_values(runs, metric)
    design = Design.of([run.changes for run in runs])
    seen = gather(design, [run.seed for run in runs], values[:, None], seed_correlation)
    information = Information(seen[:, :-1] / noise_sd**2, seen[:, -1] / noise_sd**2)
    return posterior(design.names, information, prior, start)


def gather(design: Design, seeds: Sequence[int], columns_R_M: Array, seed_correlation: float) -> Array:
    """Return XᵀR⁻¹[X, columns], shape (1 + changes, 1 + changes + M), for noise of unit variance."""
    rho = max(0.0, min(0.95, seed_correlation))
    return design.rows_R_C.T @ _weighted(seeds, np.column_stack([design.rows_R_C, columns_R_M]), rho)


def posterior(
    names: Sequence[str],
    information: Information,
    prior: Prior,
    start: Effects | None = None,
    guess: Effects | None = None,
) -> Effects:
    """Return the normal posterior of level and effects.

    A Student t prior is a normal one whose variance is itself uncertain; its posterior is approximated by the usual
    variational iteration: E[1/τ²] = (ν + 1) / (ν·s² + E[(d - m)²]) for each change. What `start` knows jointly enters
    as a joint normal prior, what it has settled as an independent one, both without a heavy tail. The iteration begins
    at `guess`, a posterior of the same effects by other information, else with all variances at the prior's scale.
    """
    own = [prior_of(name, prior, start) for name in names]
    centre = np.array([LEVEL, *(p.mean for p in own)])
    precision = np.array([LEVEL_PRIOR_SD**-2, *(p.sd**-2 for p in own)])
    joint = np.zeros_like(information.matrix_C_C)
    if start is not None:
        column = {name: 1 + i for i, name in enumerate(names)}
        at = [0, *(column[name] for name in start.names)]
        centre[at], precision[at] = start.mean, 0.0
        joint[np.ix_(at, at)] = np.linalg.inv(start.covariance)
    heavy = np.array([False, *(isfinite(p.tail_df) for p in own)])
    df, spread = (np.array([0.0, *values]) for values in ([p.tail_df for p in own], [p.sd**2 for p in own]))
    fixed = information.matrix_C_C + joint
    weighted = information.weighted_C + joint @ centre

    def tails(mean: Array, variance: Array) -> Array:
        return (df[heavy] + 1) / (df[heavy] * spread[heavy] + ((mean - centre) ** 2 + variance)[heavy])

    if guess is not None:
        precision[heavy] = tails(guess.mean, np.diag(guess.covariance))
    mean, root = _solve(precision, centre, fixed, weighted)
    for _ in range(TAIL_ROUNDS if heavy.any() else 0):
        before = precision[heavy].copy()
        precision[heavy] = tails(mean, np.einsum("ij,ij->j", root, root))
        mean, root = _solve(precision, centre, fixed, weighted)
        if np.max(np.abs(precision[heavy] / before - 1)) < TAIL_SETTLED:
            break
    settled: Mapping[str, Posterior] = {} if start is None else start.settled
    return Effects(tuple(names), mean, root.T @ root, settled)


def prior_of(name: str, prior: Prior, start: Effects | None = None) -> EffectPrior:
    """Return what is believed of a change before the runs at hand."""
    if start is not None and (name in start.column or name in start.settled):
        known = start.of(name)
        return EffectPrior(known.mean, known.sd)
    return prior if isinstance(prior, EffectPrior) else prior(name)


def _solve(precision: Array, centre: Array, information: Array, weighted: Array) -> tuple[Array, Array]:
    """Return the mean of the normal posterior under independent normal priors, and R with RᵀR its covariance."""
    factor = np.linalg.cholesky(np.diag(precision) + information)
    root: Array = lapack.dtrtri(factor, lower=1)[0]
    return root.T @ (root @ (precision * centre + weighted)), root


def _weighted(seeds: Sequence[int], columns: Array, rho: float) -> Array:
    """Multiply by the inverse noise correlation, seed by seed (Sherman–Morrison on each equal-seed block)."""
    own = 1 - rho
    result = columns / own
    if rho == 0.0:
        return result
    rows_of: dict[int, list[int]] = {}
    for row, seed in enumerate(seeds):
        rows_of.setdefault(seed, []).append(row)
    for rows in rows_of.values():
        result[rows] -= rho / (own + len(rows) * rho) * columns[rows].sum(axis=0) / own
    return result
