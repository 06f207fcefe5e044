"""Which categories no change moves: what recipes cannot raise, more or better training rows may.

Rule. A change leaves a category still when P(|effect| ≤ .5 points) ≥ .9, and moves it when P(|effect| > .5) ≥ .5;
otherwise its probes are too few to tell. A category is named data-bottlenecked when no change moved it, at least four
in at least two lanes left it still, and those are no fewer than the ones that cannot tell. Half a point is about what
one night can see of a single category. A category at its ceiling is not named: nothing is left to gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scipy import stats

from probes.candidate import LaneName
from probes.frozen import Frozen
from probes.statistics.earlier import Movement, RawEffect

SMALLEST = 0.5
"""Smallest effect on a category that counts as moving it, in points."""
STILL, MOVED = 0.9, 0.5
"""Probabilities from which on a change is told to have left a category still, or to have moved it: to name a category
wrongly costs a night's work on data, so a change that merely seems to move it speaks against the name."""
LEAST_CHANGES, LEAST_LANES = 4, 2
CEILING = 9.5
"""Baseline score from which on a category has nothing left to gain."""
LEAST_DF = 3
"""With fewer degrees of freedom of noise nothing is told of any change."""
RULE = (
    f"A category is named when no change seems to move it by more than {SMALLEST:g} points (P ≥ {MOVED:g}), at least "
    f"{LEAST_CHANGES} changes in at least {LEAST_LANES} lanes left it within that (P ≥ {STILL:g}), and they are no "
    "fewer than those whose probes cannot tell."
)


class Bottleneck(Frozen):
    """A category that no change moved."""

    category: str
    level: float
    """The baseline's mean on the search items."""
    still: int
    unclear: int
    lanes: tuple[LaneName, ...]
    """Lanes whose changes left it still."""


def movements(category: str, effects: Sequence[RawEffect], df: int) -> tuple[Movement, ...]:
    """Return what each lane's changes did to a category.

    Args:
        category: Its name.
        effects: Unshrunk estimates of the changes' effects on it.
        df: Degrees of freedom of the noise behind their standard errors; the estimates are Student t around the truth.
    """
    counts: dict[LaneName, list[int]] = {}
    for each in effects:
        counts.setdefault(each.lane, [0, 0, 0])[_verdict(each, df)] += 1
    return tuple(
        Movement(category=category, lane=lane, still=still, moved=moved, unclear=unclear)
        for lane, (still, moved, unclear) in counts.items()
    )


def pooled(found: Sequence[Movement]) -> tuple[Movement, ...]:
    """Return the sums per category and lane, in order of appearance."""
    sums: dict[tuple[str, LaneName], Movement] = {}
    for each in found:
        before = sums.get((each.category, each.lane), Movement(category=each.category, lane=each.lane))
        added = {name: getattr(before, name) + getattr(each, name) for name in ("still", "moved", "unclear")}
        sums[each.category, each.lane] = before.model_copy(update=added)
    return tuple(sums.values())


def bottlenecks(found: Sequence[Movement], levels: Mapping[str, float]) -> tuple[Bottleneck, ...]:
    """Return the categories that the rule names, the weakest first.

    Args:
        found: What changes did, of tonight and of earlier nights on the same data.
        levels: Category → the baseline's mean; categories that are not in it are not judged.
    """
    named: list[Bottleneck] = []
    for category, level in sorted(levels.items(), key=lambda pair: pair[1]):
        own = [each for each in pooled(found) if each.category == category]
        still, unclear = sum(each.still for each in own), sum(each.unclear for each in own)
        lanes: tuple[LaneName, ...] = tuple(each.lane for each in own if each.still)
        is_enough = still >= max(LEAST_CHANGES, unclear) and len(lanes) >= LEAST_LANES
        if is_enough and level < CEILING and not any(each.moved for each in own):
            named.append(Bottleneck(category=category, level=level, still=still, unclear=unclear, lanes=lanes))
    return tuple(named)


def _verdict(each: RawEffect, df: int) -> int:
    """Return 0 for still, 1 for moved, 2 for unclear."""
    if df < LEAST_DF:
        return 2
    within = float(
        stats.t.cdf((SMALLEST - each.effect) / each.standard_error, df)
        - stats.t.cdf((-SMALLEST - each.effect) / each.standard_error, df)
    )
    return 0 if within >= STILL else 1 if 1 - within >= MOVED else 2
