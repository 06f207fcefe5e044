"""What each change did to each category, as a table whose cells are tinted by how much of the margin they took."""

from __future__ import annotations

from probes.candidate import Candidate
from probes.statistics.verdicts import CandidateReading, GuardReading, GuardState
from runner.report.blocks import Block, Cell, Column, Table, Tone
from runner.report.texts import foreign_cell, number_columns, one_line
from tracking.figures import MISSING, show
from tracking.headline import change_in_words
from tracking.night import NightRecord

MARKS: dict[GuardState, tuple[str, Tone]] = {
    "safe": ("", "plain"),
    "harmful": (" ▼", "bad"),
    "unresolved": (" ?", "open"),
}
MOST_ROWS = 120
"""Changes in the table, those that moved a category most; all are in `summary.json`."""


def heat_map(night: NightRecord) -> list[Block]:
    """Return target and guards by change, the changes of one knob side by side; nothing before a guard was read."""
    read = [
        (candidate, reading)
        for name, candidate in night.candidates.items()
        if (reading := night.reading(name)) is not None and reading.guards
    ]
    if not read:
        return []
    shown = sorted(read, key=lambda pair: -_largest(pair[1]))[:MOST_ROWS]
    shown.sort(key=lambda pair: _by_knob(pair[0]))
    guards = sorted({guard for _, reading in shown for guard in reading.guards})
    scale = max(guard.margin for _, reading in shown for guard in reading.guards.values())
    rows = tuple(_row(candidate, reading, guards, scale) for candidate, reading in shown)
    note = (
        "A figure is the effect of the change by itself. ▼ likely falls beyond its margin, by itself or, in brackets, "
        "together with all that was accepted; ? not resolved; otherwise safe. The tint is the figure over the margin: "
        f"blue up, orange down, full at the margin, for the target at {show(scale, 'margin')} points."
    )
    if len(read) > len(shown):
        note += f" The {show(len(shown), 'count')} that moved most of {show(len(read), 'count')}."
    columns = (Column("Change"), *number_columns(night.target, *guards))
    return [Table("What each change did to each category", columns, rows, note)]


def _row(candidate: Candidate, reading: CandidateReading, guards: list[str], scale: float) -> tuple[Cell, ...]:
    effect = reading.effect
    target = Cell(show(effect, "effect"), "strong", heat=None if effect is None else _clipped(effect / scale))
    cells = (_guard_cell(reading.guards.get(guard)) for guard in guards)
    return (foreign_cell(one_line(change_in_words(candidate.change), 80)), target, *cells)


def _guard_cell(guard: GuardReading | None) -> Cell:
    if guard is None or guard.effect is None:
        return Cell(MISSING, "muted")
    mark, tone = MARKS[guard.state]
    together = f" ({show(guard.total, 'effect')})" if mark and _is_worse_together(guard) else ""
    return Cell(show(guard.effect, "effect") + together + mark, tone, heat=_clipped(guard.effect / guard.margin))


def _is_worse_together(guard: GuardReading) -> bool:
    return guard.total is not None and guard.effect is not None and guard.total < guard.effect


def _clipped(share: float) -> float:
    return max(-1.0, min(1.0, share))


def _largest(reading: CandidateReading) -> float:
    effects = [reading.effect, *(guard.effect for guard in reading.guards.values())]
    return max((abs(effect) for effect in effects if effect is not None), default=0.0)


def _by_knob(candidate: Candidate) -> tuple[str, str, float, str]:
    change = candidate.change
    number = float(change.after) if isinstance(change.after, int | float) else 0.0
    return (change.lane, change.knob, number, str(change.after))
