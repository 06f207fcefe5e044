"""The drift check after calibration: tonight's baseline is held against earlier nights, once."""

from __future__ import annotations

from dataclasses import replace

from agent.context import NightContext
from agent.evidence import search_runs
from probes.statistics.drift import check_drift
from tracking import events as ev


def hold_against_earlier_nights(context: NightContext) -> None:
    """Record whether the baseline or its noise moved since earlier nights; drop their noise when it disagrees.

    Nothing is done in a night that knows no earlier ones, nor twice in one that was interrupted here.
    """
    night, earlier = context.night, context.night.earlier
    if earlier is None or not (earlier.noise or earlier.baselines):
        return
    drift = night.drift or check_drift(search_runs(night), context.plan.target, earlier.noise, earlier.baselines)
    if night.drift is None:
        context.record(ev.DriftChecked(at=context.clock.now(), drift=drift))
    told = {warning.message for warning in night.warnings}
    for message in (message for message in drift.warnings if message not in told):
        context.record(ev.Warned(at=context.clock.now(), subject="session drift", message=message))
    if drift.noise_dropped:
        context.plan = replace(context.plan, earlier_noise=None, earlier_fit_noise=None, earlier_confirm_noise=None)
