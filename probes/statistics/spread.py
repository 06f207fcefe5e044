"""The run-to-run noise that a night is planned with: assumed, from an earlier night, or measured.

Before anything was measured the noise of a category follows from its number of items and answers and from assumed
components, so that six items never look as good as sixty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Literal

from probes.aggregation import Weights, effective_categories, overall_variance
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL
from probes.statistics.verdicts import EarlierNoise, Noise, NoiseComponents

Items = Mapping[str, int]
"""Category → items."""
NoiseSource = Literal["assumed", "measured", "earlier night"]
MOST_SHARED = 0.95
"""Largest share of a category's variance that is put down to the run as a whole."""


@dataclass(frozen=True)
class Variances:
    """The sources of a score's noise, as variances in points²."""

    run: float
    run_category: float
    run_item: float
    sampling: float

    def seed_level(self, items: Items, weights: Weights | None = None) -> float:
        """Return the variance of a metric that no number of answers removes; `items`: per category of the metric."""
        categories = effective_categories(weights, len(items))
        return self.run + self.run_category / categories + self.run_item * _per_item(items, weights)

    def answer_level(self, items: Items, weights: Weights | None = None) -> float:
        """Return the variance that one answer per item adds; K answers add a K-th of it."""
        return self.sampling * _per_item(items, weights)

    def of_mean(self, items: Items, samples: int, weights: Weights | None = None) -> float:
        """Return the variance of the mean over categories (None: unweighted) with `samples` per item."""
        return self.seed_level(items, weights) + self.answer_level(items, weights) / samples


ASSUMED = Variances(run=0.08, run_category=0.08, run_item=1.5**2, sampling=2.0**2)
"""Of the 0–10 scale: train seed .4 on a category mean, half of it shared by all categories; seed × item 1.5; sampling
2.0. Together one prompt of one run has sd 2.5, the mean of 24 items in six categories with three answers each .49."""


@dataclass(frozen=True)
class SplitNoise:
    """Run-to-run sd of one probe's metrics on one split."""

    target: float
    categories: Mapping[str, float]
    """Category → sd; categories without items are missing."""


@dataclass(frozen=True)
class PlannedNoise:
    """What power is computed at and simulated nights are played with."""

    source: NoiseSource
    search: SplitNoise
    held_out: SplitNoise
    shared_sd: float
    """Part of every category's noise that all categories of one run share."""
    critical_failures_sd: float | None
    """Run-to-run sd of the number of critical failures; None before it was measured."""
    words: str
    """Where all this comes from."""


def plan_noise(
    target: str,
    search_items: Mapping[str, int],
    held_out_items: Mapping[str, int],
    samples: int,
    assumed_sd: float | None = None,
    earlier: EarlierNoise | None = None,
    measured: Noise | None = None,
    weights: Weights | None = None,
) -> PlannedNoise:
    """Return the best known noise of both splits: measured before earlier nights' before assumed, metric by metric.

    Measured and earlier noise are of the search items; on the held-out items they are scaled as the assumed
    components say for the difference in number.

    Args:
        target: Category, or `overall`.
        search_items: Category → items.
        held_out_items: Category → items.
        samples: Answers per item.
        assumed_sd: The user's own assumption of the target's sd on the search items; scales everything assumed.
        earlier: What earlier nights measured under the same conditions.
        measured: What this night measured.
        weights: Category → its share of `overall`; None: all count the same.
    """
    bare = {
        side: _assumed(target, items, samples, weights) for side, items in (("s", search_items), ("h", held_out_items))
    }
    scale = 1.0 if assumed_sd is None else assumed_sd / bare["s"].target
    known = _known(target, earlier, measured)
    search = SplitNoise(
        target=known.get(target) or bare["s"].target * scale,
        categories={name: known.get(name) or sd * scale for name, sd in bare["s"].categories.items()},
    )
    held_out = SplitNoise(
        target=search.target * bare["h"].target / bare["s"].target,
        categories={
            name: sd * search.categories[name] / bare["s"].categories[name] if name in search.categories else sd * scale
            for name, sd in bare["h"].categories.items()
        },
    )
    source: NoiseSource = (
        "measured" if measured and measured.target_sd else "earlier night" if known.get(target) else "assumed"
    )
    components = measured.components if measured else None
    return PlannedNoise(
        source=source,
        search=search,
        held_out=held_out,
        shared_sd=_shared_sd(components, known, search, scale, weights),
        critical_failures_sd=known.get(CRITICAL_FAILURES),
        words=_words(source, samples, assumed_sd, earlier, measured),
    )


