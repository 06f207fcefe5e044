"""Has the ground moved since earlier nights? Tonight's baseline is held against theirs, its level and its noise.

Levels are never carried from one night to another: the same configuration has been seen to differ between sessions four
times as much as within one. Noise is carried over, and only as long as tonight's agrees with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, variance

from scipy import stats

from probes.statistics.earlier import DRIFT_ERROR, BaselineLevel, DriftCheck, LevelDrift, NoiseDrift
from probes.statistics.noise import pooled_sd
from probes.statistics.runs import OVERALL, Run, by_recipe
from probes.statistics.verdicts import EarlierNoise, Interval

LEAST_NIGHTS = 4
"""From so many earlier nights on, their own spread says how far a night may lie off; before, only the seeds do."""


def check_drift(
    runs: Sequence[Run], target: str, earlier: EarlierNoise | None, baselines: Sequence[BaselineLevel]
) -> DriftCheck:
    """Hold tonight's calibration against earlier nights.

    Args:
        runs: Tonight's scored probes on the search items; only the baseline's count.
        target: Category, or `overall`.
        earlier: Noise of earlier nights under the same conditions; None: its noise is not checked.
        baselines: Levels of the same baseline recipe on the same data and conditions; none: its level is not checked.
    """
    own = by_recipe(runs).get(frozenset(), [])
    noise = noise_drift(own, earlier) if earlier is not None else ()
    dropped = any(each.p_value < DRIFT_ERROR for each in noise)
    known = None if dropped else earlier
    metrics = dict.fromkeys((target, OVERALL))
    levels = (level_drift(own, metric, known, baselines, DRIFT_ERROR / len(metrics)) for metric in metrics)
    return DriftCheck(levels=tuple(level for level in levels if level is not None), noise=noise, noise_dropped=dropped)


def level_drift(
    own: Sequence[Run], metric: str, noise: EarlierNoise | None, baselines: Sequence[BaselineLevel], error: float
) -> LevelDrift | None:
    """Return tonight's baseline mean with its prediction interval from earlier nights.

    Method: with fewer than `LEAST_NIGHTS` earlier nights the interval is a t interval of the difference from all their
    runs, by seed noise alone: outside means that the nights differ by more than seeds. With more it also covers the
    spread of the nights' means (t with nights - 1 degrees of freedom, exact for equal numbers of runs): outside means
    that tonight is unlike any of them. The noise is pooled with the earlier nights'. None with fewer than two runs
    tonight, without earlier nights, or without any spread.
    """
    before = [level for level in baselines if metric in level.means]
    within = _within(own, metric, noise)
    if len(own) < 2 or not before or within is None:
        return None
    sd, df = within
    total = sum(level.runs for level in before)
    means = [level.means[metric] for level in before]
    centre = sum(level.runs * level.means[metric] for level in before) / total
    half = float(stats.t.ppf(1 - error / 2, df)) * sd * sqrt(1 / len(own) + 1 / total)
    spread = variance(means) if len(means) > 1 else None
    if spread is not None and len(means) >= LEAST_NIGHTS:
        centre = fmean(means)
        nights = float(stats.t.ppf(1 - error / 2, len(means) - 1)) * sqrt(spread * (1 + 1 / len(means)))
        half = max(half, nights)
    tonight = fmean(run.metric(metric) for run in own)
    seeds = sd**2 * fmean(1 / level.runs for level in before)
    return LevelDrift(
        metric=metric,
        tonight=tonight,
        runs=len(own),
        earlier=centre,
        nights=len(means),
        within_sd=sd,
        between_sd=None if spread is None else sqrt(max(0.0, spread - seeds)),
        interval=Interval(low=centre - half, high=centre + half, level=1 - error),
        drifted=abs(tonight - centre) > half,
    )


def noise_drift(own: Sequence[Run], earlier: EarlierNoise) -> tuple[NoiseDrift, ...]:
    """Return the F test of tonight's variance against the earlier one for every metric both know.

    Two-sided, Bonferroni over the metrics, so that all of them together err at `DRIFT_ERROR`. Assumes normal
    scores. Empty with fewer than three runs tonight.
    """
    df = len(own) - 1
    if df < 2 or earlier.degrees_of_freedom < 1:
        return ()
    found: list[NoiseDrift] = []
    metrics = [name for name in earlier.metric_sd if name == OVERALL or name in own[0].categories]
    for metric in metrics:
        sd = pooled_sd(own, metric)
        assert sd is not None
        ratio = (sd / earlier.metric_sd[metric]) ** 2
        below = float(stats.f.cdf(ratio, df, earlier.degrees_of_freedom))
        found.append(
            NoiseDrift(
                metric=metric,
                tonight_sd=sd,
                degrees_of_freedom=df,
                earlier_sd=earlier.metric_sd[metric],
                earlier_degrees_of_freedom=earlier.degrees_of_freedom,
                p_value=min(1.0, 2 * min(below, 1 - below) * len(metrics)),
            )
        )
    return tuple(found)


def _within(own: Sequence[Run], metric: str, noise: EarlierNoise | None) -> tuple[float, int] | None:
    """Return the run-to-run sd, pooled with earlier nights where their noise is known, and its degrees of freedom."""
    sd, df = pooled_sd(own, metric), len(own) - 1
    known = noise.metric_sd.get(metric) if noise is not None else None
    if sd is None:
        return None
    if noise is not None and known is not None:
        total = df + noise.degrees_of_freedom
        sd, df = sqrt((df * sd**2 + noise.degrees_of_freedom * known**2) / total), total
    return (sd, df) if sd > 0 else None
