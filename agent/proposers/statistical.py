"""The proposer without a language model: lanes take turns, and each asks its own picker.

What the picker is (Optuna's TPE or Gaussian process, or chance) was fixed when the lanes were opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.proposers.proposer import Answer, Proposal, Question
from lanes.lane import Lane
from lanes.pickers import PickerName
from probes.candidate import LANES, LaneName

TURNS: list[LaneName] = [turn for lane in LANES[1:] for turn in (LANES[0], lane)]
"""Lanes take turns; the first one, which has the most knobs, comes between all others."""


class StatisticalProposer:
    """Asks the lanes in turn; implements `Proposer`."""

    def __init__(self, picker: PickerName) -> None:
        """Go by the name of the lanes' picker."""
        self._name = picker

    @property
    def name(self) -> str:
        """The lanes' picker."""
        return self._name

    def ask(self, question: Question) -> Answer:
        """Return what the first lane that has something left asks for."""
        for name in lanes_in_turn(question.number, question.lanes):
            lane = question.lanes[name]
            closed = question.closed_in(name)
            change = lane.ask(question.working, question.tried, question.seed, closed, question.shunned)
            if change is not None:
                return Answer(Proposal(lane=name, knob=change.knob, value=change.after), self.name)
        return Answer(None, self.name)


def lanes_in_turn(asked: int, lanes: Mapping[LaneName, Lane]) -> Iterator[LaneName]:
    """Yield open lanes, the one whose turn it is first, each once."""
    seen: set[LaneName] = set()
    for offset in range(len(TURNS)):
        name = TURNS[(asked + offset) % len(TURNS)]
        if name in lanes and name not in seen:
            seen.add(name)
            yield name
