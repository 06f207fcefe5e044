"""The report as Markdown that reads well raw, in a terminal, and rendered. Foreign text stays text.

Charts have no Markdown form; the tables beneath them hold the same figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.report.blocks import (
    AnswerPairs,
    Block,
    Column,
    Commands,
    Forest,
    KnobCharts,
    Paragraph,
    Report,
    ScoreChart,
    Shares,
    Table,
)
from runner.report.texts import one_line

_SPECIAL = re.compile(
    r"[\\`*|~&\[\]_]|<(?=[A-Za-z/!?])|://|\bwww\.|^(?:>|[-+](?=\s|$)|-(?=--)|#(?=#*(?:\s|$))|\d+[.)](?=\s|$))"
)
_INTERVAL = re.compile(r"\[[+−]?[\d.]+, [+−]?[\d.]+\](?![(\[:])")


def to_markdown(report: Report, generated: str) -> str:
    """Return the report; `generated` becomes its last line, the only one that differs between two rebuilds."""
    lines = [f"# {escape(report.title)}", "", f"**{escape(report.headline)}**", ""]
    lines += [line for sentence in report.lede for line in (escape(sentence), "")]
    lines += [f"- {escape(label)}: {escape(value)}" for label, value in report.facts]
    if report.beside:
        lines += ["", "Beside this page: " + ", ".join(f"[{escape(words)}]({file})" for words, file in report.beside)]
    for section in report.sections:
        lines += ["", f"## {escape(section.title)}"]
        for block in section.blocks:
            lines += _block(block)
    lines += ["", f"_{escape(generated)}_", ""]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Return `text` so that Markdown shows it as it is; underscores inside words and intervals need nothing."""
    parts: list[str] = []
    place = 0
    for interval in _INTERVAL.finditer(text):
        parts += [_escape_part(text, place, interval.start()), interval.group()]
        place = interval.end()
    return "".join([*parts, _escape_part(text, place, len(text))])


def _escape_part(text: str, start: int, end: int) -> str:
    part = " ".join(text.splitlines())[start:end] if "\n" in text or "\r" in text else text[start:end]

    def safe(match: re.Match[str]) -> str:
        found = match.group()
        if found == "_":
            around = part[match.start() - 1 : match.start()] + part[match.end() : match.end() + 1]
            return "_" if len(around) == 2 and around.isalnum() else "\\_"
        if found == "://":
            return r"\://"
        if found.lower() == "www.":
            return rf"{found[:-1]}\."
        if match.start() == 0 and start > 0 and found not in "\\`*<>|~&[]":
            return found
        return f"{found[:-1]}\\{found[-1]}" if len(found) > 1 else f"\\{found}"

    return _SPECIAL.sub(safe, part)


def _block(block: Block) -> list[str]:
    match block:
        case Paragraph():
            return ["", escape(block.text)]
        case Commands():
            return ["", "```", *block.lines, "```"]
        case Table():
            return _table(block)
        case Forest():
            rows = [(row.label, row.shown) for row in block.rows]
            return ["", f"**{escape(block.caption)}**", "", *_grid((Column("Change"), Column("Effect", True)), rows)]
        case Shares():
            parts = ", ".join(f"{part.label} {part.shown}" for part in block.parts)
            return ["", escape(f"{block.caption}: {parts}.")]
        case AnswerPairs():
            return _answers(block)
        case KnobCharts():
            return ["", f"_Charts in report.html: {escape(block.caption)}_"]
        case ScoreChart():
            return ["", f"_Chart in report.html: {escape(block.caption)}_"]


def _answers(block: AnswerPairs) -> list[str]:
    """Return the items one after the other; an answer is a quotation of one line."""
    lines = ["", f"**{escape(block.caption)}**"]
    for pair in block.pairs:
        lines += ["", f"{escape(one_line(pair.item))}: {escape(pair.category)}, {escape(pair.moved)}"]
        lines += ["", f"- Asked: {escape(one_line(pair.prompt))}"]
        lines += [f"- {escape(answer.title)}: {escape(one_line(answer.text))}" for answer in pair.answers]
    return lines


def _table(table: Table) -> list[str]:
    rows = [tuple(cell.text for cell in row) for row in table.rows]
    lines = ["", f"**{escape(table.caption)}**", "", *_grid(table.columns, rows)]
    return [*lines, "", escape(table.note)] if table.note else lines


def _grid(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[escape(column.title) for column in columns], *([escape(text) for text in row] for row in rows)]
    widths = [max(3, *(len(row[index]) for row in cells)) for index in range(len(columns))]
    widths = [min(width, 60) for width in widths]

    def line(row: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if column.is_number else text.ljust(width)
            for text, width, column in zip(row, widths, columns, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = (
        "-" * (width - 1) + ":" if column.is_number else "-" * width
        for width, column in zip(widths, columns, strict=True)
    )
    return [line(cells[0]), f"| {' | '.join(rule)} |", *(line(row) for row in cells[1:])]
