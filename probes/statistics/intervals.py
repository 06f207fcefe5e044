"""Intervals of a share, a correlation and a mean difference, the same wherever one is printed."""

from __future__ import annotations

from collections.abc import Sequence
from math import atanh, sqrt, tanh
from statistics import NormalDist, fmean, stdev

from scipy import special

from probes.statistics.verdicts import Interval

LEVEL = 0.9
NEAR_ONE = 1 - 1e-12
"""A correlation of exactly one has no finite z."""


def wilson(hits: int, count: int, level: float = LEVEL) -> Interval:
    """Return the Wilson score interval of a share (Wilson 1927), never of zero width; None bounds for a count of 0."""
    if count == 0:
        return Interval(low=None, high=None, level=level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Interval(low=max(0.0, centre - half), high=min(1.0, centre + half), level=level)


def fisher(correlation: float, df: int, level: float = LEVEL) -> Interval:
    """Return Fisher's z interval of a correlation (Fisher 1921), which assumes normal data.

    Args:
        correlation: -1 … 1.
        df: Degrees of freedom behind it; None bounds with fewer than 3.
        level: Of the interval, two-sided.
    """
    if df < 3:
        return Interval(low=None, high=None, level=level)
    half = NormalDist().inv_cdf((1 + level) / 2) / sqrt(df - 2)
    centre = atanh(max(-NEAR_ONE, min(NEAR_ONE, correlation)))
    return Interval(low=tanh(centre - half), high=tanh(centre + half), level=level)


def student(values: Sequence[float], level: float = LEVEL) -> tuple[float, Interval] | None:
    """Return the mean of independent values and its Student t interval; None bounds below 2 values, None for none."""
    if not values:
        return None
    mean = fmean(values)
    spread = stdev(values) if len(values) > 1 else 0.0
    if spread == 0.0:
        return mean, Interval(low=None, high=None, level=level)
    half = float(special.stdtrit(len(values) - 1, (1 + level) / 2)) * spread / sqrt(len(values))
    return mean, Interval(low=mean - half, high=mean + half, level=level)
