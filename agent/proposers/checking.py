"""Whether a proposal is exactly one allowed, new change of the working recipe; if not, the rule in the lane's words."""

from __future__ import annotations

from agent.proposers.proposer import Proposal, Question
from probes.candidate import Change


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
