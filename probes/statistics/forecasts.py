"""How well proposers foretold the effects of their changes: pure scoring of forecasts against what was measured.

Measured is the search's posterior mean of a change's effect, which is shrunk and noisy itself: the scores say who
forecasts better on the same changes' scale, not how well the truth was known. A forecast that was never measured is in
no score, and neither is a change whose probes all failed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from probes.frozen import Frozen
from probes.statistics.verdicts import Interval

FORECAST_LEVEL = 0.9
"""Of the intervals that proposers state."""
LEAST_FOR_MEANS = 3
"""Fewer forecasts: no interval of the signed error."""
LEAST_FOR_RANKS = 5
"""Fewer forecasts: no rank correlation."""


class MeasuredForecast(Frozen):
    """One forecast and what was measured of its change, in points of the target."""

    proposer: str
    effect: float
    low: float
    """Lower end of the stated 90 % interval."""
    high: float
    confidence: float
    """Stated P(effect > 0)."""
    measured: float


class ForecastScore(Frozen):
    """How one proposer's forecasts fared; None where they are too few."""

    proposer: str
    forecasts: int
    coverage: float | None
    """Share of stated 90 % intervals that hold what was measured; .9 is calibrated."""
    coverage_interval: Interval
    """Clopper–Pearson, 90 %."""
    sharpness: float | None
    """Mean width of the stated intervals, in points; small is worth something only at a coverage of .9."""
    interval_score: float | None
    """Mean interval score (Gneiting and Raftery 2007), in points: width, and 20 times what lies outside. Lower is
    better, and only honest intervals make it low."""
    error: float | None
    """Mean of forecast minus measured: above 0, the proposer promised too much."""
    error_interval: Interval
    """Of `error`, 90 %, Student's t over forecasts."""
    absolute_error: float | None
    """Mean distance of forecast and measured."""
    rank_correlation: float | None
    """Spearman's, of forecast and measured; None also when either never varies."""
    brier: float | None
    """Mean square of `confidence` minus whether the measured effect was above 0; .25 is what a constant .5 gets."""


def score_forecasts(forecasts: Sequence[MeasuredForecast]) -> list[ForecastScore]:
    """Return the scores of each proposer, in order of its first forecast."""
    proposers = dict.fromkeys(each.proposer for each in forecasts)
    return [_score(name, [each for each in forecasts if each.proposer == name]) for name in proposers]


def interval_score(low: float, high: float, measured: float, level: float = FORECAST_LEVEL) -> float:
    """Return the interval score of Gneiting and Raftery (2007): width, and 2 / (1 − level) times the miss.

    Assumes a central interval. Lower is better; its expectation is least for the true quantiles.
    """
    miss = max(low - measured, measured - high, 0.0)
    return (high - low) + 2.0 / (1.0 - level) * miss


def _score(proposer: str, each: Sequence[MeasuredForecast]) -> ForecastScore:
    errors = [one.effect - one.measured for one in each]
    inside = sum(one.low <= one.measured <= one.high for one in each)
    return ForecastScore(
        proposer=proposer,
        forecasts=len(each),
        coverage=inside / len(each),
        coverage_interval=_share_interval(inside, len(each)),
        sharpness=_mean([one.high - one.low for one in each]),
        interval_score=_mean([interval_score(one.low, one.high, one.measured) for one in each]),
        error=_mean(errors),
        error_interval=_mean_interval(errors),
        absolute_error=_mean([abs(error) for error in errors]),
        rank_correlation=_rank_correlation([one.effect for one in each], [one.measured for one in each]),
        brier=_mean([(one.confidence - (one.measured > 0)) ** 2 for one in each]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _share_interval(hits: int, tries: int) -> Interval:
    """Return the exact interval of a share; assumes independent tries."""
    from scipy.stats import beta

    low = float(beta.ppf(0.05, hits, tries - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.95, hits + 1, tries - hits)) if hits < tries else 1.0
    return Interval(low=low, high=high)


def _mean_interval(values: Sequence[float]) -> Interval:
    """Return Student's interval of a mean; no bounds with fewer than three values or none that differ."""
    if len(values) < LEAST_FOR_MEANS or len(set(values)) == 1:
        return Interval(low=None, high=None)
    from scipy.stats import t

    mean = math.fsum(values) / len(values)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = float(t.ppf(0.95, len(values) - 1)) * sd / math.sqrt(len(values))
    return Interval(low=mean - half, high=mean + half)


def _rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(one) < LEAST_FOR_RANKS or len(set(one)) == 1 or len(set(other)) == 1:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
