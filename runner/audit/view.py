"""An audit for people: a table of wins, the faults of the rule, the notes, one sentence."""

from __future__ import annotations

from rich.table import Table

from probes.statistics.audit import Win
from runner.audit.audit import Audit
from runner.audit.words import number
from runner.tables import View, plain_table
from tracking.figures import MISSING, show, show_count, show_interval


def audit_view(audit: Audit) -> View:
    """Return an audit from top to bottom; every foreign text in it has been made plain before."""
    scored = f"{audit.missing} without a score" if audit.missing else "all scored"
    view: View = [
        f"{audit.source}: {show_count(audit.rows, 'row')}, {scored}, {show_count(audit.tries, 'change')} compared, "
        f"{audit.kept} kept"
    ]
    if audit.wins:
        view += ["", _wins(audit)]
    if audit.faults:
        view += ["", *(f"fault, {fault.kind}: {fault.text}" for fault in audit.faults)]
    return [*view, "", *audit.notes, "", audit.sentence]


def _wins(audit: Audit) -> Table:
    """Return the judged wins, the last kept state against the first below them."""
    wins = (*audit.wins, *((audit.in_all,) if audit.in_all else ()))
    columns = {"kept": [win.label for win in wins]}
    columns["gain"] = [number(win.gain, audit.digits, signed=True) for win in wins]
    if audit.noise.sd is not None:
        columns["90 % interval"] = [_interval(win, audit.digits) for win in wins]
        columns["p"] = [show(win.p_value, "p_value") for win in wins]
        columns["runs a side to know"] = [_runs(win) for win in wins]
    else:
        columns["would need noise below"] = [number(win.largest_noise) for win in wins]
    columns["verdict"] = [win.verdict for win in wins]
    table = plain_table(tuple(columns))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
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