def _assumed(target: str, items: Mapping[str, int], samples: int, weights: Weights | None) -> SplitNoise:
    """Return the assumed noise of one split; categories without items have none."""
    counts = {name: count for name, count in items.items() if count > 0}
    categories = {name: sqrt(ASSUMED.of_mean({name: count}, samples)) for name, count in counts.items()}
    if target != OVERALL and target in categories:
        return SplitNoise(categories[target], categories)
    return SplitNoise(sqrt(ASSUMED.of_mean(counts or {OVERALL: 1}, samples, weights if counts else None)), categories)


def _known(target: str, earlier: EarlierNoise | None, measured: Noise | None) -> dict[str, float]:
    """Return metric → sd of all that was measured, today's before earlier nights'; an sd of 0 is no knowledge."""
    known = dict(earlier.metric_sd) if earlier else {}
    if measured is not None:
        today = {**measured.category_sd, target: measured.target_sd, CRITICAL_FAILURES: measured.critical_failures_sd}
        known.update({name: sd for name, sd in today.items() if sd})
    return {name: sd for name, sd in known.items() if sd > 0}


def _shared_sd(
    components: NoiseComponents | None,
    known: Mapping[str, float],
    search: SplitNoise,
    scale: float,
    weights: Weights | None,
) -> float:
    """Return the sd that all categories of a run share, as far as it fits into each category's own.

    Measured where today's replicates tell it. From earlier nights by moments: the variance of the mean over
    categories exceeds Σ weight² · variance, without weights Σ variances / C², by what they share. Assumed otherwise.
    """
    names = search.categories
    least = min(names.values(), default=0.0)
    if components is not None and components.run.sd is not None and components.run_category.sd is not None:
        variance = components.run.sd**2
    elif OVERALL in known and effective_categories(weights, len(names)) > 1 and all(name in known for name in names):
        alone = overall_variance({name: known[name] ** 2 for name in names}, weights)
        variance = (known[OVERALL] ** 2 - alone) / (1 - 1 / effective_categories(weights, len(names)))
    else:
        variance = ASSUMED.run * scale**2
    return sqrt(max(0.0, min(variance, MOST_SHARED * least**2)))


def _words(
    source: NoiseSource, samples: int, assumed_sd: float | None, earlier: EarlierNoise | None, measured: Noise | None
) -> str:
    answers = "1 answer" if samples == 1 else f"{samples} answers"
    if source == "measured":
        runs = measured.runs if measured else 0
        return f"Noise: measured tonight from {runs} runs of the search items."
    if source == "earlier night" and earlier is not None:
        nights = "1 earlier night" if earlier.nights == 1 else f"{earlier.nights} earlier nights"
        return f"Noise: measured by {nights} under the same conditions; tonight's calibration checks it."
    if assumed_sd is not None:
        return f"Noise: assumed from `referee.noise_sd` = {assumed_sd:g} and each category's items; to be calibrated."
    return (
        f"Noise: assumed, from each category's items and {answers} per item (sd of the train seed .4 on a category "
        "mean, of seed × item 1.5, of sampling 2); the calibration measures it."
    )


def _per_item(items: Items, weights: Weights | None) -> float:
    """Return the variance of the mean over categories per unit of variance of an item."""
    if weights is None:
        return fmean(1 / count for count in items.values()) / len(items)
    return sum(weights.get(name, 0.0) ** 2 / count for name, count in items.items())
