"""The peers' working rules, each in a few lines: how other loops decide what to keep.

Every rule spends the night's search probes and returns the changes of its final recipe; what happens then, the final
test on fresh runs, is the same for all. Numbers in a rule are the peer's own habit, not tuned here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf, sqrt
from statistics import NormalDist, fmean, median, stdev

import numpy as np
from scipy import stats

from runner.bench.nights import Night, Rule, SpentError

STANDARD_NORMAL = NormalDist()
PRIOR_MEAN, PRIOR_SD = -0.15, 0.4
"""Prior of an effect in the two Bayesian rules of the first study."""

LOOKS = (2, 4, 6)
"""Runs of a candidate at which the group-sequential rule looks."""

Working = tuple[int, ...]


def keep_if_better(night: Night, runs: int = 1) -> Working:
    """Keep a change when the mean of its runs is above the working recipe's; fixed threshold 0."""
    return _keep_above(night, runs, lambda scores: 0.0)


def fixed_threshold(night: Night, threshold: float = 0.15) -> Working:
    """Keep a change at a gain of `threshold` in one run; the streams have no guards for its other half."""
    return _keep_above(night, 1, lambda scores: threshold)


def mad_score(night: Night, least: float = 2.0) -> Working:
    """Keep a change whose gain is at least twice the median absolute deviation of all runs so far ("likely real")."""
    return _keep_above(night, 1, lambda scores: least * _mad(scores) if len(scores) > 2 else inf)


def twice_first_difference(night: Night) -> Working:
    """Keep a change whose gain is at least twice the difference of the first two baselines."""
    first, second = night.probe(), night.probe()
    return _keep_above(night, 1, lambda scores: 2 * abs(first - second), fmean((first, second)))


def paired_t(night: Night, runs: int = 5, level: float = 0.05) -> Working:
    """Keep a change by a one-sided t test on differences paired by seed."""
    critical = float(stats.t.ppf(1 - level, runs - 1))

    def keeps(scores: list[float], best: list[float]) -> bool:
        differences = [a - b for a, b in zip(scores, best, strict=True)]
        spread = stdev(differences)
        return spread > 0 and fmean(differences) / spread * sqrt(runs) > critical

    return _keep_when(night, runs, keeps)


def all_beat_all(night: Night, runs: int = 2) -> Working:
    """Keep a change when all its runs beat all runs of the working recipe."""
    return _keep_when(night, runs, lambda scores, best: min(scores) > max(best))


def best_of(night: Night, candidates: int = 30) -> Working:
    """Spread the runs evenly over the first `candidates` single changes and take the best mean."""
    runs = int(night.left) // candidates
    means = {c: fmean(night.probes((c,), runs)) for c in night.candidates[:candidates]}
    return (max(means, key=lambda c: means[c]),)


def group_sequential(night: Night, family: float = 0.10, planned: int = 10) -> Working:
    """Keep a change by a sequential test, the night's error split over the planned candidates (Bonferroni, Pocock).

    The first bar is 10 runs of the baseline; a candidate is dropped as soon as it does not lead. The looks share the
    candidate's level evenly.
    """
    threshold = STANDARD_NORMAL.inv_cdf(1 - family / planned / len(LOOKS))
    working: Working = ()
    best = night.probes((), 10)
    try:
        for change in night.candidates:
            scores = _until_it_leads(night, (*working, change), best, threshold)
            if scores:
                working, best = (*working, change), scores
    except SpentError:
        pass
    return working


def early_stop(night: Night, most: int = 10) -> Working:
    """Look after every run from the second on; keep at P(better) > .95, drop below .05, plug-in standard error."""
    working: Working = ()
    best = night.probes((), 5)
    try:
        for change in night.candidates:
            scores = [night.probe((*working, change))]
            chance = 0.5
            while len(scores) < most and 0.05 <= chance <= 0.95:
                scores.append(night.probe((*working, change)))
                error = sqrt(stdev(scores) ** 2 / len(scores) + stdev(best) ** 2 / len(best))
                chance = STANDARD_NORMAL.cdf((fmean(scores) - fmean(best)) / error) if error else 0.5
            if chance > 0.95:
                working, best = (*working, change), scores
    except SpentError:
        pass
    return working


