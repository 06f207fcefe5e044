"""Whole answers held against the expected ones, to the letter or after normalising both.

Neither looks inside a longer answer: `keywords` and `regex` do that.
"""

from __future__ import annotations

import re
import string
import unicodedata
from abc import abstractmethod
from typing import Literal

from probes.evaluation.scorers.component import Component
from probes.evaluation.scorers.excerpt import excerpt
from probes.evaluation.scorers.exchange import Exchange, Mark
from probes.evaluation.scorers.words import Words

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_SIGNS_OF_NUMBERS = re.compile(r"(?<=\d)\.(?=\d)|(?<!\w)-(?=\.?\d)")


class _Match(Component):
    """1 when the answer is one of the expected texts."""

    expected: Words = ()
    """What the answer may be; where there is nothing, the item's `chosen` answers."""

    @abstractmethod
    def form(self, text: str) -> str:
        """Return what is compared."""

    def mark(self, exchange: Exchange) -> Mark:
        """Return 0 or 1; unscored where nobody says what the answer should be."""
        expected = self.expected or exchange.references
        if not expected:
            return Mark(None, "neither `expected` nor the item's `chosen` says what the answer should be")
        answer = self.form(exchange.text)
        if answer and any(answer == self.form(text) for text in expected):
            return Mark(1.0)
        first, *others = expected
        more = f" or {len(others)} more" if others else ""
        return Mark(0.0, f"'{excerpt(exchange.text)}' is not '{excerpt(first)}'{more}")


class Exact(_Match):
    """1 when the answer equals an expected text but for space around it."""

    kind: Literal["exact"]

    def form(self, text: str) -> str:
        """Return the text without space around it."""
        return text.strip()


class Normalized(_Match):
    """1 when both are equal by `normalize`."""

    kind: Literal["normalized"]

    def form(self, text: str) -> str:
        """Return the normalised text."""
        return normalize(text)


def normalize(text: str) -> str:
    """Return `text` in lower case, without punctuation and English articles, its space squeezed.

    The rule is SQuAD's exact match (Rajpurkar et al. 2016, `normalize_answer` of its evaluation script), with three
    changes: case is folded and characters unified by Unicode (NFKC), Unicode's punctuation counts as punctuation, and
    the point and the minus of a number stay, because 1.5 is not 15. Commas in numbers go, so 1,000 is 1000. A text of
    which nothing would be left keeps its words and signs.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace("\u2212", "-")
    kept = {found.start() for found in _SIGNS_OF_NUMBERS.finditer(folded)}
    bare = "".join(char for at, char in enumerate(folded) if at in kept or not _is_punctuation(char))
    return _squeezed(_ARTICLES.sub(" ", bare)) or _squeezed(folded)


def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def _squeezed(text: str) -> str:
    return " ".join(text.split())
