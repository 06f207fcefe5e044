"""The night's one claim: which probes, levels and earlier noise enter the confirmation's tests."""

from __future__ import annotations

from agent.evidence import confirmation_runs
from agent.plan import NightPlan
from probes.statistics.confirmation import confirm, no_claim
from probes.statistics.power import is_directional
from probes.statistics.runs import OVERALL
from probes.statistics.verdicts import Claim
from tracking.night import NightRecord


def make_claim(night: NightRecord, plan: NightPlan) -> Claim:
    """Hold the final recipe against the baseline on what the confirmation measured."""
    if not night.accepted:
        return no_claim("no change was accepted in the search, so there was nothing to confirm", plan.level)
    return confirm(
        confirmation_runs(night, "baseline"),
        confirmation_runs(night, "final"),
        plan.target,
        plan.guards,
        plan.level,
        plan.earlier_confirm_noise,
        directional(plan),
        plan.referee.confirm_level,
    )


def directional(plan: NightPlan) -> tuple[str, ...]:
    """Return target and guards whose held-out items are too few to support a claim."""
    counts = {**plan.held_out_items, OVERALL: sum(plan.held_out_items.values())}
    named = [name for name in (plan.target, *plan.guards) if name in counts]
    return tuple(name for name in named if is_directional(counts[name]))
