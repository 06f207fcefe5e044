"""Run-to-run noise from replicates, by ANOVA moments.

The train seed is the unit of replication: items and samples inside one run say nothing about another run. Mixed-model
fits do not converge on data of this size, so components come from moments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean

from scipy import stats

from probes.statistics.advice import ProbeCosts, advise, known_variances
from probes.statistics.components import estimate_components
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL, Run, by_recipe
from probes.statistics.verdicts import Interval, Noise


def estimate_noise(
    runs: Sequence[Run],
    target: str,
    item_category: Mapping[str, str] | None = None,
    samples: int | None = None,
    costs: ProbeCosts | None = None,
) -> Noise:
    """Pool the spread of replicates around their own recipe's mean over all recipes.

    Method: one-way ANOVA within-group mean square; the interval of the target's sd is chi-square. Assumption: every
    recipe has the same run-to-run variance. With no recipe that was run twice, every sd is None.

    Args:
        runs: Completed probes on the same items.
        target: Category, or `overall`.
        item_category: Item → category; without it noise is not split into its components.
        samples: Answers per item; without it nothing is advised.
        costs: What training and evaluation took.
    """
    groups = list(by_recipe(runs).values())
    df = sum(len(group) - 1 for group in groups)
    categories = sorted({name for run in runs for name in run.categories})
    target_sd = pooled_sd(runs, target)
    sampling_var, item_var = _item_components(groups)
    components = estimate_components(runs, item_category) if item_category else None
    correlation = paired_correlation(runs, target)
    advice = None
    if samples is not None and item_category and df:
        items, weights = _target_items(target, item_category), runs[0].weights if target == OVERALL else None
        advice = advise(known_variances(components), items, samples, costs, correlation, weights)
    return Noise(
        runs=len(runs),
        degrees_of_freedom=df,
        target_sd=target_sd,
        category_sd={name: pooled_sd(runs, name) for name in categories},
        target_interval=sd_interval(target_sd, df),
        sampling_sd=None if sampling_var is None else sqrt(sampling_var),
        seed_item_sd=None if item_var is None else sqrt(item_var),
        paired_correlation=correlation,
        critical_failures_sd=pooled_sd(runs, CRITICAL_FAILURES),
        components=components,
        advice=advice,
        fault=measurement_fault(runs),
    )


def measurement_fault(runs: Sequence[Run]) -> str | None:
    """Return why replicates with different train seeds measure nothing; None while any two of them differ.

    Two trainings from different seeds never answer alike: sampled answers differ by chance, greedy ones because the
    adapters do. So scores that agree on every item of every replicate come from one and the same model, or from
    scorers that cannot tell answers apart. None when no recipe was run with two seeds.
    """
    replicated = [group for group in by_recipe(runs).values() if len({run.seed for run in group}) > 1]
    if not replicated or any(_fingerprint(run) != _fingerprint(group[0]) for group in replicated for run in group):
        return None
    most = max(len(group) for group in replicated)
    values = {value for group in replicated for run in group for value in _scores(run)}
    if len(values) == 1:
        return (
            f"every answer of {most} replicates scored {values.pop():g}: the scorers cannot tell answers apart, or the "
            "model says the same to everything. Read some answers in the probes' folders, then mend scorers or recipe"
        )
    return (
        f"{most} replicates with different train seeds gave identical scores on every item: the model that answered is "
        "not the one that was trained, or the seed is not used. Compare the adapters' digests in the probes' folders: "
        "equal ones mean the seed, different ones the serving"
    )


def _fingerprint(run: Run) -> object:
    """Return what must differ between two trainings: the answers' scores, category means where no items are known."""
    return dict(run.items) if run.items else dict(run.categories)


def _scores(run: Run) -> list[float]:
    return [score for scores in run.items.values() for score in scores] or list(run.categories.values())


def _target_items(target: str, item_category: Mapping[str, str]) -> dict[str, int]:
    """Return the number of items of each category that enters the target."""
    counts = Counter(item_category.values())
    return dict(counts) if target == OVERALL else {target: counts[target]} if target in counts else {}


def pooled_sd(runs: Sequence[Run], metric: str) -> float | None:
    """Return the within-recipe sd of a metric over all recipes; None when no recipe was run twice."""
    squares, df = 0.0, 0
    for group in by_recipe(runs).values():
        values = [run.metric(metric) for run in group]
        mean = fmean(values)
        squares += sum((v - mean) ** 2 for v in values)
        df += len(values) - 1
    return sqrt(squares / df) if df else None


def sd_interval(sd: float | None, df: int, level: float = 0.9) -> Interval:
    """Return the chi-square interval of a standard deviation; without replicates its bounds are None."""
    if sd is None or df < 1:
        return Interval(low=None, high=None, level=level)
    tail = (1 - level) / 2
    low = sd * sqrt(df / float(stats.chi2.ppf(1 - tail, df)))
    high = sd * sqrt(df / float(stats.chi2.ppf(tail, df)))
    return Interval(low=low, high=high, level=level)


def regularised_sd(sd: float | None, df: int, prior_sd: float, prior_df: float) -> float:
    """Return the sd with `prior_sd` mixed in at the weight of `prior_df` degrees of freedom.

    Posterior mean of the precision under a scaled inverse chi-square prior; keeps a lucky calibration of three equal
    runs from declaring the noise to be zero.
    """
    if sd is None or df < 1:
        return prior_sd
    return sqrt((prior_df * prior_sd**2 + df * sd**2) / (prior_df + df))


def paired_correlation(runs: Sequence[Run], target: str, least_df: int = 6) -> float | None:
    """Estimate how far two recipes trained with the same seed move together.

    Method: for every recipe that shares at least two seeds with the baseline, the variance of the same-seed
    differences is 2σ²(1 - ρ); pooled over recipes and divided by 2σ² of the unpaired pooled variance. None with fewer
    than `least_df` degrees of freedom. Clipped to [-1, 1].
    """
    groups = by_recipe(runs)
    baseline = {run.seed: run.metric(target) for run in groups.get(frozenset(), [])}
    squares, df = 0.0, 0
    for changes, group in groups.items():
        differences = [run.metric(target) - baseline[run.seed] for run in group if run.seed in baseline]
        if changes and len(differences) > 1:
            mean = fmean(differences)
            squares += sum((d - mean) ** 2 for d in differences)
            df += len(differences) - 1
    sd = pooled_sd(runs, target)
    if df < least_df or not sd:
        return None
    return max(-1.0, min(1.0, 1 - squares / df / (2 * sd**2)))


def _item_components(groups: Sequence[Sequence[Run]]) -> tuple[float | None, float | None]:
    """Return (sampling variance of one answer, variance of an item's true mean over runs); None without replicates."""
    within_squares, within_df, samples = 0.0, 0, list[int]()
    between_squares, between_df = 0.0, 0
    for group in groups:
        for item in group[0].items:
            means: list[float] = []
            for run in group:
                scores = run.items.get(item, ())
                if not scores:
                    continue
                mean = fmean(scores)
                means.append(mean)
                samples.append(len(scores))
                within_squares += sum((s - mean) ** 2 for s in scores)
                within_df += len(scores) - 1
            if len(means) > 1:
                centre = fmean(means)
                between_squares += sum((m - centre) ** 2 for m in means)
                between_df += len(means) - 1
    sampling = within_squares / within_df if within_df else None
    if not between_df or sampling is None:
        return sampling, None
    return sampling, max(0.0, between_squares / between_df - sampling / fmean(samples))
