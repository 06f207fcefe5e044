"""How far two measurements of the same probes move together, with an interval: within recipes and across them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import fmean

from probes.statistics.intervals import fisher
from probes.statistics.verdicts import Interval

Pair = tuple[float, float]
LEAST_DF = 3
"""Fisher's interval needs more than two degrees of freedom."""


@dataclass(frozen=True)
class Correlation:
    """A correlation and how well it is known."""

    value: float | None
    """Pearson's r; None when the data are too few or one side never varies."""
    interval: Interval


def across(pairs: Sequence[Pair], level: float = 0.9) -> Correlation:
    """Return Pearson's correlation over `pairs` with Fisher's z interval (Fisher 1921), which assumes normal data."""
    return within([pairs], level)


def within(groups: Sequence[Sequence[Pair]], level: float = 0.9) -> Correlation:
    """Return the correlation of deviations from each group's own mean: what replicates of a recipe have in common.

    Method: pooled within-group covariance; Fisher's z interval at the degrees of freedom that the group means leave.
    Assumes normal noise with one covariance in all groups. None with fewer than `LEAST_DF` degrees of freedom, with a
    value that is not finite, and when one side never varies.
    """
    products = [0.0, 0.0, 0.0]
    df = 0
    for group in groups:
        middle = tuple(fmean(pair[side] for pair in group) for side in (0, 1)) if group else (0.0, 0.0)
        for x, y in ((x - middle[0], y - middle[1]) for x, y in group):
            products = [products[0] + x * x, products[1] + x * y, products[2] + y * y]
        df += max(0, len(group) - 1)
    if df < LEAST_DF or not all(isfinite(p) for p in products) or min(products[0], products[2]) <= 0.0:
        return Correlation(None, Interval(low=None, high=None, level=level))
    r = max(-1.0, min(1.0, products[1] / sqrt(products[0] * products[2])))
    return Correlation(r, fisher(r, df, level))


def prediction_sd(pairs: Sequence[Pair], companion_sd: float) -> float | None:
    """Return the error with which one reading of x tells y along the least-squares line through `pairs` of true means.

    Method: residual variance around the line (n - 2 degrees of freedom) plus the reading's own run-to-run variance
    times the slope squared. Assumes that the next pair scatters around the same line, whose own uncertainty is left
    out. None with fewer than four pairs or when x never varies.
    """
    if len(pairs) < 4:
        return None
    mean_x, mean_y = fmean(x for x, _ in pairs), fmean(y for _, y in pairs)
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    if spread == 0.0:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread
    left = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in pairs) / (len(pairs) - 2)
    return sqrt(left + (slope * companion_sd) ** 2)
