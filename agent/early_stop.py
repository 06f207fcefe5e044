"""The night's early-stopping rule, from what its record holds. Nothing is stopped before that supports the rate.

Only a candidate's first probe on the search items is ever stopped: baselines and the confirmation are what everything
is compared with, a row of a block tells of other changes too, and a candidate that came through once is not hopeless.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from statistics import fmean, stdev

from agent.plan import NightPlan
from agent.unread import Unread
from probes.request import ProbeRequest
from probes.statistics.early_stop import FinishedCurve, StopRule, stop_rule
from tracking.events import Arm, Phase
from tracking.finished import FinishedProbe
from tracking.night import NightRecord

HOPELESS_SDS = 2.0
"""A probe is hopeless when its target lies so many run-to-run sds below the calibration's mean."""
LEAST_BASELINES = 3


class SearchProbes:
    """The completed probes on the search items that ran their full length, kept in step with the record."""

    def __init__(self) -> None:
        """Start without any look."""
        self._unread = Unread[FinishedProbe]()
        self._probes: list[FinishedProbe] = []

    def look(self, night: NightRecord) -> Sequence[FinishedProbe]:
        """Take in what ended since the last look and return all, in the order of their numbers."""
        fresh, is_anew = self._unread.take(night.probes)
        if is_anew:
            self._probes = []
        for probe in fresh:
            if probe.is_completed and probe.plan.phase in ("calibrate", "search"):
                insort(self._probes, probe, key=lambda known: known.plan.number)
        return self._probes


def night_stop_rule(night: NightRecord, plan: NightPlan, known: SearchProbes | None = None) -> StopRule | None:
    """Return the rule for the probes of the next round; None when it is switched off or not yet supported.

    Only probes that were decided upon enter, so that a round that was cut short meets the same rule when resumed.

    Args:
        night: The record.
        plan: The night's plan.
        known: What earlier questions of this night took in; None: everything is read anew, with the same result.
    """
    if plan.early_stop is None:
        return None
    floor = hopeless_below(night, plan.target, plan.referee.calibration_runs)
    if floor is None:
        return None
    probes = (known or SearchProbes()).look(night)
    decided = (probe for probe in probes if _is_decided(probe, night, plan))
    return stop_rule((curve for probe in decided if (curve := as_curve(probe, plan.target))), plan.early_stop, floor)


def with_rule(request: ProbeRequest, phase: Phase, arm: Arm, replicate: int, rule: StopRule | None) -> ProbeRequest:
    """Return the request with the rule where the probe may be stopped; its key is the same with and without."""
    if rule is None or (phase, arm, replicate) != ("search", "candidate", 0):
        return request
    return request.model_copy(update={"stop_rule": rule})


def hopeless_below(night: NightRecord, target: str, calibration_runs: int) -> float | None:
    """Return the target score below which a probe is hopeless; None with too few scored calibration probes."""
    own = (p for p in night.probes if p.plan.phase == "calibrate" and p.plan.replicate < calibration_runs)
    scores = [score for probe in own if (score := probe.metric(target)) is not None]
    return fmean(scores) - HOPELESS_SDS * stdev(scores) if len(scores) >= LEAST_BASELINES else None


def as_curve(probe: FinishedProbe, target: str) -> FinishedCurve | None:
    """Return a probe's training curve with its score; None when the target is unscored."""
    score, training, recipe = probe.metric(target), probe.outcome.training, probe.plan.request.recipe
    if score is None or training is None:
        return None
    return FinishedCurve(recipe.fingerprint, training.curve, recipe.beta, score)


def _is_decided(probe: FinishedProbe, night: NightRecord, plan: NightPlan) -> bool:
    if probe.plan.arm == "baseline":
        return probe.plan.replicate < plan.referee.calibration_runs
    if probe.plan.candidate is not None:
        reading = night.reading(probe.plan.candidate)
        return reading is not None and probe.plan.replicate < reading.replicates
    return all(night.readings.get(change) for change in probe.plan.changes)
