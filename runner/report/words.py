"""A language model's paragraph about the night: what it is asked, and which of what it says may be shown.

Nothing it writes is believed. A paragraph with a figure that the report has not itself computed from the ledger is
dropped as a whole, and the report says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from probes.language_models.model import Ask, Turn
from runner.report.blocks import (
    Block,
    Forest,
    Paragraph,
    Section,
    Shares,
    Table,
)
from runner.report.findings import REASONS, candidates_section, claim_section
from runner.report.handles import handles, hide, reveal
from runner.report.journal import data_bottlenecks
from runner.report.negatives import negatives_section
from runner.report.texts import foreign_paragraph, listed, one_line
from runner.report.tomorrow import advice, tomorrow_section
from tracking.figures import show
from tracking.headline import headline, taken_in_words
from tracking.night import NightRecord

LONGEST = 2000
"""Characters of a paragraph; a longer one is dropped."""
MOST_NAMED = 5
SYSTEM = (
    "You write one paragraph of three to five plain sentences for people who will decide what to do with the result "
    "of a night of experiments. You are given its report. Say what was found, how sure it is, what was paid for it in "
    "other categories, and what comes next. Use only figures that stand in the report, written exactly as there, in "
    "digits; compute none, round none. No heading, no list, no markup, no praise."
)
_FIGURE = re.compile(r"(?<![\w.])[+−-]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?!\w)")
_NAMED = re.compile(r"[^\W\d_]+\d+|\d+[^\W\d_]+|#\d+", re.UNICODE)
"""Numbers that are part of a name: c09, 8B, #12."""
_WORDS = {
    word: Decimal(value)
    for value, words in {
        2: "two twice double doubled", 3: "three thrice triple third", 4: "four quarter fourth", 5: "five fifth",
        6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven", 12: "twelve dozen", 13: "thirteen",
        14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty",
        30: "thirty", 40: "forty", 50: "fifty half", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety",
        100: "hundred", 1000: "thousand", 1000000: "million",
    }.items()
    for word in words.split()
}  # fmt: skip


def question(night: NightRecord, max_tokens: int) -> Ask:
    """Return what the model is asked: the report's own findings, without a word of any proposer or of the data."""
    given = tomorrow_section(advice(night, data_bottlenecks(night)))
    sections = [claim_section(night), given, candidates_section(night), negatives_section(night)]
    lines = [headline(night), taken_in_words(night)]
    for section in sections:
        if section is not None:
            own = (block for block in section.blocks if not (isinstance(block, Table) and block.caption == REASONS))
            lines += ["", section.title, *(line for block in own for line in _told(block))]
    return Ask(system=SYSTEM, turns=(Turn("user", hide("\n".join(lines), handles(night))),), max_tokens=max_tokens)


def words_section(night: NightRecord, sections: Iterable[Section], top: Iterable[str]) -> Section | None:
    """Return the paragraph, or why it was dropped; None where no model was asked.

    Args:
        night: the replayed ledger.
        sections: the rest of the report, computed from the ledger.
        top: its headline and what stands beside it.
    """
    written = night.summary
    if written is None:
        return None
    title, who = "In a language model's words", one_line(written.model, 80)
    if not written.text:
        return Section("words", title, (Paragraph(f"{who} wrote no summary: {one_line(written.reason).rstrip('.')}."),))
    unknown = unknown_figures(written.text, known_figures(sections, top))
    if unknown:
        few = listed([f"“{figure}”" for figure in unknown[:MOST_NAMED]])
        more = f" and {show(len(unknown) - MOST_NAMED, 'count')} more" if len(unknown) > MOST_NAMED else ""
        text = f"{who} wrote a summary, and it was dropped: the ledger holds no {few}{more}."
        return Section("words", title, (Paragraph(text),))
    if len(written.text) > LONGEST:
        text = f"{who} wrote a summary of {show(len(written.text), 'count')} characters, and it was dropped for that."
        return Section("words", title, (Paragraph(text),))
    note = f"Written by {who}. Each of its figures stands in this report; what it makes of them is its own."
    return Section("words", title, (foreign_paragraph(reveal(written.text, handles(night)), LONGEST), Paragraph(note)))


def unknown_figures(text: str, known: frozenset[Decimal]) -> list[str]:
    """Return the figures of `text` that are not known, in order; number words and signs such as ½ are figures too.

    A figure without a sign stands for either sign, as in “fell by 0.22”.
    """
    unknown: list[str] = []
    plain = _NAMED.sub(" ", text)
    for match in _FIGURE.finditer(plain):
        value = _value(match.group())
        if value not in known and (match.group()[0] in "+−-" or -value not in known):
            unknown.append(match.group())
    for word in re.findall(r"[^\W\d_]+", plain):
        value = _WORDS.get(word.lower())
        if value is not None and value not in known:
            unknown.append(word)
    return unknown + [sign for sign in text if sign.isnumeric() and not sign.isdecimal()]


def known_figures(sections: Iterable[Section], top: Iterable[str]) -> frozenset[Decimal]:
    """Return the figures that the report computed, those in text that others wrote left out."""
    texts = [*top, *(line for section in sections for block in section.blocks for line in _told(block, own=True))]
    return frozenset(_value(match.group()) for text in texts for match in _FIGURE.finditer(_NAMED.sub(" ", text)))


def _value(figure: str) -> Decimal:
    return Decimal(figure.replace("−", "-").replace(",", "").lstrip("+")).normalize()


def _told(block: Block, own: bool = False) -> Iterator[str]:
    """Yield the lines of a block as plain text; with `own` without cells that a model or a data file wrote."""
    match block:
        case Paragraph():
            if not (own and block.is_foreign):
                yield block.text
        case Table():
            yield block.caption
            yield " | ".join(column.title for column in block.columns)
            for row in block.rows:
                yield " | ".join(cell.text for cell in row if not (own and cell.is_foreign))
            yield block.note
        case Forest():
            yield from (f"{row.label}: {row.shown}" for row in block.rows)
        case Shares():
            yield from (f"{part.label} {part.shown}" for part in block.parts)
        case _:
            return
