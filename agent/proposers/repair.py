"""What a model is told of a change that was refused: the rule, by the digest's names and numbers alone.

The lane's own words go into the ledger. They name knobs and values as data and session wrote them and say what an
earlier move ruined; none of that may reach a prompt.
"""

from __future__ import annotations

from agent.proposers.names import KnobNames, shown_value
from agent.proposers.proposer import Proposal, Question
from lanes.config import NumericKnob
from lanes.knobs import Window, is_inside, is_number
from lanes.moves import OpenKnob
from probes.candidate import show_value

MOST_NAMED = 12
"""Knobs or values that a rule names."""


def told_rule(proposal: Proposal, question: Question, names: KnobNames) -> str:
    """Return which rule a refused proposal breaks."""
    lane, moves = proposal.lane, question.moves
    if lane not in question.lanes:
        return f"`lane` must be one of {', '.join(question.lanes)}"
    if (lane, proposal.knob) not in moves:
        movable = [f"`{names.handle(at, knob)}`" for at, knob in moves if at == lane]
        if not movable:
            return f"no knob of lane `{lane}` can move now; choose another lane"
        return f"that knob of lane `{lane}` cannot move now, only {', '.join(movable[:MOST_NAMED])}"
    knob, handle = moves[lane, proposal.knob], names.handle(lane, proposal.knob)
    return f"`{handle}` {_about_range(knob, proposal) if isinstance(knob.knob, NumericKnob) else _about_list(knob)}"


def _about_range(knob: OpenKnob, proposal: Proposal) -> str:
    low, high = (value for value in (knob.values[0], knob.values[-1]) if is_number(value))
    kind = "a whole number" if isinstance(knob.knob, NumericKnob) and knob.knob.integer else "a number"
    ends = f"takes {kind} from {show_value(low)} to {show_value(high)} now"
    if not is_number(proposal.value) or not is_inside(proposal.value, Window(low, high)):
        return ends
    return f"{ends}, and none beside its working value or a value that was tried or collapsed"


def _about_list(knob: OpenKnob) -> str:
    values = [show_value(shown_value(knob.knob, value)) for value in knob.values[:MOST_NAMED]]
    return f"takes one of {', '.join(values)} now"
