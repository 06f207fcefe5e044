"""From a proposal to a candidate: the check that it is exactly one allowed, new change of the working recipe."""

from __future__ import annotations

from agent.proposers.proposer import Proposal, Proposer, Question
from probes.candidate import Candidate, Change
from tracking import events as ev
from tracking.clock import Clock


def propose(question: Question, proposer: Proposer, clock: Clock) -> list[ev.Event]:
    """Ask for the next change and return what is to be recorded of it, the candidate or its refusal last.

    Neither is there when nothing is left to propose.
    """
    proposal, who, turn = proposer.ask(question)
    events: list[ev.Event] = [turn] if turn is not None else []
    if proposal is None:
        return events
    checked = checked_change(proposal, question)
    if isinstance(checked, str):
        return [*events, ev.ProposalRefused(at=clock.now(), proposer=who, proposal=_plain(proposal), reason=checked)]
    candidate = Candidate(
        id=f"c{len(question.night.candidates) + 1:02d}",
        change=checked,
        parent=question.working.fingerprint,
        recipe=question.lanes[checked.lane].apply(checked, question.working),
        proposer=who,
        hypothesis=proposal.hypothesis,
        forecast=proposal.forecast,
    )
    return [*events, ev.CandidateProposed(at=clock.now(), candidate=candidate)]


def checked_change(proposal: Proposal, question: Question) -> Change | str:
    """Return the proposal as a change of the working recipe, or the rule that it breaks in the lane's own words."""
    lane = question.lanes.get(proposal.lane)
    if lane is None:
        return f"lane `{proposal.lane}` is not searched tonight; open are {', '.join(question.lanes)}"
    here = lane.value(question.working, proposal.knob) if proposal.knob in lane.knobs else None
    change = Change(lane=proposal.lane, knob=proposal.knob, before=here, after=proposal.value)
    refusal = lane.refusal(change, question.working, question.tried)
    if refusal is None and (proposal.lane, proposal.knob) in question.closed:
        refusal = f"`{proposal.knob}` is closed for now: a block takes one change of each knob, and it has one"
    if refusal is None:
        refusal = lane.repeats(change, question.working, question.tried)
    return change if refusal is None else refusal


def _plain(proposal: Proposal) -> dict[str, object]:
    return {"lane": proposal.lane, "knob": proposal.knob, "value": proposal.value}
