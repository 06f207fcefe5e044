"""Where the noise comes from: run, run × category, run × item and sampling, by ANOVA moments of unbalanced data.

Model of one answer: recipe's item mean + run + run × category + run × item + sampling, every part independent with one
variance for all recipes and categories. Runs of one recipe are compared pair by pair over the items that both have
scored, so that the items' own means cancel whatever is missing: symmetric differences (Koch, Technometrics 10, 1968),
unbiased for any pattern and equal to the textbook's ANOVA moments when nothing is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from probes.statistics.runs import Run, by_recipe
from probes.statistics.verdicts import Component, Interval, NoiseComponents

Array = NDArray[np.float64]
LEVEL = 0.9
UNKNOWN = Component(sd=None, interval=Interval(low=None, high=None, level=LEVEL), degrees_of_freedom=0.0)
"""A part that the data cannot tell."""


@dataclass(frozen=True)
class MeanSquare:
    """A mean square and its degrees of freedom; without any its value is 0 and nothing follows from it."""

    value: float
    df: float

    @property
    def is_known(self) -> bool:
        """Whether anything was measured."""
        return self.df > 0


@dataclass(frozen=True)
class _Moments:
    """Mean squares of all recipes together, and how the finer parts enter the coarser ones."""

    between_runs: MeanSquare
    """Of the mean over categories; expectation run + run × category / categories + finer parts."""
    run_category: MeanSquare
    """Expectation run × category + `per_item` × item level."""
    item_level: MeanSquare
    """Of an item's mean over its samples; expectation run × item + `per_sample` × sampling."""
    sampling: MeanSquare
    categories: int
    per_item: float
    """Mean of 1 / items over categories."""
    per_sample: float
    """Mean of 1 / samples over items."""


def estimate_components(runs: Sequence[Run], item_category: Mapping[str, str]) -> NoiseComponents | None:
    """Estimate every source of noise from replicates, pooled over recipes.

    A negative moment is set to 0 and flagged. Intervals are modified large-sample intervals for differences of mean
    squares (Ting et al., J. Stat. Comput. Simul. 35, 1990), for sampling the chi-square interval. A part that these
    data cannot tell is None: run × item and sampling with one answer per item, run × category with one category (`run`
    then holds both). None altogether when no recipe has two runs with a scored item in common.

    Args:
        runs: Completed probes with their items' scores.
        item_category: Item → category.
    """
    moments = _measure(runs, item_category)
    if moments is None or not moments.between_runs.is_known:
        return None
    m = moments
    if m.categories > 1:
        run = _difference(m.between_runs, 1 / m.categories, m.run_category)
        run_category = _difference(m.run_category, m.per_item, m.item_level)
    else:
        run, run_category = _difference(m.between_runs, m.per_item, m.item_level), UNKNOWN
    return NoiseComponents(
        run=run,
        run_category=run_category,
        run_item=_difference(m.item_level, m.per_sample, m.sampling),
        sampling=_sampling(m.sampling),
        samples=1 / m.per_sample if m.per_sample else None,
    )


def difference_interval(
    first: MeanSquare, weight: float, second: MeanSquare, level: float = LEVEL
) -> tuple[float, float]:
    """Return the interval of E[first] - weight · E[second] for independent chi-square mean squares.

    Modified large-sample method (Ting, Burdick, Graybill, Jeyaratnam and Lu 1990; Burdick and Graybill 1992, ch. 3):
    exact when either mean square vanishes, close to its level otherwise. Bounds may be negative.
    """
    tail = (1 - level) / 2
    a, b = first.value, weight * second.value
    up_1, down_1 = _ratio(1 - tail, first.df), _ratio(tail, first.df)
    up_2, down_2 = _ratio(1 - tail, second.df), _ratio(tail, second.df)
    top = float(stats.f.ppf(1 - tail, first.df, second.df))
    low = float(stats.f.ppf(tail, first.df, second.df))
    g1, h2 = 1 - 1 / up_1, 1 / down_2 - 1
    h1, g2 = 1 / down_1 - 1, 1 - 1 / up_2
    g12 = ((top - 1) ** 2 - (g1 * top) ** 2 - h2**2) / top
    h12 = ((1 - low) ** 2 - (h1 * low) ** 2 - g2**2) / low
    below = (g1 * a) ** 2 + (h2 * b) ** 2 + g12 * a * b
    above = (h1 * a) ** 2 + (g2 * b) ** 2 + h12 * a * b
    return a - b - sqrt(max(0.0, below)), a - b + sqrt(max(0.0, above))


def _difference(first: MeanSquare, weight: float, second: MeanSquare) -> Component:
    """Return the part of `first` that `second` does not explain."""
    if not (first.is_known and second.is_known):
        return UNKNOWN
    bounds = difference_interval(first, weight, second)
    return _component(first.value - weight * second.value, first.df, bounds)


