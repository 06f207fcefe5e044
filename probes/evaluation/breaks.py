"""Character breaks counted per item: in how many of its samples the persona broke (see `scorers.character`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from probes.outcome import SampleScore


class ItemBreaks(NamedTuple):
    """The breaks of one item; `breaks`/`samples` is its n/N."""

    item: str
    category: str
    breaks: int
    samples: int
    """Samples that the component marked; one that never came counts on neither side."""
    cause: str
    """The first break, with what is around it."""


def breaks_per_item(scores: Sequence[SampleScore], component: str = "character_break") -> tuple[ItemBreaks, ...]:
    """Return the breaks of every item that has the component, in the order of `scores`."""
    marked = [score for score in scores if component in score.components]
    by_item: dict[str, list[SampleScore]] = {}
    for score in marked:
        by_item.setdefault(score.item, []).append(score)
    return tuple(_count(item, samples, component) for item, samples in by_item.items())


def breaks_per_category(breaks: Sequence[ItemBreaks]) -> dict[str, tuple[int, int]]:
    """Return category → breaks and samples, over its items."""
    counts: dict[str, tuple[int, int]] = {}
    for one in breaks:
        broke, samples = counts.get(one.category, (0, 0))
        counts[one.category] = (broke + one.breaks, samples + one.samples)
    return counts


def _count(item: str, samples: Sequence[SampleScore], component: str) -> ItemBreaks:
    broke = [score for score in samples if score.components[component] == 0]
    cause = broke[0].causes.get(component, "") if broke else ""
    return ItemBreaks(item, samples[0].category, len(broke), len(samples), cause)
