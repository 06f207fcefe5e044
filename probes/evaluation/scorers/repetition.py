"""Repetition: an answer that goes round in circles, by words or by characters.

Words: the share of n-grams that were there before, 1 - distinct / all, the seq-rep-n of Welleck et al. 2019, "Neural
text degeneration with unlikelihood training" (arXiv:1908.04319). Characters: the share of the answer that lies in runs
of one short piece repeated, which also catches scripts that put no space between words. The worse of the two counts.
Code and tables repeat themselves by nature: raise `allowed` for them.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from probes.evaluation.scorers.component import AnswerComponent
from probes.evaluation.scorers.excerpt import excerpt
from probes.evaluation.scorers.exchange import Mark

_RUN = re.compile(r"(?P<piece>.{1,40}?)(?P=piece){4,}", re.DOTALL)
"""A piece of up to 40 characters, five times or more in a row."""
_FEWEST = 12
"""Shorter answers have no runs worth a share: `...` is no loop."""


class Repetition(AnswerComponent):
    """1 up to `allowed`, then straight down to 0 at `ruined`."""

    kind: Literal["repetition"]
    n: Annotated[int, Field(ge=2, le=10)] = 4
    """Words in an n-gram."""
    allowed: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Repeated share that costs nothing; prose that somebody wrote stays well below."""
    ruined: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """Repeated share that leaves nothing: half of the answer was said before."""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.allowed >= self.ruined:
            raise ValueError(f"`allowed` must be below `ruined`, got {self.allowed:g} and {self.ruined:g}")
        return self

    def look(self, answer: str) -> Mark:
        """Return 0 … 1, with what is repeated most."""
        by_words, phrase = repeated_words(answer, self.n)
        by_characters, piece = repeated_characters(answer)
        share, what = max((by_words, phrase), (by_characters, piece))
        if share <= self.allowed:
            return Mark(1.0)
        value = max(0.0, (self.ruined - share) / (self.ruined - self.allowed))
        return Mark(value, f"{share:.0%} of it is repeated, most of all '{excerpt(what)}'")


def repeated_words(text: str, n: int) -> tuple[float, str]:
    """Return the share of n-grams that occurred before, and the commonest; 0 for fewer words than two n-grams take."""
    words = text.casefold().split()
    grams = Counter(zip(*(words[start:] for start in range(n)), strict=False))
    total = grams.total()
    if total < 2:
        return 0.0, ""
    commonest, _ = grams.most_common(1)[0]
    return 1.0 - len(grams) / total, " ".join(commonest)


def repeated_characters(text: str) -> tuple[float, str]:
    """Return the share of characters in runs of a repeated piece, but for its first time, and the longest run's piece.

    Space counts for nothing, so neither does indentation.
    """
    dense = "".join(text.split())
    if len(dense) < _FEWEST:
        return 0.0, ""
    runs = [(len(run[0]) - len(run["piece"]), run["piece"]) for run in _RUN.finditer(dense)]
    return sum(length for length, _ in runs) / len(dense), max(runs)[1] if runs else ""
