"""The statistics' view of a probe: which effects it contains and what it scored. Plain values, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from probes.aggregation import Weights
from probes.errors import DataError

OVERALL = "overall"
CRITICAL_FAILURES = "critical_failures"
"""Counted, not averaged; as a metric its sign is turned, so that more is better as everywhere else."""


@dataclass(frozen=True)
class Run:
    """One completed probe."""

    changes: frozenset[str]
    """Ids of the candidates whose change is in its recipe; empty for the baseline."""
    seed: int
    """Train seed."""
    categories: Mapping[str, float]
    """Category → mean score, 0 … 10."""
    items: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """Item → its samples' scores; only needed for the noise components below the run."""
    critical_failures: int = 0
    """Answers with at least one critical failure."""
    weights: Weights | None = None
    """Category → its share of `overall`; None: all count the same."""
    companions: Mapping[str, float] = field(default_factory=dict[str, float])
    """Signal measured beside the scores → its value, any unit; see `ProbeOutcome.companions`."""

    @property
    def label(self) -> str:
        """The run in words, for messages."""
        recipe = " + ".join(sorted(self.changes)) if self.changes else "the baseline"
        return f"the probe of {recipe} with train seed {self.seed}"

    def metric(self, name: str) -> float:
        """Return a category's mean, the mean of all by weight for `overall`, minus the count for critical failures."""
        if name == OVERALL and self.weights is not None:
            return sum(weight * self.categories[category] for category, weight in self.weights.items() if weight)
        if name == OVERALL:
            return sum(self.categories.values()) / len(self.categories)
        if name == CRITICAL_FAILURES:
            return -float(self.critical_failures)
        return self.categories[name]


def by_recipe(runs: Sequence[Run]) -> dict[frozenset[str], list[Run]]:
    """Group runs that trained the same recipe, in order of first appearance."""
    groups: dict[frozenset[str], list[Run]] = {}
    for run in runs:
        groups.setdefault(run.changes, []).append(run)
    return groups


def metric_values(runs: Sequence[Run], metric: str) -> NDArray[np.float64]:
    """Return one value of a metric per run.

    Raises:
        DataError: a run lacks the metric, or has other categories than the first, or its score is no finite number.
    """
    for run in runs:
        check_run(run, runs[0].categories, metric)
    return np.array([run.metric(metric) for run in runs], dtype=np.float64)


def check_run(run: Run, categories: Mapping[str, float], *metrics: str) -> None:
    """Refuse a run that was not measured as the others were: a guess in place of a score would become a verdict.

    Raises:
        DataError: naming the probe, and the category and item at fault.
    """
    if run.categories.keys() != categories.keys():
        odd = ", ".join(sorted(run.categories.keys() ^ categories.keys()))
        raise DataError(
            f"{run.label}: category {odd} was scored in some probes and not in others; only probes of one suite "
            "compare, so score it in all of them or take it out of the suite"
        )
    for name in metrics:
        if name not in (*categories, OVERALL, CRITICAL_FAILURES):
            raise DataError(f"{run.label} has no category {name!r}; it has {', '.join(sorted(categories))}")
    for name, score in run.categories.items():
        if not isfinite(score):
            bad = [item for item, scores in run.items.items() if not all(map(isfinite, scores))]
            where = f" (item {', '.join(bad)})" if bad else ""
            raise DataError(
                f"{run.label}: the score of category {name!r}{where} must be a finite number, got {score}; a missing "
                "score is None in the outcome, never a number, so mend the scorer and measure again"
            )
