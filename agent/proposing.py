"""From a question to what is recorded of its answer: a candidate, or why there is none; and what is not asked for."""

from __future__ import annotations

from agent.context import NightContext
from agent.proposers.checking import checked_change
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


def shunned(context: NightContext) -> list[Change]:
    """Return the known harm that is not asked for now: all of it, until nothing else is left to ask for."""
    harmful = known_harm(context)
    if not harmful or Question(context.night, context.plan, context.searched, (), harmful).moves:
        return harmful
    return []


def known_harm(context: NightContext) -> list[Change]:
    """Return the moves that comparable earlier nights measured as harmful to tonight's target or guards."""
    earlier, plan = context.night.earlier, context.plan
    return [move.change for move in earlier.known_harm((plan.target, *plan.guards))] if earlier is not None else []


def _plain(proposal: Proposal) -> dict[str, object]:
    return {"lane": proposal.lane, "knob": proposal.knob, "value": proposal.value}