def bayes_race(night: Night, accept: float = 0.85, reject: float = 0.25, most: int = 4) -> Working:
    """One candidate at a time: joint normal state of the working level and one effect, up to `most` runs."""
    variance = night.run_sd**2
    mean, spread = fmean(night.probes((), 4)), variance / 4
    working: Working = ()
    try:
        for change in night.candidates:
            m = np.array([mean, PRIOR_MEAN])
            s, accepted = np.diag([spread, PRIOR_SD**2]), False
            for run in range(most):
                gain = s.sum(axis=1) / (s.sum() + variance)
                m = m + gain * (night.probe((*working, change)) - m.sum())
                s = s - np.outer(gain, s.sum(axis=0))
                sd = sqrt(s[1, 1])
                accepted = STANDARD_NORMAL.cdf(m[1] / sd) >= accept
                if accepted or STANDARD_NORMAL.cdf((m[1] - 0.25) / sd) < reject or run == most - 1:
                    break
            mean, spread = float(m[0]), float(s[0, 0])
            if accepted:
                working, mean, spread = (*working, change), float(m.sum()), float(s.sum())
    except SpentError:
        pass
    return working


def smoke_and_blocks(night: Night, accept: float = 0.90) -> Working:
    """Smoke-run 11 changes, then estimate them in a Plackett–Burman block of 12 probes on the working recipe."""
    signs, stream, working = plackett_burman(), iter(night.candidates), tuple[int, ...]()
    error = night.run_sd / sqrt(3)
    weight = PRIOR_SD**2 / (PRIOR_SD**2 + error**2)
    sd = sqrt(weight) * error
    try:
        while True:
            block: list[int] = []
            while len(block) < 11:
                change = next(stream)
                if not night.smoke(change):
                    block.append(change)
            scores = np.array(
                [night.probe((*working, *(c for c, s in zip(block, row, strict=True) if s > 0))) for row in signs]
            )
            effects = signs.T @ scores / 6
            chances = (STANDARD_NORMAL.cdf((PRIOR_MEAN + weight * (e - PRIOR_MEAN)) / sd) for e in effects)
            working = (*working, *(c for c, p in zip(block, chances, strict=True) if p >= accept))
    except (SpentError, StopIteration):
        return working


def plackett_burman() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the 12 × 11 Plackett–Burman design: cyclic shifts of the generator, then a row of all lows."""
    generator = np.array([1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1], dtype=np.float64)
    return np.vstack([*(np.roll(generator, shift) for shift in range(11)), -np.ones(11)])


PEERS: Mapping[str, Rule] = {
    "keep-if-better, 1 run": keep_if_better,
    "mean of 3, keep if higher": partial(keep_if_better, runs=3),
    "seed-paired t, n=5": paired_t,
    "best of M": best_of,
    "group-sequential, family-wise .10": group_sequential,
    "2 x |b1 - b2|": twice_first_difference,
    "gain / MAD >= 2": mad_score,
    "Bayesian early stop": early_stop,
    "fixed threshold +.15": fixed_threshold,
    "all runs beat all, k=2": all_beat_all,
    "Bayes race <= 4": bayes_race,
    "smoke + PB12": smoke_and_blocks,
}


def _keep_above(
    night: Night, runs: int, threshold: Callable[[list[float]], float], level: float | None = None
) -> Working:
    """Keep a change whose mean of `runs` beats the kept one's by more than a threshold that may look at all scores."""
    history: list[float] = []

    def keeps(scores: list[float], best: list[float]) -> bool:
        gain = fmean(scores) - fmean(best)
        history.append(fmean(scores))
        return gain > threshold(history)

    start = night.probes((), runs) if level is None else [level]
    history.append(fmean(start))
    return _keep_when(night, runs, keeps, start)


def _keep_when(
    night: Night,
    runs: int,
    keeps: Callable[[list[float], list[float]], bool],
    start: list[float] | None = None,
) -> Working:
    """Try the candidates in turn on the working recipe, `runs` each; the kept one's own runs are the next bar."""
    working: Working = ()
    best = night.probes((), runs) if start is None else start
    try:
        for change in night.candidates:
            scores = night.probes((*working, change), runs)
            if keeps(scores, best):
                working, best = (*working, change), scores
    except SpentError:
        pass
    return working


def _until_it_leads(night: Night, changes: Working, best: list[float], threshold: float) -> list[float]:
    """Return the scores of a recipe at the look that put it `threshold` standard errors above; empty if none did."""
    scores: list[float] = []
    for look in LOOKS:
        scores += night.probes(changes, look - len(scores))
        gain = fmean(scores) - fmean(best)
        if gain <= 0:
            return []
        if gain > threshold * night.run_sd * sqrt(1 / len(scores) + 1 / len(best)):
            return scores
    return []


def _mad(scores: list[float]) -> float:
    centre = median(scores)
    return median(abs(score - centre) for score in scores)
