"""The joint fit: a Gaussian model of the baseline's level and every change's effect.

A probe scores `level + Σ effects of the changes in its recipe + seed effect + noise`. All probes of the night enter
one regression, so that a working recipe that was lucky is pulled back by whatever is later measured on top of it, and
a candidate measured on an old working recipe still counts. Assumptions: effects add up, and where they do not, the
misfit is part of the noise (`fits` estimates it); noise is normal with one variance for all recipes; repeated looks are
part of the design (posterior probabilities, no p-values), which is why nothing decided here is ever claimed: only the
confirmation claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from probes.statistics.design import Array, Design
from probes.statistics.effects import Effects, Posterior, Prior, prior_of
from probes.statistics.runs import Run, metric_values

LEVEL, LEVEL_PRIOR_SD = 5.0, 1000.0
"""Nothing is known of the baseline's level: a constant on all scores changes no effect."""
TAIL_ROUNDS = 25
"""Most rounds of the iteration for a Student t prior; it settles within a few."""
TAIL_SETTLED = 5e-4
"""The iteration ends when no precision moves by more than this share."""


@dataclass(frozen=True)
class Information:
    """What runs say about level and effects: the exponent of a normal likelihood."""

    matrix_C_C: Array
    weighted_C: Array
    """`matrix` times the estimate."""

    def among(self, at: Sequence[int], width: int) -> Information:
        """Return the same among so many columns, where these stand at `at`; of the others nothing is said."""
        if len(at) == width:
            return self
        matrix, weighted = np.zeros((width, width)), np.zeros(width)
        matrix[np.ix_(at, at)], weighted[at] = self.matrix_C_C, self.weighted_C
        return Information(matrix, weighted)


@dataclass(frozen=True)
class Beliefs:
    """What is believed of the level and some changes, in this order, before the runs at hand."""

    names: tuple[str, ...]
    centre_C: Array
    """Means."""
    precision_C: Array
    """1 / variance of each by itself, 0 for what is known jointly."""
    joint_C_C: Array
    """Precision matrix of what is known jointly, 0 for the rest."""
    heavy_C: NDArray[np.bool_]
    """Which have a Student t prior."""
    tail_df_H: Array
    """Its degrees of freedom, of the heavy ones."""
    variance_H: Array
    """Its squared scale."""
    settled: Mapping[str, Posterior]
    """Changes that earlier runs settled, as they stay."""

    @classmethod
    def of(cls, names: Sequence[str], prior: Prior, start: Effects | None = None) -> Beliefs:
        """Return what `start` knows jointly as it is, all else as independent."""
        own = [prior_of(name, prior, start) for name in names]
        centre = np.array([LEVEL, *(p.mean for p in own)])
        precision = np.array([LEVEL_PRIOR_SD**-2, *(p.sd**-2 for p in own)])
        joint = np.zeros((len(centre), len(centre)))
        if start is not None:
            at = places(start.names, names)
            centre[at], precision[at] = start.mean, 0.0
            joint[np.ix_(at, at)] = start.precision
        heavy = [p for p in own if isfinite(p.tail_df)]
        return cls(
            names=tuple(names),
            centre_C=centre,
            precision_C=precision,
            joint_C_C=joint,
            heavy_C=np.array([False, *(isfinite(p.tail_df) for p in own)]),
            tail_df_H=np.array([p.tail_df for p in heavy]),
            variance_H=np.array([p.sd**2 for p in heavy]),
            settled={} if start is None else start.settled,
        )

    def tails(self, mean_C: Array, variance_C: Array) -> Array:
        """Return E[1/τ²] of the heavy ones, given a posterior of the effects."""
        away = (mean_C - self.centre_C) ** 2 + variance_C
        precision: Array = (self.tail_df_H + 1) / (self.tail_df_H * self.variance_H + away[self.heavy_C])
        return precision


def places(names: Sequence[str], among: Sequence[str]) -> list[int]:
    """Return where the level and `names` stand in the level and `among`."""
    column = {name: 1 + i for i, name in enumerate(among)}
    return [0, *(column[name] for name in names)]


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
    return posterior(information, Beliefs.of(design.names, prior, start))


def gather(design: Design, seeds: Sequence[int], columns_R_M: Array, seed_correlation: float) -> Array:
    """Return XᵀR⁻¹[X, columns], shape (1 + changes, 1 + changes + M), for noise of unit variance."""
    rho = max(0.0, min(0.95, seed_correlation))
    return design.rows_R_C.T @ _weighted(seeds, np.column_stack([design.rows_R_C, columns_R_M]), rho)


def posterior(
    information: Information, beliefs: Beliefs, guess: Effects | None = None, settled: float = TAIL_SETTLED
) -> Effects:
    """Return the normal posterior of level and effects.

    A Student t prior is a normal one whose variance is itself uncertain; its posterior is approximated by the usual
    variational iteration: E[1/τ²] = (ν + 1) / (ν·s² + E[(d - m)²]) for each change. What earlier runs know jointly
    enters as a joint normal prior, what they have settled as an independent one, both without a heavy tail.

    Args:
        information: What the runs at hand say.
        beliefs: What is believed before them, of the same changes.
        guess: Where the iteration begins: a posterior of the same effects by other information. None: with all
            variances at the prior's scale.
        settled: The iteration ends when no precision moves by more than this share.
    """
    heavy, precision = beliefs.heavy_C, beliefs.precision_C.copy()
    fixed = information.matrix_C_C + beliefs.joint_C_C
    weighted = information.weighted_C + beliefs.joint_C_C @ beliefs.centre_C
    if guess is not None:
        precision[heavy] = beliefs.tails(guess.mean, np.diag(guess.covariance))
    mean, root = _solve(precision, beliefs.centre_C, fixed, weighted)
    for _ in range(TAIL_ROUNDS if heavy.any() else 0):
        before = precision[heavy]
        precision[heavy] = beliefs.tails(mean, np.einsum("ij,ij->i", root, root))
        mean, root = _solve(precision, beliefs.centre_C, fixed, weighted)
        if np.max(np.abs(precision[heavy] / before - 1)) < settled:
            break
    return Effects(beliefs.names, mean, root @ root.T, beliefs.settled)


def _solve(precision: Array, centre: Array, information: Array, weighted: Array) -> tuple[Array, Array]:
    """Return the mean of the normal posterior under independent normal priors, and R with RRᵀ its covariance.

    Raises:
        numpy.linalg.LinAlgError: the posterior's precision is not positive definite.
    """
    whole = information.copy()
    whole.ravel()[:: len(whole) + 1] += precision
    factor, failed = lapack.dpotrf(whole.T, clean=1, overwrite_a=1)  # the upper factor, in place
    if failed:
        raise np.linalg.LinAlgError("the information on the effects is not positive definite")
    root: Array = lapack.dtrtri(factor, overwrite_c=1)[0]
    return root @ ((precision * centre + weighted) @ root), root


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
