"""An audit for people: a table of wins, the faults of the rule, the notes, one sentence."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from probes.statistics.audit import Win
from runner.audit.audit import Audit
from runner.audit.words import cut, number
from runner.tables import View
from tracking.figures import MISSING, show, show_count, show_interval

GAP = 2
SHORTEST_LABEL, LONGEST_LABEL = 24, 60
"""Columns that the name of a win gets at least, as long as less important columns can give way, and at most."""
GIVES_WAY = ("90 % interval", "p")
"""Columns that a narrow terminal is not shown, the first one first; `--json` has everything."""


def audit_view(audit: Audit) -> View:
    """Return an audit from top to bottom; every foreign text in it has been made plain before."""
    scored = f"{audit.missing} without a score" if audit.missing else "all scored"
    view: View = [
        f"{audit.source}: {show_count(audit.rows, 'row')}, {scored}, {show_count(audit.tries, 'change')} compared, "
        f"{audit.kept} kept"
    ]
    if audit.wins:
        view += ["", WinsTable(audit)]
    if audit.faults:
        view += ["", *(f"fault, {fault.kind}: {fault.text}" for fault in audit.faults)]
    return [*view, "", *audit.notes, "", audit.sentence]


class WinsTable:
    """The judged wins, as many columns of them as the terminal is wide enough for; figures are never cut."""

    def __init__(self, audit: Audit) -> None:
        """Show the wins of `audit`."""
        wins = (*audit.wins, *((audit.in_all,) if audit.in_all else ()))
        self._labels = [win.label for win in wins]
        self._figures = {"gain": [number(win.gain, audit.digits, signed=True) for win in wins]}
        if audit.noise.sd is not None:
            self._figures["90 % interval"] = [_interval(win, audit.digits) for win in wins]
            self._figures["p"] = [show(win.p_value, "p_value") for win in wins]
            self._figures["runs a side to know"] = [_runs(win) for win in wins]
        else:
            self._figures["would need noise below"] = [number(win.largest_noise) for win in wins]
        self._figures["verdict"] = [win.verdict for win in wins]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table."""
        figures = dict(self._figures)
        for name in GIVES_WAY:
            if options.max_width - _width(figures) < SHORTEST_LABEL:
                figures.pop(name, None)
        longest = max(8, min(LONGEST_LABEL, options.max_width - _width(figures)))
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        table.add_column("kept", no_wrap=True)
        for name in figures:
            table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=True)
        for label, *cells in zip(self._labels, *figures.values(), strict=True):
            table.add_row(cut(label, longest), *cells)
        yield table


def _width(figures: dict[str, list[str]]) -> int:
    """Return the columns that the figures take, with the gaps before them."""
    return sum(GAP + max(len(name), *(len(cell) for cell in cells)) for name, cells in figures.items())


def _interval(win: Win, digits: int) -> str:
    low, high = win.interval.low, win.interval.high
    if low is None or high is None:
        return show_interval(None)
    return f"[{number(low, digits, signed=True)}, {number(high, digits, signed=True)}]"


def _runs(win: Win) -> str:
    if win.runs_a_side is None:
        return MISSING
    return f"{win.runs_a_side:,} ({_short(win.runs_a_side_low)}–{_short(win.runs_a_side_high)})"


def _short(count: int | None) -> str:
    """Return a count in at most five signs: 2, 350, 12k, 3M."""
    if count is None:
        return "?"
    for size, mark in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if count >= size:
            return f"{count / (1000 if mark == 'k' else size):,.0f}{mark}"
    return str(count)
