"""The confirmation: the only test whose result is claimed.

Fresh train seeds, held-out items, one look. The target is tested for superiority at the stated level; each guard for
non-inferiority at the same level against a margin fixed before the night. All guards must pass, so the guards need no
correction for being several (intersection-union test).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import fmean, variance

from scipy import stats

from probes.statistics.runs import Run
from probes.statistics.verdicts import Claim, GuardTest, Interval

LEAST_RUNS = 3
"""Fewer completed runs on either side: inconclusive."""


@dataclass(frozen=True)
class Difference:
    """Estimated difference final minus baseline of one metric."""

    effect: float
    standard_error: float
    df: float

    def interval(self, level: float) -> Interval:
        """Return the two-sided t interval at `level`."""
        half = float(stats.t.ppf(0.5 + level / 2, self.df)) * self.standard_error
        return Interval(low=self.effect - half, high=self.effect + half, level=level)

    def p_above(self, value: float) -> float:
        """Return the one-sided p-value of the null hypothesis `difference <= value`."""
        return float(stats.t.sf((self.effect - value) / self.standard_error, self.df))


def welch(final: Sequence[float], baseline: Sequence[float]) -> Difference | None:
    """Return the difference of means with Welch's standard error and Satterthwaite's degrees of freedom.

    Assumes independent runs, unequal variances allowed. None with fewer than 2 values a side, with a value that is
    not finite, or with no variance at all (identical replicates are a fault of measurement, not certainty).
    """
    if min(len(final), len(baseline)) < 2 or not all(isfinite(v) for v in (*final, *baseline)):
        return None
    a, b = variance(final) / len(final), variance(baseline) / len(baseline)
    if a + b == 0.0:
        return None
    df = (a + b) ** 2 / (a**2 / (len(final) - 1) + b**2 / (len(baseline) - 1))
    return Difference(fmean(final) - fmean(baseline), sqrt(a + b), df)


def confirm(
    baseline: Sequence[Run], final: Sequence[Run], target: str, guards: Mapping[str, float], level: float
) -> Claim:
    """Hold the final recipe against the baseline and say what may be claimed.

    Args:
        baseline: Completed confirmation probes of the baseline (held-out items, fresh seeds).
        final: The same for the final working recipe, on other seeds.
        target: Category, or `overall`.
        guards: Category → non-inferiority margin.
        level: One-sided level of every test; intervals are two-sided at 1 - 2·level.
    """
    runs = min(len(baseline), len(final))
    if runs < LEAST_RUNS:
        return no_claim(f"only {runs} completed runs a side, {LEAST_RUNS} are needed: inconclusive", level, runs)
    difference = _difference(final, baseline, target)
    if difference is None:
        return no_claim("identical scores in every replicate: a fault of measurement, not a result", level, runs)
    tests = {name: _guard_test(_difference(final, baseline, name), margin, level) for name, margin in guards.items()}
    p_value = difference.p_above(0.0)
    failed = [name for name, test in tests.items() if not test.passed]
    return Claim(
        confirmed=p_value <= level and not failed,
        effect=difference.effect,
        interval=difference.interval(1 - 2 * level),
        p_value=p_value,
        level=level,
        runs_per_arm=runs,
        guards=tests,
        reason=_reason(p_value, level, failed),
    )


def no_claim(reason: str, level: float, runs: int = 0) -> Claim:
    """Return the claim of a night that has nothing to claim."""
    return Claim(
        confirmed=False,
        effect=None,
        interval=Interval(low=None, high=None, level=1 - 2 * level),
        level=level,
        runs_per_arm=runs,
        guards={},
        reason=reason,
    )


def _difference(final: Sequence[Run], baseline: Sequence[Run], metric: str) -> Difference | None:
    return welch([run.metric(metric) for run in final], [run.metric(metric) for run in baseline])


def _guard_test(difference: Difference | None, margin: float, level: float) -> GuardTest:
    if difference is None:
        unknown = Interval(low=None, high=None, level=1 - 2 * level)
        return GuardTest(effect=None, interval=unknown, margin=margin, p_value=None, passed=False)
    p_value = difference.p_above(-margin)
    return GuardTest(
        effect=difference.effect,
        interval=difference.interval(1 - 2 * level),
        margin=margin,
        p_value=p_value,
        passed=p_value <= level,
    )


def _reason(p_value: float, level: float, failed: Sequence[str]) -> str:
    if p_value > level:
        return f"the confirmation did not separate the final recipe from the baseline (p = {p_value:.3f} > {level:g})"
    if failed:
        return f"the target rose (p = {p_value:.3f}), but non-inferiority failed for {', '.join(failed)}"
    return f"superior on fresh seeds and held-out items (p = {p_value:.2g}), every guard non-inferior"
