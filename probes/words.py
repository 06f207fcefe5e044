"""Words that others wrote: made fit to be shown, and what a misspelled one may have meant."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from unicodedata import category

JOINERS = "\u200c\u200d"
"""Neither printable nor harmful: they hold emoji and letters of some scripts together."""
_KEPT = f"\n\t{JOINERS}"


def printable(text: str) -> str:
    """Return `text` without control characters, marks that turn the direction of others, and halves of characters.

    Line feeds, tabs and spaces of any width stay; a carriage return, which could write over a line, does not.
    """
    return "".join(c if c.isprintable() or c in _KEPT or category(c) == "Zs" else " " for c in text)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return `did you mean `x`? `, or the known words when none is close."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known are {', '.join(f'`{name}`' for name in known)}" if known else "it takes no keys"
