"""How nights side by side are shown on a terminal: a column for each night, folded where it is narrow."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from probes.comparability import CURES
from runner.nights.compare import Comparison, Row, guard_rows, recipe_rows, result_rows, setting_rows
from runner.report.texts import one_line
from runner.tables import View


def compare_view(comparison: Comparison) -> View:
    """Return every section that has rows, and whether the nights' scores may be compared."""
    names = [night.name for night in comparison.nights]
    view: View = [*comparability_lines(comparison), ""]
    sections: tuple[tuple[str, Sequence[Row]], ...] = (
        ("result", result_rows(comparison)),
        ("guards", guard_rows(comparison)),
        ("recipe", recipe_rows(comparison)),
        ("set otherwise", setting_rows(comparison)),
    )
    for title, rows in sections:
        if rows:
            view += [_table(title, names, rows), ""]
    return view[:-1]


def comparability_lines(comparison: Comparison) -> list[str]:
    """Return one line per night whose scores cannot be held against the first one's, or that all of them can."""
    first = comparison.nights[0].name
    lines: list[str] = []
    for night, found in zip(comparison.nights, comparison.differences, strict=True):
        if found:
            cures = dict.fromkeys(CURES.get(each.name, f"use the same {each.name} for both") for each in found)
            lines.append(
                f"warning: scores of {night.name} cannot be compared with those of {first}: "
                f"{'; '.join(str(each) for each in found)}. For another time: {'; '.join(cures)}."
            )
    return lines or ["Scores can be compared: the nights measured under equal conditions."]


def _table(title: str, names: Sequence[str], rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, overflow="fold")
    for name in names:
        table.add_column(one_line(name), overflow="fold", ratio=1)
    for label, cells in rows:
        table.add_row(one_line(label), *(one_line(cell) for cell in cells))
    return table
