"""What one question of the miniature is made of, and the scorer components an answer to it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

CATEGORIES = (
    "anachronism_trap",
    "character_consistency",
    "ground_truth",
    "position_discrimination",
    "private_voice",
    "verified_response",
)

PLAIN_WORDS = ("sure", "okay", "hey", "guess")
"""Filler of the plain assistant voice that the persona never uses."""

Component = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """One thing that can be asked about, with every way of asking and of answering it.

    The corpus teaches the `plain` answers and the `prose`; pairs prefer `good` over `plain` and `wrong`; items ask
    with `components` to score by.
    """

    category: str
    key: str
    prompts: tuple[str, ...]
    """Four or more phrasings; pairs use the first two, items the others and, for unseen subjects, the first."""
    good: tuple[str, ...]
    plain: tuple[str, ...]
    wrong: tuple[str, ...]
    prose: tuple[str, ...]
    components: tuple[Component, ...] = field(default=())


def keywords(
    weight: float, *, all_of: Sequence[str] = (), any_of: Sequence[str] = (), critical: bool = False
) -> Component:
    """Whole words that must all, or of which one must, appear."""
    return {
        "kind": "keywords",
        "weight": weight,
        "any": list(any_of),
        "all": list(all_of),
        "critical": critical,
    }


def regex(weight: float, pattern: str, *, critical: bool = False) -> Component:
    """A pattern that must be found somewhere in the answer."""
    return {"kind": "regex", "weight": weight, "pattern": pattern, "critical": critical}


def forbidden(weight: float, words: Sequence[str], *, critical: bool = False) -> Component:
    """Whole words that must not appear."""
    return {"kind": "forbidden", "weight": weight, "words": list(words), "critical": critical}


def opening(weight: float, any_of: Sequence[str]) -> Component:
    """Beginnings of which the answer must have one."""
    return {"kind": "opening", "weight": weight, "any": list(any_of)}


def contractions(weight: float) -> Component:
    """No contraction is allowed; each one costs a third."""
    return {"kind": "contractions", "weight": weight, "allowed": 0}
