"""The protocol of a proposer: the night so far goes in, one typed change comes out.

A proposer only ever proposes. Whether its change is allowed is the lane's to say, what it is worth the referee's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from pydantic import Field

from agent.plan import NightPlan
from agent.tried import TriedMoves
from lanes.lane import Lane
from lanes.moves import OpenKnob
from lanes.tried import Tried
from probes.candidate import MOST_WORDS, Change, Forecast, KnobValue, LaneName
from probes.frozen import Frozen
from probes.recipe import Recipe
from tracking.events import ModelTurn
from tracking.night import NightRecord


class Proposal(Frozen):
    """One change that somebody wants tried."""

    lane: LaneName
    knob: str
    value: KnobValue
    """What the knob should be; where it starts from is the working recipe's."""
    hypothesis: str = Field(default="", max_length=MOST_WORDS)
    """Why, in one sentence; text only, never interpreted."""
    forecast: Forecast | None = None
    """What its proposer expects."""


class Question:
    """What a proposer is asked: everything it may know, and nothing that may differ after a resume."""

    def __init__(
        self,
        night: NightRecord,
        plan: NightPlan,
        lanes: Mapping[LaneName, Lane],
        closed: Collection[tuple[str, str]] = (),
        shunned: Sequence[Change] = (),
        known: TriedMoves | None = None,
    ) -> None:
        """Ask for the next change.

        Args:
            night: The record.
            plan: The night's plan.
            lanes: The open lanes.
            closed: Knobs, each with its lane, that are left out.
            shunned: Moves that did harm in an earlier night: those that go there are asked when nothing else is left.
            known: What earlier questions of this night took in; None: everything is read anew, with the same result.
        """
        assert night.working_recipe is not None
        self.night, self.plan, self.lanes, self.closed = night, plan, lanes, closed
        self.shunned = shunned
        self._known = known or TriedMoves()
        self.working: Recipe = night.working_recipe
        self.number = len(night.candidates) + len(night.refusals)
        """Of this question: proposals made before it."""

    @property
    def seed(self) -> int:
        """The source of chance for this question."""
        return self.plan.ask_seed(self.number)

    @cached_property
    def tried(self) -> Sequence[Tried]:
        """Every move of the night with what became of it."""
        return self._known.look(self.night)

    @cached_property
    def moves(self) -> Mapping[tuple[LaneName, str], OpenKnob]:
        """The knobs of all lanes that can move, by lane and name; closed ones left out."""
        return {
            (name, knob.name): knob
            for name, lane in self.lanes.items()
            for knob in lane.moves(self.working, self.tried, self.closed_in(name), self.shunned)
        }

    def closed_in(self, lane: LaneName) -> list[str]:
        """Return the closed knobs of a lane."""
        return [knob for at, knob in self.closed if at == lane]


class Answer(NamedTuple):
    """What came of a question."""

    proposal: Proposal | None
    """None: nothing is left to propose."""
    proposer: str
    """Who made the proposal, which may be another than the one asked."""
    turn: ModelTurn | None = None
    """What a language model's turn took, where there was one; for the ledger."""


class Proposer(Protocol):
    """Answers questions: a function of the question alone, but for what a language model says."""

    @property
    def name(self) -> str:
        """As the ledger writes it."""
        ...

    def ask(self, question: Question) -> Answer:
        """Return the next proposal."""
        ...
