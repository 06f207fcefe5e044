"""The statistics' view of a probe: which effects it contains and what it scored. Plain values, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    companions: Mapping[str, float] = field(default_factory=dict[str, float])
    """Signal measured beside the scores → its value, any unit; see `ProbeOutcome.companions`."""

    def metric(self, name: str) -> float:
        """Return a category's mean, the unweighted mean of all for `overall`, minus the count for critical failures."""
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
