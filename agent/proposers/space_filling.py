"""A start that looks everywhere once: one far move of every knob over all lanes, then the statistical proposer.

The order of the knobs is drawn, the sides come from a scrambled Sobol sequence, so that ups and downs stay balanced
whatever the night's length. A far move is the open value furthest from the working one on its side.
"""

from __future__ import annotations

from random import Random

from agent.proposers.proposer import Answer, Proposal, Proposer, Question
from lanes.knobs import is_number, is_numeric
from lanes.moves import OpenKnob
from lanes.pickers import farthest
from probes.candidate import KnobValue, LaneName

BALANCED = 10
"""The sequence is drawn 2 to the power of this long, which no lanes' knobs outnumber."""


class SpaceFillingProposer:
    """Implements `Proposer`."""

    def __init__(self, then: Proposer) -> None:
        """Hand over to `then` once every knob that can move was tried."""
        self._then = then

    @property
    def name(self) -> str:
        """As in the session."""
        return "space_filling"

    def ask(self, question: Question) -> Answer:
        """Return a far move of a knob that was never tried."""
        fresh = {at: knob for at, knob in question.moves.items() if not knob.tried}
        if not fresh:
            return self._then.ask(question)
        order: list[tuple[LaneName, str]] = [(lane, knob) for lane, of in question.lanes.items() for knob in of.knobs]
        Random(f"{question.plan.seed}/space filling").shuffle(order)
        place, (lane, name) = next((i, at) for i, at in enumerate(order) if at in fresh)
        value = _far_value(fresh[lane, name], _goes_up(question.plan.seed, place))
        return Answer(Proposal(lane=lane, knob=name, value=value), self.name)


def _far_value(knob: OpenKnob, goes_up: bool) -> KnobValue:
    working = knob.working
    if not is_number(working) or not is_numeric(knob.knob):
        return knob.values[-1 if goes_up else 0]
    return farthest(knob, working, goes_up)


def _goes_up(seed: int, place: int) -> bool:
    from scipy.stats import qmc

    points = qmc.Sobol(d=1, scramble=True, rng=seed).random_base2(BALANCED)
    return bool(points[place % len(points), 0] >= 0.5)
