"""From a question to what is recorded of its answer: a candidate, or why there is none."""

from __future__ import annotations

from agent.proposers.checking import checked_change
from agent.proposers.proposer import Proposal, Proposer, Question
from probes.candidate import Candidate
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


def _plain(proposal: Proposal) -> dict[str, object]:
    return {"lane": proposal.lane, "knob": proposal.knob, "value": proposal.value}
