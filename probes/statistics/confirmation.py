"""The confirmation: the only test whose result is claimed.

Fresh train seeds, held-out items, one look. The target is tested for superiority at the stated level; each guard for
non-inferiority at the same level against a margin fixed before the night. All guards must pass, so the guards need no
correction for being several (intersection-union test).

Companions do not enter. Adjusting the difference by a companion's is right only while the final recipe leaves the
companion alone; two recipes cannot show that, and where it fails, the adjusted effect is wrong by the companion's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from statistics import fmean, variance

from scipy import special

from probes.figures import show_chance
from probes.statistics.runs import CRITICAL_FAILURES, Run, check_run
from probes.statistics.verdicts import Claim, EarlierNoise, GuardTest, Interval

LEAST_RUNS = 3
"""Fewer completed runs on either side: inconclusive."""
EARLIER_DF = 10.0
"""Most degrees of freedom that the noise of earlier nights counts."""
DISAGREEMENT = 0.10
"""Tonight's noise above the earlier one at this level (chi-square): the earlier one counts nothing."""


@dataclass(frozen=True)
class Difference:
    """Estimated difference final minus baseline of one metric."""

    effect: float
    standard_error: float
    df: float

    def interval(self, level: float) -> Interval:
        """Return the two-sided t interval at `level`."""
        half = float(special.stdtrit(self.df, 0.5 + level / 2)) * self.standard_error
        return Interval(low=self.effect - half, high=self.effect + half, level=level)

    def p_above(self, value: float) -> float:
        """Return the one-sided p-value of the null hypothesis `difference <= value`."""
        return float(special.stdtr(self.df, (value - self.effect) / self.standard_error))


def welch(final: Sequence[float], baseline: Sequence[float]) -> Difference | None:
    """Return the difference of means with Welch's standard error and Satterthwaite's degrees of freedom.

    Assumes independent runs, unequal variances allowed. None with fewer than 2 values a side, with a value that is
    not finite, or with no variance at all (identical replicates are a fault of measurement, not certainty).
    """
    return moderated(final, baseline, 0.0, 0.0)


def moderated(
    final: Sequence[float], baseline: Sequence[float], earlier_sd: float, earlier_df: float
) -> Difference | None:
    """Return the difference of means, each arm's variance pooled with what earlier nights measured.

    Smyth's moderated variance (2004): s̃² = (d₀·s₀² + d·s²) / (d₀ + d), here for each arm with half of d₀ and then put
    together as Welch does, so that unequal arms stay allowed and d₀ = 0 is Welch's test. d₀ is at most `EARLIER_DF`,
    and 0 when tonight is noisier than the earlier nights beyond chance: with 4 runs a side and an earlier sd 30 % too
    small, the level of .05 would else be .08, and is .057 so. An earlier sd that is too large only costs power. None
    where `welch` has none.
    """
    if min(len(final), len(baseline)) < 2 or not all(isfinite(v) for v in (*final, *baseline)):
        return None
    spreads, df = (variance(final), variance(baseline)), (len(final) - 1, len(baseline) - 1)
    if sum(spreads) == 0.0:
        return None
    half = _weight_of_earlier(spreads, df, earlier_sd, earlier_df) / 2
    a, b = ((half * earlier_sd**2 + d * spread) / (half + d) / (d + 1) for spread, d in zip(spreads, df, strict=True))
    together = (a + b) ** 2 / (a**2 / (half + df[0]) + b**2 / (half + df[1]))
    return Difference(fmean(final) - fmean(baseline), sqrt(a + b), together)


