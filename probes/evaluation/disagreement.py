"""Where two scorers of the same answers disagree: the items that show which of them measures something else.

A strict rule beside a lenient one (keywords beside a judge) tells a wrong answer from a right one in other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from probes.outcome import SampleScore


class Disagreement(NamedTuple):
    """How far two components are apart on one item."""

    item: str
    category: str
    samples: int
    """Samples that both marked."""
    one: float
    """Mean of the first component, 0 … 1."""
    other: float
    """Mean of the second."""
    distance: float
    """Mean over samples of how far they are apart; unlike the means, it does not cancel out."""
    cause: str
    """Why the stricter gave less, for the sample on which they are furthest apart; empty where it cannot tell."""


def disagreements(scores: Sequence[SampleScore], one: str, other: str, least: float = 0.0) -> tuple[Disagreement, ...]:
    """Return the items on which the components `one` and `other` are more than `least` apart, the furthest first.

    A sample that only one of them marked says nothing; items without any other sample are left out.
    """
    by_item: dict[str, list[SampleScore]] = {}
    for score in scores:
        if one in score.components and other in score.components:
            by_item.setdefault(score.item, []).append(score)
    found = (_compare(samples, one, other) for samples in by_item.values())
    return tuple(sorted((d for d in found if d.distance > least), key=lambda d: -d.distance))


def _compare(samples: Sequence[SampleScore], one: str, other: str) -> Disagreement:
    pairs = [(score.components[one], score.components[other]) for score in samples]
    gaps = [abs(first - second) for first, second in pairs]
    widest = samples[gaps.index(max(gaps))]
    stricter = one if widest.components[one] < widest.components[other] else other
    return Disagreement(
        item=samples[0].item,
        category=samples[0].category,
        samples=len(samples),
        one=fmean(first for first, _ in pairs),
        other=fmean(second for _, second in pairs),
        distance=fmean(gaps),
        cause=widest.causes.get(stricter, ""),
    )
