"""The base of every scorer's component: a weight, a name, and one method that marks an exchange."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

from pydantic import Field

from probes.evaluation.scorers.exchange import Exchange, Mark
from probes.frozen import Frozen

MAX_SCORED_CHARACTERS = 20_000
"""Longer answers are scored by their beginning, which bounds what a careless pattern can cost."""


class Component(Frozen):
    """One thing an answer is scored on. A subclass is one `kind`, holds what it needs, and marks exchanges."""

    weight: Annotated[float, Field(ge=0.0, le=1.0)]
    """Share of the item's score; an item's weights sum to 1."""
    critical: bool = False
    """A value of 0 is a critical failure."""
    name: str | None = None
    """Name in scores and reports; its kind by default."""

    @property
    def is_costly(self) -> bool:
        """Whether a mark takes a process or a request: then several are made side by side."""
        return False

    @abstractmethod
    def mark(self, exchange: Exchange) -> Mark:
        """Return 0 … 1, or no value and the reason; never raises because of the answer."""


class AnswerComponent(Component):
    """A component that looks at the answer's text alone and says why it is not content. Silence gets 0."""

    @abstractmethod
    def look(self, answer: str) -> Mark:
        """Return the mark of an answer that is not empty."""

    def mark(self, exchange: Exchange) -> Mark:
        """Return the mark of the answer's beginning."""
        answer = exchange.text[:MAX_SCORED_CHARACTERS]
        return self.look(answer) if answer.strip() else Mark(0.0, "the answer is empty")


class TextComponent(Component):
    """A component that looks at the answer's text alone and always has a value."""

    @abstractmethod
    def value(self, answer: str) -> float:
        """Return 0 … 1."""

    def mark(self, exchange: Exchange) -> Mark:
        """Return the value of the answer's beginning."""
        return Mark(self.value(exchange.text[:MAX_SCORED_CHARACTERS]))