def confirm(
    baseline: Sequence[Run],
    final: Sequence[Run],
    target: str,
    guards: Mapping[str, float],
    level: float,
    earlier: EarlierNoise | None = None,
    directional: Collection[str] = (),
    guard_level: float | None = None,
) -> Claim:
    """Hold the final recipe against the baseline and say what may be claimed.

    Args:
        baseline: Completed confirmation probes of the baseline (held-out items, fresh seeds).
        final: The same for the final working recipe, on other seeds.
        target: Category, or `overall`.
        guards: Category → non-inferiority margin.
        level: One-sided level of the target's test; its interval is two-sided at 1 - 2·level.
        earlier: Noise that earlier nights measured under the same conditions.
        directional: Categories with too few held-out items to support a claim.
        guard_level: One-sided level of each guard's test; None: that of the target's. Claims of earlier nights lower
            the target's level only: a guard that passes claims nothing.

    Raises:
        DataError: a run was not measured as the others were.
    """
    for run in (*baseline, *final):
        check_run(run, (*baseline, *final)[0].categories, target, *guards)
    runs = min(len(baseline), len(final))
    if runs < LEAST_RUNS:
        return no_claim(f"only {runs} completed runs a side, {LEAST_RUNS} are needed: inconclusive", level, runs)
    difference = _difference(final, baseline, target, earlier)
    if difference is None:
        return no_claim("identical scores in every replicate: a fault of measurement, not a result", level, runs)
    tests = {
        name: _guard_test(final, baseline, name, margin, guard_level or level, earlier, name in directional)
        for name, margin in guards.items()
    }
    p_value = difference.p_above(0.0)
    failed = [name for name, test in tests.items() if not test.passed]
    few = [name for name in (target, *guards) if name in directional]
    return Claim(
        confirmed=p_value <= level and not failed and not few,
        effect=difference.effect,
        interval=difference.interval(1 - 2 * level),
        p_value=p_value,
        level=level,
        runs_per_arm=runs,
        guards=tests,
        reason=_reason(p_value, level, failed, few),
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


def _weight_of_earlier(
    spreads: tuple[float, float], df: tuple[int, int], earlier_sd: float, earlier_df: float
) -> float:
    if earlier_df <= 0.0 or earlier_sd <= 0.0:
        return 0.0
    ratio = sum(d * spread for d, spread in zip(df, spreads, strict=True)) / earlier_sd**2
    return 0.0 if float(special.chdtrc(sum(df), ratio)) < DISAGREEMENT else min(EARLIER_DF, earlier_df)


def _difference(
    final: Sequence[Run], baseline: Sequence[Run], metric: str, earlier: EarlierNoise | None
) -> Difference | None:
    sd = earlier.metric_sd.get(metric, 0.0) if earlier is not None else 0.0
    df = float(earlier.degrees_of_freedom) if earlier is not None else 0.0
    return moderated([run.metric(metric) for run in final], [run.metric(metric) for run in baseline], sd, df)


def _guard_test(
    final: Sequence[Run],
    baseline: Sequence[Run],
    name: str,
    margin: float,
    level: float,
    earlier: EarlierNoise | None,
    is_directional: bool,
) -> GuardTest:
    if name == CRITICAL_FAILURES and not any(run.critical_failures for run in (*final, *baseline)):
        return _no_failure_at_all(len(final), margin, level)
    difference = _difference(final, baseline, name, earlier)
    if difference is None:
        unknown = Interval(low=None, high=None, level=1 - 2 * level)
        return GuardTest(effect=None, interval=unknown, margin=margin, p_value=None, passed=False)
    p_value = difference.p_above(-margin)
    return GuardTest(
        effect=difference.effect,
        interval=difference.interval(1 - 2 * level),
        margin=margin,
        p_value=p_value,
        passed=p_value <= level and not is_directional,
    )


def _no_failure_at_all(runs: int, margin: float, level: float) -> GuardTest:
    """Test the rate of critical failures when none was seen; P(none | rate) = exp(-n·rate), counts being Poisson."""
    p_value = exp(-runs * margin)
    bound = Interval(low=log(level) / runs, high=0.0, level=1 - 2 * level)
    return GuardTest(effect=0.0, interval=bound, margin=margin, p_value=p_value, passed=p_value <= level)


def _reason(p_value: float, level: float, failed: Sequence[str], few: Sequence[str]) -> str:
    if few:
        return f"{', '.join(few)}: too few held-out items to support a claim; what was measured shows a direction only"
    if p_value > level:
        found = show_chance("p", p_value, level, "p_value")
        return f"the confirmation did not separate the final recipe from the baseline ({found} > {level:g})"
    found = show_chance("p", p_value, kind="p_value")
    if failed:
        return f"the target rose ({found}), but non-inferiority failed for {', '.join(failed)}"
    return f"superior on fresh seeds and held-out items ({found}), every guard non-inferior"
