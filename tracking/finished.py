"""A probe that ended, the question that it answers, and which of them may be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from probes.aggregation import overall_of
from probes.comparability import conditions_key, require_comparable
from probes.outcome import ProbeOutcome, ProbeStatus
from tracking import events as ev


@dataclass(frozen=True)
class FinishedProbe:
    """A probe that ended, in whatever status."""

    plan: ev.ProbePlan
    outcome: ProbeOutcome
    at: str

    @cached_property
    def means(self) -> dict[str, float | None]:
        """Category → mean score; empty when it failed."""
        return self.outcome.category_means()

    @cached_property
    def overall(self) -> float | None:
        """The mean of the categories by the night's weights, None when it failed or one that counts is unscored."""
        return overall_of(self.means, self.plan.request.weights)

    @cached_property
    def conditions(self) -> str:
        """Digest of all that must be equal for this probe to be compared with another."""
        return conditions_key(self.plan.request)

    def metric(self, name: str) -> float | None:
        """Return a category's mean, or the mean of all for `overall`; None when it is not known."""
        return self.overall if name == "overall" else self.means.get(name)

    @property
    def is_completed(self) -> bool:
        """Whether it ran to its end."""
        return self.outcome.status is ProbeStatus.COMPLETED

    @property
    def is_scored(self) -> bool:
        """Whether every category has a score, also one that the overall leaves out."""
        return bool(self.means) and None not in self.means.values()


class Slot(NamedTuple):
    """A question that replicates answer."""

    phase: ev.Phase
    arm: ev.Arm
    candidate: str | None = None
    block: int | None = None
    changes: tuple[str, ...] = ()
    """Only for the arm `final`, whose recipe may still change during the search."""


def slot_of(plan: ev.ProbePlan) -> Slot:
    """Return the question that a probe answers."""
    changes = plan.changes if plan.arm == "final" else ()
    return Slot(plan.phase, plan.arm, plan.candidate, plan.block, changes)


def comparable(probes: Iterable[FinishedProbe], what: str) -> list[FinishedProbe]:
    """Return `probes` by number.

    Args:
        probes: The probes about to be compared.
        what: Their name in a refusal, in the plural.

    Raises:
        ComparabilityError: they were not all measured under the same conditions.
    """
    found = sorted(probes, key=lambda probe: probe.plan.number)
    if len({probe.conditions for probe in found}) > 1:
        require_comparable((probe.plan.request for probe in found), what)
    return found
