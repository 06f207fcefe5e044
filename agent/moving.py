"""Moves of the working recipe: what enters it, what leaves it, and what no longer fits on it and is parked."""

from __future__ import annotations

from collections.abc import Sequence

from agent.context import NightContext
from agent.recipes import standing, trained_recipe
from agent.referee import Referee
from agent.schedule import live_candidates
from probes.recipe import Recipe
from probes.statistics.referee import failed_reading
from probes.statistics.verdicts import CandidateReading
from tracking import events as ev


def move(context: NightContext, accepted: Sequence[str]) -> None:
    """Record the working recipe that `accepted` gives; a change that no longer stands on the others is parked."""
    kept, recipe = standing(context.plan.baseline, accepted, context.night.candidates, context.lanes)
    for name in accepted:
        reading = context.night.reading(name)
        if name not in kept and reading is not None:
            reason = "what it started from has left the working recipe"
            decided(context, name, reading.model_copy(update={"decision": "park", "reason": reason}))
    if kept != context.night.accepted:
        context.record(ev.WorkingRecipeMoved(at=context.clock.now(), accepted=kept, recipe=recipe))


def stands(context: NightContext, name: str) -> bool:
    """Whether a change fits on the working recipe: of two moves of one knob that were found good only the first."""
    accepted = (*context.night.accepted, name)
    return standing(context.plan.baseline, accepted, context.night.candidates, context.lanes)[0] == accepted


def decided(context: NightContext, candidate: str, reading: CandidateReading) -> None:
    """Record a reading unless it is the candidate's last one, which an interruption may have cut from its effects."""
    if reading != context.night.reading(candidate):
        context.record(ev.CandidateDecided(at=context.clock.now(), candidate=candidate, reading=reading))


def finish_moves(context: NightContext) -> None:
    """Make the moves of accepted readings that an interruption cut off."""
    night = context.night
    for name in context.last_readings.look(night).accepted:
        if name not in night.accepted and not night.is_live(name):
            move(context, (*night.accepted, name))


def let_go(context: NightContext, referee: Referee) -> None:
    """Take out the accepted changes that the referee no longer believes in."""
    night = context.night
    leaving = {name: reason for name in night.accepted if (reason := referee.should_leave(name)) is not None}
    for name, reason in leaving.items():
        reading = referee.read(name)
        if reading is not None:
            gone = reading.model_copy(update={"decision": "park", "reason": reason})
            decided(context, name, gone)
    if leaving:
        move(context, tuple(name for name in night.accepted if name not in leaving))


def withdraw(context: NightContext) -> None:
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


def park_the_rest(context: NightContext) -> None:
    """Park the live candidates at the end of the search, with the reading they have."""
    night = context.night
    text = f"the search ended before it was decided ({night.designs[-1].reason})"
    referee = Referee(night, context.plan, context.evidence)
    for name in live_candidates(night):
        reading = night.reading(name) or referee.read(name) or failed_reading("park", night.seen[name], text)
        decided(context, name, reading.model_copy(update={"decision": "park", "reason": text}))
