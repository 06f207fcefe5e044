"""How category scores become one number: `overall`.

Three ways are in use and differ by whole points on the same run: every category counts the same, every prompt counts
the same, or each category has a declared weight. All three are weights on the category means, so there is one
mechanism: `category_weights` turns the session's choice into weights once, and `overall_of` applies them wherever an
overall is formed. None stands for equal weights.

What is missing stays missing: an overall whose categories were not all scored is None, never a mean of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from statistics import fmean
from typing import Literal

from probes.errors import ConfigError

Weights = Mapping[str, float]
"""Category → its share of the overall; they sum to 1."""
Aggregation = Literal["categories", "prompts"] | dict[str, float]
TOLERANCE = 1e-6
"""How far declared weights may be from a sum of 1."""


def category_weights(aggregation: Aggregation, counts: Mapping[str, int]) -> dict[str, float] | None:
    """Return each category's weight in the overall, None when all count the same.

    Args:
        aggregation: `categories`: unweighted mean of the categories; `prompts`: mean over prompts, so a category
            weighs as much as it has items; or category → weight.
        counts: Category → items of the whole suite.

    Raises:
        ConfigError: declared weights do not cover exactly these categories.
    """
    if aggregation == "categories":
        return None
    if aggregation == "prompts":
        total = sum(counts.values())
        return _unless_equal({name: count / total for name, count in sorted(counts.items())})
    missing, unknown = sorted(counts.keys() - aggregation.keys()), sorted(aggregation.keys() - counts.keys())
    if missing or unknown:
        raise ConfigError(
            "`suite.aggregation` must give every category of the suite a weight"
            + (f", missing: {', '.join(missing)}" if missing else "")
            + (f", not in the suite: {', '.join(unknown)}" if unknown else "")
            + "; correct the weights, or use `categories` or `prompts`"
        )
    return _unless_equal(dict(sorted(aggregation.items())))


def _unless_equal(weights: dict[str, float]) -> dict[str, float] | None:
    """Return None for equal weights: the same quantity has one form, so that it compares with itself."""
    return None if max(weights.values()) - min(weights.values()) <= TOLERANCE else weights


def check_weights(weights: Weights) -> None:
    """Make sure that weights are shares.

    Raises:
        ValueError: one is negative or no number, or they do not sum to 1.
    """
    for name, weight in weights.items():
        if not isfinite(weight) or weight < 0:
            raise ValueError(f"the weight of `{name}` must be 0 or more, got {weight:g}")
    total = sum(weights.values())
    if abs(total - 1.0) > TOLERANCE:
        raise ValueError(f"category weights must sum to 1, got {total:.6g}; scale them")


def overall_of(means: Mapping[str, float | None], weights: Weights | None = None) -> float | None:
    """Return the overall of category means, None when a category that counts was not scored.

    Args:
        means: Category → mean score, None when it was not scored.
        weights: Category → weight; a category with weight 0 may be unscored. None: all count the same.
    """
    counted = {name: mean for name, mean in means.items() if weights is None or weights.get(name, 0.0) > 0}
    known = {name: mean for name, mean in counted.items() if mean is not None}
    if not known or len(known) < len(counted):
        return None
    if weights is None:
        return fmean(known.values())
    if any(weight > 0 and name not in known for name, weight in weights.items()):
        return None
    return sum(weights[name] * mean for name, mean in known.items())


def effective_categories(weights: Weights | None, count: int) -> float:
    """Return how many equally weighted categories would average out as much noise: 1 / Σ weight²."""
    return float(count) if weights is None else 1 / sum(weight**2 for weight in weights.values())


def overall_variance(variances: Mapping[str, float], weights: Weights | None) -> float:
    """Return the variance of the overall of independent categories with these variances."""
    if weights is None:
        return sum(variances.values()) / len(variances) ** 2
    return sum(weights.get(name, 0.0) ** 2 * variance for name, variance in variances.items())


def aggregation_in_words(weights: Weights | None) -> str:
    """Return how the overall is formed, for tables and messages."""
    if weights is None:
        return "mean of categories"
    return "weighted: " + ", ".join(f"{name} {weight:.6g}" for name, weight in weights.items())
