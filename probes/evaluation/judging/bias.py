"""The audit of a judge's own overall against its own components: does it say what its parts add up to?

A judge that has named a critical failure tends to lower its overall below the weighted mean of the very components it
has just scored. Only the computed overall is ever used; this says what the other would have done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from scipy import special

from probes.evaluation.judging.usage import Judgement
from probes.frozen import Frozen
from probes.statistics.confirmation import welch
from probes.statistics.verdicts import Interval


class BiasRow(NamedTuple):
    """One verdict: the judge's own overall beside the computed one."""

    own: float
    weighted: float
    has_critical: bool


class BiasGroup(Frozen):
    """The judge's overall minus the weighted one, over some verdicts."""

    verdicts: int
    mean: float | None
    """Points of 0 … 10; None without verdicts."""
    interval: Interval
    """Two-sided t interval; None bounds with fewer than two verdicts or no spread at all."""


class BiasAudit(Frozen):
    """The bias with and without critical failures."""

    with_critical: BiasGroup
    without_critical: BiasGroup
    difference: float | None
    """With minus without."""
    difference_interval: Interval
    """Welch's; assumes independent verdicts."""
    no_overall: int
    """Verdicts left out because the judge gave no overall of its own."""


def bias_rows(judgements: Iterable[Judgement]) -> tuple[list[BiasRow], int]:
    """Return the verdicts that can be audited, and how many gave no overall of their own."""
    verdicts = [one for one in judgements if one.overall is not None]
    rows = [
        BiasRow(one.judge_overall_score, one.overall, bool(one.critical_failures))
        for one in verdicts
        if one.judge_overall_score is not None and one.overall is not None
    ]
    return rows, len(verdicts) - len(rows)


def audit_bias(rows: Sequence[BiasRow], no_overall: int = 0, level: float = 0.9) -> BiasAudit:
    """Return the judge's own overall minus the weighted one, split by whether it named a critical failure."""
    gaps = {flag: [row.own - row.weighted for row in rows if row.has_critical is flag] for flag in (True, False)}
    difference = welch(gaps[True], gaps[False])
    both = bool(gaps[True] and gaps[False])
    return BiasAudit(
        with_critical=_group(gaps[True], level),
        without_critical=_group(gaps[False], level),
        difference=fmean(gaps[True]) - fmean(gaps[False]) if both else None,
        difference_interval=difference.interval(level) if difference else Interval(low=None, high=None, level=level),
        no_overall=no_overall,
    )


def _group(gaps: Sequence[float], level: float) -> BiasGroup:
    mean = fmean(gaps) if gaps else None
    spread = stdev(gaps) if len(gaps) > 1 else 0.0
    low = high = None
    if mean is not None and spread > 0.0:
        half = float(special.stdtrit(len(gaps) - 1, 0.5 + level / 2)) * spread / sqrt(len(gaps))
        low, high = mean - half, mean + half
    return BiasGroup(verdicts=len(gaps), mean=mean, interval=Interval(low=low, high=high, level=level))
