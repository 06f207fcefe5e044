"""The graph's nodes: functions from state to update. Effects go through the context; decisions through statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime

from agent.assurance import affordable_confirmation
from agent.claiming import make_claim
from agent.context import NightContext
from agent.controls import missing_controls
from agent.drift import hold_against_earlier_nights
from agent.early_stop import night_stop_rule
from agent.heap import leave_out
from agent.moving import finish_moves, let_go, move, park_the_rest, stands, withdraw
from agent.noise import measure_noise, night_power, record_noise
from agent.opening import set_policy
from agent.referee import Referee
from agent.rounds import is_undecided
from agent.running import run_wanted
from agent.schedule import (
    Wanted,
    failed_baselines,
    is_first_try,
    live_candidates,
    missing_calibration,
    missing_confirmation,
    missing_rehearsal,
    price,
    probes_used,
    tried_least,
    where_it_broke_off,
)
from agent.search import end_exploring, missing_search, plan_search, refusal
from agent.settling import drop_for_rehearsal, settle
from agent.stalling import watch_progress, watch_promotions
from agent.state import Next, NightState, Step
from agent.validity import check_instrument, watch_measurements
from probes.errors import NightlabError
from tracking import events as ev

LEAST_CALIBRATION = 3
"""Fewer scored baselines: no noise, no night."""

AFTER_PROBES: Mapping[Step, Next] = {
    "control": "calibrate",
    "calibrate": "calibrate",
    "search": "decide",
    "rehearse": "settle",
    "confirm": "confirm",
}
Update = dict[str, Any]


def check(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Record the power table before any probe is spent."""
    context = runtime.context
    if context.night.power is None:
        power = night_power(context.plan)
        context.record(ev.PowerChecked(at=context.clock.now(), power=power))
    return {"step": "calibrate"}


