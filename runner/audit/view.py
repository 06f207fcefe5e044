"""An audit for people: a table of wins, the faults of the rule, the notes, one sentence."""

from __future__ import annotations

from rich.table import Table

from probes.statistics.audit import Win
from runner.audit.audit import Audit
from runner.audit.words import number
from runner.tables import View
from tracking.figures import MISSING, show, show_interval


def audit_view(audit: Audit) -> View:
    """Return an audit from top to bottom; every foreign text in it has been made plain before."""
    view: View = [f"{audit.source}: {audit.rows} rows, {audit.missing} without a score, {audit.tries} compared, "
                  f"{audit.kept} kept"]  # fmt: skip
    if audit.wins:
        view += ["", _wins(audit)]
    if audit.faults:
        view += ["", *(f"fault, {fault.kind}: {fault.text}" for fault in audit.faults)]
    return [*view, "", *audit.notes, "", audit.sentence]


def _wins(audit: Audit) -> Table:
    is_known = audit.noise.sd is not None
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("kept", overflow="ellipsis", max_width=48, no_wrap=True)
    table.add_column("gain", justify="right", no_wrap=True)
    if is_known:
        for name in ("90 % interval", "p", "runs a side"):
            table.add_column(name, justify="right", no_wrap=True)
    else:
        table.add_column("would need noise below", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for win in (*audit.wins, *((audit.in_all,) if audit.in_all else ())):
        gain = number(win.gain, audit.digits, signed=True)
        if is_known:
            cells = (_interval(win, audit.digits), show(win.p_value, "p_value"), _runs(win))
        else:
            cells = (number(win.largest_noise),)
        table.add_row(win.label, gain, *cells, win.verdict)
    return table


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
