"""What a set of recipes can tell apart: the least-squares side of the fit, free of any prior.

Changes that were always probed together, or that only ever came in a lump, cannot be told apart one by one. So the
design is turned into axes, combinations of changes that the recipes estimate independently of one another. What no
combination of effects explains is the residual: replicates that differ, and recipes whose effects do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEAST_WEIGHT = 1e-8
"""An axis with less than this share of the strongest one's weight is estimated by nobody."""


@dataclass(frozen=True)
class Split:
    """Measurements of M signals, split into what the axes explain and what is left over."""

    along_K_M: Array
    """Least-squares estimate along each axis."""
    residual_M_M: Array
    """Sums of squares and products of what is left over."""
    df: int
    """Degrees of freedom of the residual."""

    def pair(self, first: int, second: int) -> Split:
        """Return the split of two of the signals."""
        at = [first, second]
        return Split(self.along_K_M[:, at], self.residual_M_M[np.ix_(at, at)], self.df)


@dataclass(frozen=True)
class Design:
    """Recipes as rows, the level and the changes as columns."""

    names: tuple[str, ...]
    """Changes, sorted."""
    rows_R_C: Array
    """Level first, then one indicator per change."""
    axes_C_K: Array
    """Unit combinations of changes, the level projected out."""
    weight_K: Array
    """Information on each axis in replicates: its estimate has the variance σ² / weight."""

    @classmethod
    def of(cls, recipes: Sequence[frozenset[str]]) -> Design:
        """Return the design of recipes given as sets of changes."""
        names = tuple(sorted(frozenset[str]().union(*recipes)))
        column = {name: 1 + i for i, name in enumerate(names)}
        rows = np.zeros((len(recipes), 1 + len(names)))
        rows[:, 0] = 1.0
        for row, recipe in enumerate(recipes):
            rows[row, [column[name] for name in recipe]] = 1.0
        centred = _centred(rows[:, 1:])
        weight, axes = np.linalg.eigh(centred.T @ centred)
        seen = weight > LEAST_WEIGHT * max(1.0, float(weight.max(initial=0.0)))
        return cls(names, rows, axes[:, seen].astype(np.float64), weight[seen].astype(np.float64))

    def split(self, values_R_M: Array) -> Split:
        """Split signals, one column each, by ordinary least squares with a free level; exact for any rank."""
        if len(values_R_M) == 0:
            width = values_R_M.shape[1]
            return Split(np.zeros((0, width)), np.zeros((width, width)), 0)
        values, scores = _centred(values_R_M), _centred(self.rows_R_C[:, 1:]) @ self.axes_C_K
        along = (scores.T @ values) / self.weight_K[:, None]
        left = values - scores @ along
        return Split(along, left.T @ left, len(values) - 1 - len(self.weight_K))


def _centred(values: Array) -> Array:
    return values - values.mean(axis=0) if len(values) else values
