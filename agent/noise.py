"""The night's noise and the power it leaves: from the record and the plan to the statistics."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from agent.context import NightContext
from agent.evidence import SEARCH_PHASES, search_runs
from agent.plan import NightPlan
from probes.statistics.advice import ProbeCosts
from probes.statistics.noise import estimate_noise
from probes.statistics.power import power_table
from probes.statistics.spread import PlannedNoise, plan_noise
from probes.statistics.verdicts import Noise, PowerTable
from tracking import events as ev
from tracking.night import NightRecord


def measure_noise(night: NightRecord, plan: NightPlan) -> Noise:
    """Return the run-to-run noise pooled over all recipes of the night so far."""
    item_category = {
        item.item: item.category
        for probe in night.probes
        if probe.plan.phase in SEARCH_PHASES
        for item in probe.outcome.items
    }
    return estimate_noise(
        search_runs(night), plan.target, item_category, plan.samples, probe_costs(night, plan.samples)
    )


def probe_costs(night: NightRecord, samples: int) -> ProbeCosts | None:
    """Return what training and evaluation of a scored search probe took; None where the record has no times."""
    times = [
        (probe.outcome.training.seconds, probe.outcome.evaluation_seconds / samples)
        for probe in night.probes
        if probe.is_completed and probe.plan.phase in SEARCH_PHASES
        if probe.outcome.training is not None and probe.outcome.evaluation_seconds
    ]
    if not times:
        return None
    return ProbeCosts(fmean(training for training, _ in times), fmean(answer for _, answer in times))


def planned_noise(plan: NightPlan, measured: Noise | None = None) -> PlannedNoise:
    """Return the best known noise: measured, from earlier nights, or assumed from the numbers of items and answers."""
    return plan_noise(
        plan.target,
        plan.search_items,
        plan.held_out_items,
        plan.samples,
        plan.referee.noise_sd,
        plan.earlier_noise,
        measured,
        plan.weights,
    )


def night_power(plan: NightPlan, measured: Noise | None = None) -> PowerTable:
    """Return the power of a night at the best known noise; the guards' margins are fixed by the plan."""
    names = sorted({*plan.search_items, *plan.held_out_items})
    items = {name: (plan.search_items.get(name, 0), plan.held_out_items.get(name, 0)) for name in names}
    return power_table(planned_noise(plan, measured), plan.target, plan.guards, items, plan.confirm_probes, plan.level)


def record_noise(context: NightContext, confirm_probes: int | None = None) -> None:
    """Record the noise pooled over everything measured so far and the power that it leaves, unless they are known."""
    night, now = context.night, context.clock.now
    fits, runs = context.evidence.look(night, context.plan)
    noise = measure_noise(night, context.plan)
    if any(run.companions for run in runs):
        noise = noise.model_copy(update={"companion": fits.companion_use(context.plan.target)})
    if noise != night.noise:
        context.record(ev.NoiseEstimated(at=now(), noise=noise))
    plan = replace(context.plan, confirm_probes=confirm_probes or context.plan.confirm_probes)
    power = night_power(plan, noise)
    if power != night.power:
        context.record(ev.PowerChecked(at=now(), power=power))