def calibrate(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Check the instrument, then ask for the baseline's missing replicates; when they are there, record the noise."""
    context = runtime.context
    night, plan = context.night, context.plan
    if missing_controls(night, plan):
        return {"step": "control", "next": "probe"}
    check_instrument(context)
    if missing_calibration(night, plan):
        return {"step": "calibrate", "next": "probe"}
    noise = measure_noise(night, plan)
    if noise.runs < LEAST_CALIBRATION:
        causes = "; ".join(sorted(set(failed_baselines(night)))) or "unknown"
        raise NightlabError(
            f"the baseline left {noise.runs} scored replicates, {LEAST_CALIBRATION} are needed to know the noise: "
            f"{causes}. See the probes' logs, mend the recipe or the machine, and start a new night"
        )
    if not night.candidates:
        watch_measurements(context)
        hold_against_earlier_nights(context)
        record_noise(context)
        set_policy(context)
    if noise.fault is not None:
        raise NightlabError(f"the baseline cannot be measured: {noise.fault}; start a new night then")
    return {"step": "search", "next": where_it_broke_off(night)}


def propose_candidates(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Plan the next round or block, or end the search."""
    context = runtime.context
    if context.night.search_ended is not None:
        return {"step": "confirm", "next": "confirm"}
    reason = None if context.night.design == "rehearsal" else plan_search(context)
    if reason is not None:
        end_exploring(context, reason)
    if context.night.design == "rehearsal":
        return {"step": "rehearse", "next": "settle"}
    return {"step": "search", "next": "probe", "rounds": state["rounds"] + 1}


def run_probes(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Run what the present step lacks, and again what failed and is worth another try, before anybody decides.

    The ledger learns of each probe as it ends. What is measured is not repeated.
    """
    context = runtime.context
    before, rule = len(context.night.probes), night_stop_rule(context.night, context.plan, context.search_probes)
    searching, ended = state["step"] != "confirm", -1
    while not context.launcher.is_stopping and ended < len(context.night.probes):
        ended, wanted = len(context.night.probes), _affordable(state, context)
        if not any(is_first_try(context.night, want) for want in wanted):
            watch_measurements(context)
        run_wanted(context, wanted, rule, lambda: context.budget.halt(searching) is None)
    leave_out(before, len(context.night.probes))
    if context.launcher.is_stopping:
        return {"next": "stop"}
    return {"next": AFTER_PROBES[state["step"]]}


def decide(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Let the referee read every live candidate, the most promising first, and move the working recipe."""
    context = runtime.context
    night = context.night
    finish_moves(context)
    referee = Referee(night, context.plan, context.evidence)
    for name in sorted(live_candidates(night), key=lambda n: -referee.effect(n).mean if night.seen[n] else 0.0):
        reading, last = referee.read(name), night.reading(name)
        if reading is None or last == reading or not (is_undecided(night, name) or reading.effect is None):
            continue
        if reading.decision == "accept" and not stands(context, name):
            continue
        context.record(ev.CandidateDecided(at=context.clock.now(), candidate=name, reading=reading))
        if reading.decision == "accept":
            move(context, (*night.accepted, name))
            referee = Referee(night, context.plan, context.evidence)
    let_go(context, referee)
    withdraw(context)
    watch_progress(context)
    return {"step": "search", "next": "propose"}


def settle_recipe(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Choose the final recipe, rehearse it as a whole, and end the search."""
    context = runtime.context
    night, plan = context.night, context.plan
    if night.search_ended is not None:
        return {"step": "confirm", "next": "confirm"}
    if not any(slot[:2] == ("search", "final") for slot in (*night.scored, *night.failed)):
        park_the_rest(context)
        settle(context)
    while not missing_rehearsal(night, plan) and drop_for_rehearsal(context):
        pass
    if missing_rehearsal(night, plan) and refusal(context, 1) is None:
        return {"step": "rehearse", "next": "probe"}
    _end_search(context)
    return {"step": "confirm", "next": "confirm"}


def confirm(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Ask for the confirmation's missing probes; when they are there, make the one claim."""
    context = runtime.context
    night, plan = context.night, context.plan
    if night.claim is not None:
        return {"next": "report"}
    if night.accepted and missing_confirmation(night, plan) and _can_confirm(context):
        return {"step": "confirm", "next": "probe"}
    claim = make_claim(night, plan)
    context.record(ev.ClaimMade(at=context.clock.now(), claim=claim))
    return {"next": "report"}


def report(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Close the ledger and write the report."""
    context = runtime.context
    watch_promotions(context)
    if context.night.stopped is None or context.night.stopped.stop_reason != "finished":
        context.wind_up()
        context.record(ev.SessionStopped(at=context.clock.now(), stop_reason="finished"))
    context.write_report()
    return {"next": "report"}


def _affordable(state: NightState, context: NightContext) -> list[Wanted]:
    """Return what the present step lacks and the budget pays for; a round leaves the final recipe its rehearsals.

    Raises:
        NightlabError: not even the calibration can be paid for.
    """
    night, step = context.night, state["step"]
    wanted = tried_least(night, _wanted(state, context))
    is_round = step == "search" and any(want.slot.arm != "block" for want in wanted)
    kept = context.plan.referee.rehearsals if is_round and night.accepted else 0
    used, refused = probes_used(night), None
    while wanted and (refused := context.budget.refusal(used, price(wanted) + kept, step != "confirm")):
        wanted.pop()
    if refused and not wanted and step in ("control", "calibrate"):
        raise NightlabError(f"the night cannot be calibrated: {refused}; start a new night with a larger budget")
    return wanted


def _wanted(state: NightState, context: NightContext) -> list[Wanted]:
    night, plan = context.night, context.plan
    match state["step"]:
        case "control":
            return missing_controls(night, plan)
        case "calibrate":
            return missing_calibration(night, plan)
        case "search":
            return missing_search(context)
        case "rehearse":
            return missing_rehearsal(night, plan)
        case "confirm":
            return missing_confirmation(night, plan)


def _end_search(context: NightContext) -> None:
    """Record the noise of the whole search, and how large the confirmation will be."""
    night = context.night
    probes = affordable_confirmation(context) if night.accepted else context.plan.confirm_probes
    record_noise(context, probes)
    reason = night.designs[-1].reason
    context.record(ev.SearchEnded(at=context.clock.now(), reason=reason, confirm_probes=probes))


def _can_confirm(context: NightContext) -> bool:
    return context.budget.refusal(probes_used(context.night), 1, reserve_confirmation=False) is None
