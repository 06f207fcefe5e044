"""One line of an answer, short enough for a cause."""

from __future__ import annotations

from probes.words import printable

CAUSE_CHARACTERS = 200
"""Longest cause."""


def excerpt(text: str, start: int = 0, width: int = 60) -> str:
    """Return up to `width` characters from `start` on, as one line; `…` stands for what was left out."""
    piece = text[start : start + 4 * width]
    line = " ".join(printable(piece).split())
    before = "…" if text[:start].strip() else ""
    if len(line) > width or text[start + 4 * width :].strip():
        line = line[: width - 1].rstrip() + "…"
    return before + line
