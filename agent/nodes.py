"""The graph's nodes: functions from state to update. Effects go through the context; decisions through statistics."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import NightContext
from agent.drift import hold_against_earlier_nights
from agent.evidence import Referee, category_noise, confirmation_runs, live_candidates, measure_noise
from agent.plan import NightPlan
from agent.proposing import propose
from agent.schedule import (
    Wanted,
    failed_baselines,
    missing_calibration,
    missing_confirmation,
    next_round,
    probes_used,
    to_plans,
    trained_recipe,
)
from agent.state import NightState
from probes.errors import NightlabError
from probes.recipe import Recipe
from probes.statistics.confirmation import confirm as confirm_runs
from probes.statistics.confirmation import no_claim
from probes.statistics.power import empty_noise, power_table
from probes.statistics.referee import failed_reading
from probes.statistics.verdicts import Noise, PowerTable
from tracking import events as ev

LEAST_CALIBRATION = 3
"""Fewer scored baselines: no noise, no night."""

Update = dict[str, Any]


def check(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Record the power table before any probe is spent."""
    context = runtime.context
    if context.night.power is None:
        power = night_power(context.plan, empty_noise())
        context.record(ev.PowerChecked(at=context.clock.now(), power=power))
    return {"step": "calibrate"}


def calibrate(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Ask for the baseline's missing replicates; when they are there, record the noise."""
    context = runtime.context
    night, plan = context.night, context.plan
    if missing_calibration(night, plan):
        return {"step": "calibrate", "next": "probe"}
    noise = measure_noise(night, plan)
    if noise.runs < LEAST_CALIBRATION:
        causes = "; ".join(sorted(set(failed_baselines(night)))) or "unknown"
        raise NightlabError(
            f"the baseline left {noise.runs} scored replicates, {LEAST_CALIBRATION} are needed to know the noise: "
            f"{causes}. See the probes' logs, mend the recipe or the machine, and start a new night"
        )
    if night.noise is None:
        hold_against_earlier_nights(context)
        _record_noise(context)
    return {"step": "search", "next": "probe" if live_candidates(night) else "propose"}


def propose_candidates(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Fill the race with candidates, or end the search."""
    context = runtime.context
    night, plan = context.night, context.plan
    if night.search_ended is not None:
        return {"step": "confirm", "next": "confirm"}
    reason = context.budget.refusal(probes_used(night), 1, reserve_confirmation=True)
    while reason is None and len(live_candidates(night)) < max(plan.side_by_side, context.launcher.workers):
        proposal = propose(night, plan, context.lanes, context.proposer)
        if proposal is None:
            reason = None if live_candidates(night) else "every lane is exhausted"
            break
        if isinstance(proposal, tuple):
            change, refusal = proposal
            context.record(
                ev.ProposalRefused(
                    at=context.clock.now(), proposer=context.proposer, proposal=change.model_dump(), reason=refusal
                )
            )
        else:
            context.record(ev.CandidateProposed(at=context.clock.now(), candidate=proposal))
    if reason is not None:
        _end_search(context, reason)
        return {"step": "confirm", "next": "confirm"}
    return {"step": "search", "next": "probe", "rounds": state["rounds"] + 1}


def run_probes(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Run what the present step lacks; the ledger learns of each probe as it ends. What is measured is not repeated."""
    context = runtime.context
    wanted = _wanted(state, context)
    searching, refusal = state["step"] != "confirm", None
    while wanted and (refusal := context.budget.refusal(probes_used(context.night), len(wanted), searching)):
        wanted.pop()
    if refusal and not wanted and state["step"] == "calibrate":
        raise NightlabError(f"the night cannot be calibrated: {refusal}; raise the budget in [budget]")

    def started(plan: ev.ProbePlan) -> None:
        context.record(ev.ProbeStarted(at=context.clock.now(), plan=plan, key=plan.request.key))

    def finished(plan: ev.ProbePlan, outcome: Any) -> None:
        context.record(ev.ProbeFinished(at=context.clock.now(), plan=plan, outcome=outcome))

    measured = {probe.outcome.key: probe.outcome for probe in context.night.probes if probe.is_completed}
    plans = to_plans(context.night, wanted, context.make_request)
    for plan in plans:
        if plan.request.key in measured:
            finished(plan, measured[plan.request.key])
    context.launcher.run([plan for plan in plans if plan.request.key not in measured], started, finished)
    if context.launcher.is_stopping:
        return {"next": "stop"}
    return {"next": "decide" if state["step"] == "search" else state["step"]}


def decide(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Let the referee read every live candidate, and move the working recipe."""
    context = runtime.context
    night = context.night
    referee = Referee(night, context.plan)
    for name in live_candidates(night):
        reading, last = referee.read(name), night.reading(name)
        if reading is None or (last is not None and last.replicates == reading.replicates and last == reading):
            continue
        context.record(ev.CandidateDecided(at=context.clock.now(), candidate=name, reading=reading))
        if reading.decision == "accept":
            _move(context, (*night.accepted, name))
            referee = Referee(night, context.plan)
    _let_go(context, referee)
    _withdraw(context)
    return {"step": "search", "next": "propose"}


def confirm(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Ask for the confirmation's missing probes; when they are there, make the one claim."""
    context = runtime.context
    night, plan = context.night, context.plan
    if night.claim is not None:
        return {"next": "report"}
    if not night.accepted:
        claim = no_claim("no change was accepted in the search, so there was nothing to confirm", _level(plan))
    elif missing_confirmation(night, plan) and _can_confirm(context):
        return {"step": "confirm", "next": "probe"}
    else:
        runs = confirmation_runs(night, "baseline"), confirmation_runs(night, "final")
        claim = confirm_runs(*runs, plan.target, plan.guards, _level(plan))
    context.record(ev.ClaimMade(at=context.clock.now(), claim=claim))
    return {"next": "report"}


def report(state: NightState, runtime: Runtime[NightContext]) -> Update:
    """Close the ledger and write the report."""
    context = runtime.context
    if context.night.stopped is None or context.night.stopped.stop_reason != "finished":
        context.record(ev.SessionStopped(at=context.clock.now(), stop_reason="finished"))
    context.write_report()
    return {"next": "report"}


def night_power(plan: NightPlan, noise: Noise, source: str = "assumed") -> PowerTable:
    """Return the power of a night at the given noise; the guards' margins are fixed by the plan."""
    items = {name: (count, plan.held_out_items.get(name, 0)) for name, count in plan.search_items.items()}
    return power_table(
        noise,
        plan.target,
        plan.guards,
        items,
        plan.confirm_probes,
        _level(plan),
        plan.referee.noise_sd,
        category_noise(plan),
        source,
    )


def _wanted(state: NightState, context: NightContext) -> list[Wanted]:
    night, plan = context.night, context.plan
    if state["step"] == "calibrate":
        return missing_calibration(night, plan)
    if state["step"] == "confirm":
        return missing_confirmation(night, plan)
    return next_round(night, plan, context.lanes)


def _record_noise(context: NightContext) -> None:
    """Record the noise pooled over everything measured so far, and the power that it leaves."""
    noise = measure_noise(context.night, context.plan)
    context.record(ev.NoiseEstimated(at=context.clock.now(), noise=noise))
    power = night_power(context.plan, noise, "measured")
    context.record(ev.PowerChecked(at=context.clock.now(), power=power))


def _end_search(context: NightContext, reason: str) -> None:
    night, now = context.night, context.clock.now
    for name in live_candidates(night):
        last = night.reading(name)
        text = f"the search ended before it was decided ({reason})"
        reading = last.model_copy(update={"decision": "park", "reason": text}) if last else None
        context.record(
            ev.CandidateDecided(at=now(), candidate=name, reading=reading or failed_reading("park", 0, text))
        )
    _record_noise(context)
    context.record(ev.SearchEnded(at=now(), reason=reason))


def _move(context: NightContext, accepted: tuple[str, ...]) -> None:
    """Record the working recipe that `accepted` gives; a change that no longer fits on the others is left out."""
    recipe, kept = context.plan.baseline, list[str]()
    for name in accepted:
        change = context.night.candidates[name].change
        lane = context.lanes[change.lane]
        if lane.refusal(change, recipe) is None:
            recipe = lane.apply(change, recipe)
            kept.append(name)
    context.record(ev.WorkingRecipeMoved(at=context.clock.now(), accepted=tuple(kept), recipe=recipe))


def _let_go(context: NightContext, referee: Referee) -> None:
    night = context.night
    leaving = {name: reason for name in night.accepted if (reason := referee.should_leave(name)) is not None}
    for name, reason in leaving.items():
        reading = referee.read(name)
        if reading is not None:
            gone = reading.model_copy(update={"decision": "park", "reason": reason})
            context.record(ev.CandidateDecided(at=context.clock.now(), candidate=name, reading=gone))
    if leaving:
        _move(context, tuple(name for name in night.accepted if name not in leaving))


def _withdraw(context: NightContext) -> None:
    """Park live candidates whose change no longer fits on the working recipe."""
    night = context.night
    for name in live_candidates(night):
        refusal = trained_recipe(night, context.lanes, name)
        if isinstance(refusal, Recipe):
            continue
        last = night.reading(name)
        reason = f"the working recipe moved: {refusal}"
        reading = last.model_copy(update={"decision": "park", "reason": reason}) if last else None
        parked = reading or failed_reading("park", 0, reason)
        context.record(ev.CandidateDecided(at=context.clock.now(), candidate=name, reading=parked))


def _can_confirm(context: NightContext) -> bool:
    return context.budget.refusal(probes_used(context.night), 1, reserve_confirmation=False) is None


def _level(plan: NightPlan) -> float:
    return plan.referee.confirm_level
