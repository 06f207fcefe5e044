"""Faults in a loop's own rule that show in the columns it wrote, whatever their values are.

Each is derived from structure: a constraint that never held, a guard that reads the same whatever was run, a reference
that no run of the file could have produced, a crash logged as a score.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from probes.frozen import Frozen
from probes.statistics.audit import Direction
from runner.audit.columns import Columns
from runner.audit.table import Table
from runner.audit.words import listed, number
from tracking.figures import show_count

LEAST_ROWS = 3
"""Fewer rows show no pattern."""
CONSTANT_SHARE = 0.6
"""Share of rows on which a guard must read the same to be called constant."""
_GUARD = re.compile(r"regress|guard|worst|violation|max_drop|largest_drop", re.IGNORECASE)
_CONSTRAINT = re.compile(r"constraint|guards?_ok|_ok$|feasible|passed|admissible", re.IGNORECASE)


class Fault(Frozen):
    """One thing that is wrong with the rule, or with what it was fed."""

    kind: str
    """`constraint never met`, `constant guard`, `foreign reference`, `crash as score`, `mixed budgets`."""
    text: str
    short: str
    """The same in a few words, for the sentence."""
    blocks: bool = False
    """Whether it alone keeps every run from being accepted."""

    @property
    def explains(self) -> bool:
        """Whether it is a reason why nothing was accepted, alone or with others; a crash taken as a score is none."""
        return self.kind != "crash as score"


def find_faults(
    table: Table, columns: Columns, values: Sequence[float | None], zeros: Sequence[int]
) -> tuple[Fault, ...]:
    """Return the faults of a table, the ones that block everything first.

    Args:
        table: The rows.
        columns: Their roles.
        values: The metric with crashes missing.
        zeros: Lines on which a crash was logged as 0.
    """
    scored = [row for row, value in enumerate(values) if value is not None]
    found = [*_constraints(table), *_constant_guards(table, values, scored)]
    found += _foreign_references(table, columns, values, scored)
    if zeros:
        found.append(
            Fault(
                kind="crash as score",
                text=f"`{columns.metric}` is exactly 0 on line {listed([str(line) for line in zeros])}, far from every "
                "other score: a crash logged as a score, taken as missing here",
                short=f"{show_count(len(zeros), 'crash was', 'crashes were')} logged as a score of 0",
            )
        )
    return tuple(sorted(found, key=lambda fault: not fault.blocks))


def _constraints(table: Table) -> list[Fault]:
    faults: list[Fault] = []
    for name in table.columns:
        cells = [cell.lower() for cell in table.values(name) if cell]
        if _CONSTRAINT.search(name) and len(cells) >= LEAST_ROWS and set(cells) <= {"false", "0", "no"}:
            faults.append(
                Fault(
                    kind="constraint never met",
                    text=f"`{name}` is false on every row ({len(cells)} of {len(cells)}): nothing was ever admissible",
                    short=f"`{name}` is false on all {len(cells)} rows",
                    blocks=True,
                )
            )
    return faults


def _constant_guards(table: Table, values: Sequence[float | None], scored: Sequence[int]) -> list[Fault]:
    """Return guards that read one bad value on most rows although the metric moved: they measure no run."""
    faults: list[Fault] = []
    moved = {values[row] for row in scored}
    known = [value for value in moved if value is not None]
    spread = max(known, default=0.0) - min(known, default=0.0)
    for name in table.columns:
        numbers = table.numbers(name) if _GUARD.search(name) else None
        cells = [cell for row in scored if numbers and (cell := numbers[row]) is not None]
        if len(cells) < LEAST_ROWS:
            continue
        value, count = Counter(cells).most_common(1)[0]
        if count < max(LEAST_ROWS, CONSTANT_SHARE * len(cells)) or len(moved) < LEAST_ROWS or abs(value) <= spread:
            continue
        faults.append(
            Fault(
                kind="constant guard",
                text=f"`{name}` reads {number(value)} on {count} of {len(cells)} scored rows whatever was run, more "
                "than the metric ever moved: a floor, as when a guard category has no items (or no scored answer) and "
                "always loses the baseline's whole score, so that no recipe can pass it",
                short=f"`{name}` reads {number(value)} whatever was run, as a guard with no items does",
                blocks=True,
            )
        )
    return faults


def _foreign_references(
    table: Table, columns: Columns, values: Sequence[float | None], scored: Sequence[int]
) -> list[Fault]:
    """Return delta columns against one fixed reference that lies beyond every run of the file."""
    name = next((c for c in table.columns if c in (f"{columns.metric}_delta", f"delta_{columns.metric}")), None)
    deltas = table.numbers(name) if name else None
    pairs = [(row, values[row], deltas[row]) for row in scored if deltas]
    known = [(row, value, delta) for row, value, delta in pairs if value is not None and delta is not None]
    if name is None or len(known) < LEAST_ROWS:
        return []
    references = [value - delta for _, value, delta in known]
    reference = median(references)
    if max(references) - min(references) > 1e-3 * max(1.0, abs(reference)):
        return []
    if any(delta * _sign(columns.direction) >= 0 for _, _, delta in known):
        return []
    text = (
        f"`{name}` is on the losing side on every scored row ({len(known)} of {len(known)}), against one fixed "
        f"reference of {number(reference)} that no run in this file reached or re-measured"
    )
    short = f"`{name}` is on the losing side on all {len(known)} scored rows against a fixed {number(reference)}"
    budgets = _budgets(table, columns, [row for row, _, _ in known])
    if budgets:
        text += (
            f"; the same reference is used for {budgets}, so it cannot have the budget of all of them: probes are held "
            "against a number from another (production) run, not against a baseline probe"
        )
        short += f" that serves {budgets} (a production run's number, not a baseline probe's)"
    else:
        text += ": probably of another step budget than these probes"
        short += " that no run of the file reached"
    return [Fault(kind="foreign reference", text=text, short=short)]


def _budgets(table: Table, columns: Columns, rows: Sequence[int]) -> str:
    """Return `steps 100 and 200` for the first condition column that takes several values on `rows`."""
    for name in sorted(columns.conditions, key=lambda name: "step" not in name):
        values = sorted({table.rows[row][name] for row in rows if table.rows[row][name]})
        if len(values) > 1:
            return f"`{name}` {listed(values)} alike"
    return ""


def _sign(direction: Direction) -> int:
    return 1 if direction == "max" else -1
