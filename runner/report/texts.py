"""Short ways to make cells, columns and paragraphs, and how text that others wrote is made fit to be shown."""

from __future__ import annotations

from collections.abc import Sequence

from probes.words import printable
from runner.report.blocks import Cell, Column, Paragraph, Tone
from tracking.figures import MISSING, show

LONGEST_TEXT = 400
"""Characters of a foreign text that are shown; the rest is in the ledger."""


def text_cell(text: str, tone: Tone = "plain") -> Cell:
    """Return a cell; an empty text is missing."""
    return Cell(text or MISSING, tone)


def foreign_cell(text: str) -> Cell:
    """Return a cell with text that a model or a data file wrote, on one line and at a readable length."""
    return Cell(one_line(text) or MISSING, is_foreign=True)


def one_line(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text` without line ends and control characters, cut with an ellipsis that says how much there was."""
    cut = text[: 4 * longest]
    plain = " ".join(printable(cut).split())
    if len(text) <= longest:
        return plain
    return f"{plain[:longest].rstrip()}… ({show(len(text), 'count')} characters)"


def many_lines(text: str) -> str:
    """Return `text` with its line ends, without control characters and marks that turn the direction of others."""
    return "\n".join(printable(line).rstrip() for line in text.splitlines()).strip("\n")


def foreign_paragraph(text: str, longest: int = LONGEST_TEXT) -> Paragraph:
    """Return a paragraph that a model wrote."""
    return Paragraph(one_line(text, longest), is_foreign=True)


def listed(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def number_columns(*titles: str) -> tuple[Column, ...]:
    """Return number columns."""
    return tuple(Column(title, is_number=True) for title in titles)


def text_columns(*titles: str) -> tuple[Column, ...]:
    """Return text columns."""
    return tuple(Column(title) for title in titles)
