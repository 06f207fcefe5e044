"""What another loop's results are worth: its own noise, which of its wins exceed it, and how many runs would tell.

Works on values only; where they come from and what they are called is the reader's business. It does not undo the
loop's selection: what a loop kept, it kept partly for its luck, so a gain is rather too large than too small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, sqrt
from statistics import fmean
from typing import Literal

from scipy import stats

from probes.frozen import Frozen
from probes.statistics.noise import pooled_sd, sd_interval
from probes.statistics.power import POWER, resolvable_difference
from probes.statistics.runs import Run
from probes.statistics.verdicts import Interval

Direction = Literal["min", "max"]
WinVerdict = Literal["survives", "within noise", "unknown", "not comparable", "same recipe"]

LEVEL = 0.05
"""One-sided level at which a win is told from noise."""
_METRIC = "metric"
_EXACT_UP_TO = 100
"""Runs a side beyond which t and normal quantiles give the same count to half a percent."""


@dataclass(frozen=True)
class Trial:
    """One run of somebody's loop."""

    label: str
    config: str
    """What was run; equal text means a repeat, whatever the seed."""
    value: float | None
    """None: it crashed or was never scored."""
    reference: str | None
    """The `config` it was held against when it was decided; None: nothing in the file."""
    kept: bool = False
    conditions: str = ""
    """Step budget, suite and the like: only runs of equal conditions can be compared."""


class RepeatNoise(Frozen):
    """Run-to-run noise as far as the file itself shows it."""

    sd: float | None
    """None: not estimable; `reason` says why."""
    interval: Interval
    """90 % interval of `sd`."""
    degrees_of_freedom: int
    repeated_configs: int
    """Configurations with more than one scored run."""
    reason: str = ""


class Win(Frozen):
    """A kept change, judged by the noise of its own file."""

    label: str
    runs: int
    reference_runs: int
    gain: float | None
    """In the metric's unit, positive is better; from all runs of both configurations."""
    interval: Interval
    p_value: float | None
    """One-sided, of no gain."""
    verdict: WinVerdict
    survives_selection: bool = False
    """Whether it also holds at the level divided by the number of tries (Bonferroni)."""
    runs_a_side: int | None = None
    """Runs of each side that show a true effect of this size with power .8; None: no noise, or no gain."""
    runs_a_side_low: int | None = None
    runs_a_side_high: int | None = None
    """The same at the ends of the noise's own interval."""
    largest_noise: float | None = None
    """The run-to-run sd above which this gain could not be told from nothing, were the sd known exactly."""


def repeat_noise(trials: Sequence[Trial]) -> RepeatNoise:
    """Estimate run-to-run noise from configurations that were run more than once.

    Method: within-configuration mean square pooled over configurations (one-way ANOVA), chi-square interval. A single
    pair of runs is |d| / √2 with 1 degree of freedom, whose interval spans a factor of 31. Assumes equal noise in all
    configurations and independent repeats; a repeat of a run that was *kept for being lucky* overstates it a little.
    Source: REFEREE.md (Fou-36) and `probes.statistics.noise`. Without repeats, or when all repeats are identical (a
    fault of measurement, not certainty), `sd` is None.
    """
    runs = [
        Run(frozenset({trial.config}), number, {_METRIC: trial.value})
        for number, trial in enumerate(trials)
        if trial.value is not None and isfinite(trial.value)
    ]
    counts: dict[frozenset[str], int] = {}
    for run in runs:
        counts[run.changes] = counts.get(run.changes, 0) + 1
    df = sum(count - 1 for count in counts.values())
    repeated = sum(count > 1 for count in counts.values())
    sd = pooled_sd(runs, _METRIC)
    reason = ""
    if sd is None:
        reason = "nothing was run twice and no row changes only the seed"
    elif sd == 0.0:
        sd, reason = None, "every repeat scored exactly the same: a fault of measurement, not a noise of zero"
    return RepeatNoise(
        sd=sd, interval=sd_interval(sd, df), degrees_of_freedom=df, repeated_configs=repeated, reason=reason
    )


def judge_wins(
    trials: Sequence[Trial], noise: RepeatNoise, direction: Direction, level: float = LEVEL
) -> tuple[Win, ...]:
    """Judge every kept trial that was held against something in the file, in order, each configuration once.

    Method: one-sided t-test with the pooled noise and its degrees of freedom, each win by itself; `survives_selection`
    asks for the level divided by the number of tries. Assumptions and shortage of data as in `judge`.
    """
    tries, configs = max(1, len(comparisons(trials))), by_config(trials)
    kept = {(trial.config, trial.reference): trial for trial in reversed(trials) if trial.kept and trial.reference}
    return tuple(
        judge(trial.label, trial.config, trial.reference, configs, noise, direction, level, tries)
        for trial in trials
        if trial.reference is not None and kept.get((trial.config, trial.reference)) is trial
    )