def _component(variance: float, df: float, bounds: tuple[float, float]) -> Component:
    """Return a component as a standard deviation; bounds that leave no width are unknown."""
    low, high = max(0.0, bounds[0]), bounds[1]
    known = high > low
    return Component(
        sd=sqrt(max(0.0, variance)),
        interval=Interval(low=sqrt(low) if known else None, high=sqrt(high) if known else None, level=LEVEL),
        degrees_of_freedom=df,
        is_clipped=variance < 0,
    )


def _sampling(square: MeanSquare) -> Component:
    """Return the sampling component with its chi-square interval."""
    if not square.is_known:
        return UNKNOWN
    tail = (1 - LEVEL) / 2
    bounds = square.value / _ratio(1 - tail, square.df), square.value / _ratio(tail, square.df)
    return _component(square.value, square.df, bounds)


def _ratio(probability: float, df: float) -> float:
    """Return the quantile of chi-square over its degrees of freedom."""
    return float(stats.chi2.ppf(probability, df)) / df


def _measure(runs: Sequence[Run], item_category: Mapping[str, str]) -> _Moments | None:
    groups = [group for group in by_recipe(runs).values() if len(group) > 1]
    items = sorted({item for group in groups for run in group for item in run.items if item in item_category})
    if not items:
        return None
    categories = sorted({item_category[item] for item in items})
    member = np.array([[item_category[item] == name for name in categories] for item in items], dtype=np.float64)
    total = np.zeros(len(_Sums.__match_args__))
    for group in groups:
        means, counts = _cells(group, items)
        for first in range(len(group) - 1):
            total += _pair_sums(means, counts, first, member) / len(group)
    sums = _Sums(*total.tolist())
    squares, df = _within_cells(groups)
    interactions = sums.pairs * (len(categories) - 1)
    return _Moments(
        between_runs=_mean_square(sums.run, sums.pairs),
        run_category=_mean_square(sums.category, interactions),
        item_level=_mean_square(sums.item, sums.item_df),
        sampling=_mean_square(squares, df),
        categories=len(categories),
        per_item=sums.per_item / sums.pairs if sums.pairs else 0.0,
        per_sample=sums.per_sample / sums.item_df if sums.item_df else 0.0,
    )


@dataclass(frozen=True)
class _Sums:
    """Sums over pairs of runs of one recipe, each pair at weight 2 / runs, so that a recipe weighs runs - 1."""

    pairs: float
    run: float
    category: float
    item: float
    item_df: float
    per_item: float
    per_sample: float


def _pair_sums(means: Array, counts: Array, first: int, member: Array) -> Array:
    """Return the sums of the pairs of run `first` with every later run, in the order of `_Sums`.

    Args:
        means: Mean score per run and item, shape (runs, items), NaN where unscored.
        counts: Samples behind each mean, same shape.
        first: Row of the first run.
        member: Whether an item belongs to a category, shape (items, categories).
    """
    difference = means[first] - means[first + 1 :]
    both = np.isfinite(difference)
    shared = both @ member
    usable = (shared > 0).all(axis=1)
    if not usable.any():
        return np.zeros(len(_Sums.__match_args__))
    shared = shared[usable]
    d = np.where(both, difference, 0.0)[usable]
    noise = np.where(both, 1 / np.maximum(counts[first], 1) + 1 / np.maximum(counts[first + 1 :], 1), 0.0)[usable]
    centre = (d @ member) / shared
    overall = centre.mean(axis=1)
    squares = np.maximum(0.0, (d**2) @ member - shared * centre**2)
    # Half a squared difference estimates the variance; the weight 2 per pair cancels that half.
    return np.array(
        [
            2 * len(d),
            (overall**2).sum(),
            ((centre - overall[:, None]) ** 2).sum(),
            squares.sum(),
            2 * (shared - 1).sum(),
            2 * (1 / shared).mean(axis=1).sum(),
            ((shared - 1) * ((noise @ member) / shared)).sum(),
        ]
    )


def _cells(group: Sequence[Run], items: Sequence[str]) -> tuple[Array, Array]:
    """Return mean score and number of samples per run and item, shape (runs, items)."""
    scores = [[run.items.get(item, ()) for item in items] for run in group]
    counts = np.array([[len(cell) for cell in row] for row in scores], dtype=np.float64)
    means = np.array([[sum(cell) / len(cell) if cell else np.nan for cell in row] for row in scores])
    return means, counts


def _within_cells(groups: Sequence[Sequence[Run]]) -> tuple[float, float]:
    """Return squares and degrees of freedom of answers around their item's mean within one run."""
    squares, df = 0.0, 0
    for group in groups:
        for run in group:
            for scores in run.items.values():
                if len(scores) > 1:
                    mean = sum(scores) / len(scores)
                    squares += sum((score - mean) ** 2 for score in scores)
                    df += len(scores) - 1
    return squares, float(df)


def _mean_square(squares: float, df: float) -> MeanSquare:
    return MeanSquare(squares / df, df) if df > 0 else MeanSquare(0.0, 0.0)
