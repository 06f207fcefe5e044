"""The target of a night whose session says `auto`: measured with the probes that come first anyway, then fixed."""

from __future__ import annotations

from agent.context import NightContext
from agent.opening import TELLING, standings
from agent.plan import NightPlan
from agent.policy import choose_target
from agent.running import run_wanted
from agent.schedule import Wanted, is_open, missing_calibration, tried_least
from probes.errors import NightlabError
from probes.statistics.power import is_directional
from probes.statistics.runs import OVERALL
from tracking import events as ev
from tracking.finished import Slot
from tracking.night import NightRecord
from tracking.policy import TargetChoice


def settle_target(context: NightContext) -> str | None:
    """Return the category that the first baseline and the control probes choose; None when interrupted.

    Raises:
        NightlabError: no baseline probe left scores.
    """
    night = context.night
    if night.target_choice is not None or night.power is not None:
        return night.target_choice.category if night.target_choice is not None else night.target

    while wanted := _missing(night, context.plan):
        run_wanted(context, tried_least(night, wanted))
        if context.launcher.is_stopping:
            return None
    choice = target_choice(night, context.plan)
    if choice is None:
        raise NightlabError(
            '`target.category = "auto"` needs a scored baseline probe and none was left; see the probes\' logs, '
            "mend the recipe, and start a new night"
        )
    context.record(ev.TargetSettled(at=context.clock.now(), target=choice))
    return choice.category


def target_choice(night: NightRecord, plan: NightPlan) -> TargetChoice | None:
    """Return what the probes so far choose; None before a baseline has scores."""
    levels = {name: level for name, level in standings(night, plan).items() if name != OVERALL}
    few = [name for name in levels if is_directional(plan.held_out_items.get(name, 0))]
    return choose_target(levels, few) if levels else None


def _missing(night: NightRecord, plan: NightPlan) -> list[Wanted]:
    """Return the probes it still waits for: one baseline, then the controls that show what can move.

    They are the first ones of any night, so that nothing is measured for this choice alone.
    """
    if not night.scored.get(Slot("calibrate", "baseline")):
        return missing_calibration(night, plan)[:1]
    if not plan.referee.controls:
        return []
    slots = [Slot("control", arm) for arm in TELLING]
    seed = plan.search_seed(0)
    return [Wanted(slot, 0, plan.baseline, seed) for slot in slots if is_open(night, plan, slot, 0)]
