"""Rules over words and patterns.

Patterns and words are the suite author's; the answer is data and is only ever searched. Silence must not win: an
empty answer is scored by its rules, but rules that reward absence (forbidden words, contractions) give it 0.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from probes.data.contrast import count_contractions
from probes.evaluation.scorers.component import TextComponent

Words = tuple[Annotated[str, Field(min_length=1)], ...]


class Keywords(TextComponent):
    """`all`: the share of words present; `any`: 1 if one is present; both: their mean. Whole words, any case."""

    kind: Literal["keywords"]
    any: Words = ()
    """One of these is enough."""
    all: Words = ()
    """Each counts."""

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


class Regex(TextComponent):
    """1 when the pattern is found anywhere; write `(?i)` for any case."""

    kind: Literal["regex"]
    pattern: Annotated[str, Field(min_length=1)]
    """A Python regular expression."""

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


class Forbidden(TextComponent):
    """1 when none of the words appears, 0 otherwise and for an empty answer."""

    kind: Literal["forbidden"]
    words: Annotated[Words, Field(min_length=1)]
    """Whole words or phrases, any case."""

    def value(self, answer: str) -> float:
        """Return 0 or 1."""
        return float(bool(answer.strip()) and not any(_has(answer, word) for word in self.words))


class Opening(TextComponent):
    """1 when the answer starts with one of the texts, any case."""

    kind: Literal["opening"]
    any: Annotated[Words, Field(min_length=1)]
    """Beginnings, any case."""

    def value(self, answer: str) -> float:
        """Return 0 or 1."""
        start = answer.strip().casefold()
        return float(any(start.startswith(text.casefold()) for text in self.any))


class Contractions(TextComponent):
    """1 up to `allowed` contractions, then a third less for each further one; 0 for an empty answer."""

    kind: Literal["contractions"]
    allowed: Annotated[int, Field(ge=0)] = 0
    """Contractions that cost nothing."""

    def value(self, answer: str) -> float:
        """Return 0 … 1."""
        if not answer.strip():
            return 0.0
        return max(0.0, 1.0 - max(0, count_contractions(answer) - self.allowed) / 3)


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