def judge(
    label: str,
    config: str,
    reference: str,
    configs: Mapping[str, Sequence[Trial]],
    noise: RepeatNoise,
    direction: Direction,
    level: float = LEVEL,
    tries: int = 1,
) -> Win:
    """Hold all scored runs of `config` against all of `reference`; `configs` are the trials `by_config`.

    Method: t-test of the difference of means with standard error sd·√(1/n + 1/m), sd and degrees of freedom from
    `noise`. Assumes normal noise, equal in both. Returns `unknown` without noise or without scores on a side,
    `not comparable` when the conditions differ, and `same recipe` when both are one configuration.
    """
    ours, theirs = _scores(configs.get(config)), _scores(configs.get(reference))
    gain = None
    if ours and theirs:
        gain = (fmean(ours) - fmean(theirs)) * (1 if direction == "max" else -1)
    nothing = Interval(low=None, high=None)
    blank = Win(
        label=label,
        runs=len(ours),
        reference_runs=len(theirs),
        gain=gain,
        interval=nothing,
        p_value=None,
        verdict="unknown",
    )
    if config == reference:
        return blank.model_copy(update={"verdict": "same recipe", "gain": None})
    if gain is None:
        return blank
    if _conditions(configs[config]) != _conditions(configs[reference]):
        return blank.model_copy(update={"verdict": "not comparable"})
    spread = sqrt(1 / len(ours) + 1 / len(theirs))
    largest = gain / (float(stats.norm.ppf(1 - level)) * spread) if gain > 0 else None
    if noise.sd is None:
        return blank.model_copy(update={"largest_noise": largest})
    error, df = noise.sd * spread, noise.degrees_of_freedom
    p_value, half = float(stats.t.sf(gain / error, df)), float(stats.t.ppf(0.95, df)) * error
    low, high = noise.interval.low, noise.interval.high
    return blank.model_copy(
        update={
            "interval": Interval(low=gain - half, high=gain + half),
            "p_value": p_value,
            "verdict": "survives" if p_value <= level else "within noise",
            "survives_selection": p_value <= level / tries,
            "runs_a_side": runs_to_know(gain, noise.sd, level),
            "runs_a_side_low": None if low is None else runs_to_know(gain, low, level),
            "runs_a_side_high": None if high is None else runs_to_know(gain, high, level),
            "largest_noise": largest,
        }
    )


def runs_to_know(gain: float, sd: float, level: float = LEVEL, power: float = POWER) -> int | None:
    """Return the fewest runs a side with which a true difference of `gain` is found with `power`.

    Method: one-sided two-sample t-test, exact through the noncentral t up to 100 runs a side, normal approximation
    beyond. Assumes the sd to be the true one and the gain to be the true effect; a gain that was selected is too
    large, so the count is a least. None when the gain is not positive; never under 2.
    """
    if gain <= 0 or not isfinite(gain):
        return None
    quantiles = float(stats.norm.ppf(1 - level) + stats.norm.ppf(power))
    runs = max(2, ceil(2 * (quantiles * sd / gain) ** 2))
    while runs <= _EXACT_UP_TO and resolvable_difference(sd, runs, level, power) > gain:
        runs += 1
    return runs


def comparisons(trials: Sequence[Trial]) -> list[tuple[str, str]]:
    """Return every distinct (config, reference) that was tried with scores on both sides, in order."""
    scored = {trial.config for trial in trials if trial.value is not None}
    return list(
        dict.fromkeys(
            (trial.config, trial.reference)
            for trial in trials
            if trial.reference is not None
            and trial.reference != trial.config
            and {trial.config, trial.reference} <= scored
        )
    )


def undecided_discards(trials: Sequence[Trial], noise: RepeatNoise) -> int | None:
    """Return how many discarded changes are within noise of what they were held against: neither good nor bad.

    Method: the t-test of `judge` at its level in both directions. Same assumptions; None without noise.
    """
    if noise.sd is None:
        return None
    configs = by_config(trials)
    kept = {(trial.config, trial.reference) for trial in trials if trial.kept}
    critical = float(stats.t.ppf(1 - LEVEL, noise.degrees_of_freedom)) * noise.sd
    undecided = 0
    for config, reference in comparisons(trials):
        ours, theirs = _scores(configs[config]), _scores(configs[reference])
        if (config, reference) in kept or _conditions(configs[config]) != _conditions(configs[reference]):
            continue
        undecided += abs(fmean(ours) - fmean(theirs)) < critical * sqrt(1 / len(ours) + 1 / len(theirs))
    return undecided


def by_config(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Group trials by what was run, in order of first appearance."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.config, []).append(trial)
    return groups


def _scores(trials: Sequence[Trial] | None) -> list[float]:
    return [trial.value for trial in trials or () if trial.value is not None and isfinite(trial.value)]


def _conditions(trials: Sequence[Trial]) -> set[str]:
    return {trial.conditions for trial in trials if trial.value is not None}
