"""Runs what is wanted and tells the ledger of each probe as it starts and ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.context import NightContext
from agent.schedule import Wanted, to_plans
from probes.outcome import ProbeOutcome
from probes.statistics.early_stop import StopRule
from tracking import events as ev


def _always() -> bool:
    return True


def run_wanted(
    context: NightContext,
    wanted: Sequence[Wanted],
    rule: StopRule | None = None,
    may_start: Callable[[], bool] = _always,
) -> None:
    """Run probes; what is measured already counts again and is not repeated.

    Args:
        context: The night.
        wanted: What is missing.
        rule: Ends hopeless trainings, where that is allowed.
        may_start: Asked before each start; once it says no, the rest is left out.
    """

    def started(plan: ev.ProbePlan) -> bool:
        if not may_start():
            return False
        context.record(ev.ProbeStarted(at=context.clock.now(), plan=plan, key=plan.request.key))
        return True

    def finished(plan: ev.ProbePlan, outcome: ProbeOutcome) -> None:
        context.record(ev.ProbeFinished(at=context.clock.now(), plan=plan, outcome=outcome))

    measured = context.night.completed
    plans = to_plans(context.night, wanted, context.make_request, rule)
    for plan in plans:
        if plan.request.key in measured:
            finished(plan, measured[plan.request.key])
    context.launcher.run([plan for plan in plans if plan.request.key not in measured], started, finished)
