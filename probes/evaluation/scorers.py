"""Rule scorers: weighted components, each 0 … 1, combined into a score of 0 … 10.

Patterns and words are the suite author's; the answer is data and is only ever searched. Silence must not win: an
empty answer is scored by its rules, but rules that reward absence (forbidden words, contractions) give it 0.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from probes.data.contrast import count_contractions
from probes.frozen import Frozen

Words = tuple[Annotated[str, Field(min_length=1)], ...]

MAX_SCORED_CHARACTERS = 20_000
"""Longer answers are scored by their beginning, which bounds what a careless pattern can cost."""


class Scored(NamedTuple):
    """The result of scoring one answer."""

    score: float | None
    """0 … 10, None when unscored."""
    components: dict[str, float]
    """Component name → 0 … 1."""
    critical_failures: tuple[str, ...]
    """Names of the critical components that gave 0."""
    unscored: str | None = None
    """Why there is no score."""


class _Component(Frozen):
    weight: Annotated[float, Field(ge=0.0, le=1.0)]
    """Share of the item's score; an item's weights sum to 1."""
    critical: bool = False
    """A value of 0 is a critical failure."""
    name: str | None = None
    """Name in scores and reports; its kind by default."""


class Keywords(_Component):
    """`all`: the share of words present; `any`: 1 if one is present; both: their mean. Whole words, any case."""

    kind: Literal["keywords"]
    any: Words = ()
    all: Words = ()

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if not self.any and not self.all:
            raise ValueError("needs words in `any` or `all`")
        return self

    def value(self, answer: str) -> float:
        """Return 0 … 1."""
        parts: list[float] = []
        if self.any:
            parts.append(float(any(_has(answer, word) for word in self.any)))
        if self.all:
            parts.append(sum(_has(answer, word) for word in self.all) / len(self.all))
        return sum(parts) / len(parts)


class Regex(_Component):
    """1 when the pattern is found anywhere; write `(?i)` for any case."""

    kind: Literal["regex"]
    pattern: Annotated[str, Field(min_length=1)]

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            _compiled(pattern)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        return pattern

    def value(self, answer: str) -> float:
        """Return 0 or 1."""
        return float(_compiled(self.pattern).search(answer) is not None)


class Forbidden(_Component):
    """1 when none of the words appears, 0 otherwise and for an empty answer."""

    kind: Literal["forbidden"]
    words: Annotated[Words, Field(min_length=1)]

    def value(self, answer: str) -> float:
        """Return 0 or 1."""
        return float(bool(answer.strip()) and not any(_has(answer, word) for word in self.words))


class Opening(_Component):
    """1 when the answer starts with one of the texts, any case."""

    kind: Literal["opening"]
    any: Annotated[Words, Field(min_length=1)]

    def value(self, answer: str) -> float:
        """Return 0 or 1."""
        start = answer.strip().casefold()
        return float(any(start.startswith(text.casefold()) for text in self.any))


class Contractions(_Component):
    """1 up to `allowed` contractions, then a third less for each further one; 0 for an empty answer."""

    kind: Literal["contractions"]
    allowed: Annotated[int, Field(ge=0)] = 0

    def value(self, answer: str) -> float:
        """Return 0 … 1."""
        if not answer.strip():
            return 0.0
        return max(0.0, 1.0 - max(0, count_contractions(answer) - self.allowed) / 3)


Component = Annotated[Keywords | Regex | Forbidden | Opening | Contractions, Field(discriminator="kind")]


class Scorer(Frozen):
    """What an item's `scorer` holds."""

    components: Annotated[tuple[Component, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _weights_and_names(self) -> Self:
        total = sum(component.weight for component in self.components)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"component weights must sum to 1, got {total:.6g}")
        given = [component.name for component in self.components if component.name is not None]
        if len(set(given)) != len(given):
            raise ValueError(f"component names must be unique, got {given}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The components' names: their own, else their kind, numbered from the second of a kind on."""
        names: list[str] = []
        for component in self.components:
            name, number = component.name or component.kind, 2
            while name in names:
                name, number = f"{component.name or component.kind}-{number}", number + 1
            names.append(name)
        return tuple(names)

    def score(self, answer: str) -> Scored:
        """Return the score of one answer."""
        text = answer[:MAX_SCORED_CHARACTERS]
        values = {name: part.value(text) for name, part in zip(self.names, self.components, strict=True)}
        total = sum(part.weight * value for part, value in zip(self.components, values.values(), strict=True))
        critical = tuple(
            name for name, part in zip(self.names, self.components, strict=True) if part.critical and values[name] == 0
        )
        return Scored(min(10.0, max(0.0, 10.0 * total)), values, critical)


def _has(answer: str, word: str) -> bool:
    return _word_pattern(word).search(answer) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _word_pattern(word: str) -> re.Pattern[str]:
    """Match `word` where neither side continues it; words may hold spaces and signs."""
    text = r"\s+".join(re.escape(part) for part in word.split())
    return re.compile(rf"(?<!\w){text}(?!\w)", re.IGNORECASE)
