"""Rules that are asked one question: is the candidate better than the baseline, given equally many runs of both?

A rule that needs fewer runs than it is given looks at the first ones, as its users would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev

from scipy import stats

from probes.statistics.confirmation import welch
from probes.statistics.noise import regularised_sd
from runner.bench.nights import CONFIRM_LEVEL, RUN_SD

EARLIER_DF = 10.0
"""Weight of the noise known from earlier nights in the moderated test, in degrees of freedom."""

PairRule = Callable[[Sequence[float], Sequence[float]], bool]
"""(baseline's scores, candidate's scores), equally many → whether the rule claims that the candidate is better."""


def confirmation(base: Sequence[float], candidate: Sequence[float]) -> bool:
    """Claim by the project's confirmation test."""
    difference = welch(candidate, base)
    return difference is not None and difference.p_above(0.0) <= CONFIRM_LEVEL


def moderated(base: Sequence[float], candidate: Sequence[float]) -> bool:
    """Claim by a t test whose variance is pooled with what earlier nights measured."""
    df = 2 * (len(base) - 1)
    pooled = sqrt((stdev(base) ** 2 + stdev(candidate) ** 2) / 2)
    sd = regularised_sd(pooled, df, RUN_SD, EARLIER_DF)
    t = (fmean(candidate) - fmean(base)) / (sd * sqrt(2 / len(base)))
    return float(stats.t.sf(t, df + EARLIER_DF)) <= CONFIRM_LEVEL


def paired_t(base: Sequence[float], candidate: Sequence[float]) -> bool:
    """Claim by a one-sided t test on differences in order."""
    differences = [a - b for a, b in zip(candidate, base, strict=True)]
    spread = stdev(differences)
    if spread == 0.0:
        return False
    t = fmean(differences) / spread * sqrt(len(differences))
    return float(stats.t.sf(t, len(differences) - 1)) <= CONFIRM_LEVEL


def group_sequential(base: Sequence[float], candidate: Sequence[float]) -> bool:
    """Claim at the first look, half way or at the end, that passes half the level."""
    half = len(base) // 2
    looks = [(base[:n], candidate[:n]) for n in (half, len(base))]
    differences = [welch(c, b) for b, c in looks]
    return any(d is not None and d.p_above(0.0) <= CONFIRM_LEVEL / 2 for d in differences)


def early_stop(base: Sequence[float], candidate: Sequence[float]) -> bool:
    """Claim at the first run from the second on with P(better) > .95, plug-in standard error; give up below .05."""
    spread = stdev(base) ** 2 / len(base)
    for n in range(2, len(candidate) + 1):
        error = sqrt(stdev(candidate[:n]) ** 2 / n + spread)
        if error == 0.0:
            continue
        chance = NormalDist().cdf((fmean(candidate[:n]) - fmean(base)) / error)
        if not 0.05 <= chance <= 0.95:
            return chance > 0.95
    return False


def all_beat_all(base: Sequence[float], candidate: Sequence[float]) -> bool:
    """Claim when every run of the candidate beats every run of the baseline."""
    return min(candidate) > max(base)


PAIR_RULES: Mapping[str, PairRule] = {
    "nightlab confirmation": confirmation,
    "nightlab confirmation, moderated": moderated,
    "keep-if-better, 1 run": lambda base, candidate: candidate[0] > base[0],
    "mean of 3, keep if higher": lambda base, candidate: fmean(candidate[:3]) > fmean(base[:3]),
    "2 x |b1 - b2|": lambda base, candidate: candidate[0] - fmean(base[:2]) >= 2 * abs(base[0] - base[1]),
    "fixed threshold +.15": lambda base, candidate: candidate[0] - base[0] >= 0.15,
    "all runs beat all": all_beat_all,
    "all runs beat all, k=2": lambda base, candidate: all_beat_all(base[:2], candidate[:2]),
    "seed-paired t": paired_t,
    "group-sequential": group_sequential,
    "Bayesian early stop": early_stop,
}
OUR_PAIR_RULES = ("nightlab confirmation", "nightlab confirmation, moderated")
"""The test that ends a night, and the same with the noise that earlier nights measured."""
