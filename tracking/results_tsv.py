"""`results.tsv`: one row per finished probe, for `column -t`, a spreadsheet or pandas; invalidated ones say so.

The file is replaced as a whole, because a verdict is known only after its probes; in a long night not at every event,
so that a probe costs the same at its beginning and at its end. Missing is an empty cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tracking import events as ev
from tracking.atomic import replace_text
from tracking.night import NightRecord
from tracking.probe_table import Cell, category_columns, columns, measured_cells, probe_judgement

ROWS_PER_WRITE = 50
"""The file lags by one event for each so many rows, and by none before that; the end of a stretch writes the rest."""
_OTHER_LINE_ENDS: dict[int, str] = dict.fromkeys((0, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029), " ")


class ResultsTable:
    """A ledger observer that keeps `results.tsv` in step with the night."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._night = NightRecord()
        self._rows: dict[int, dict[str, Cell]] = {}
        self._unwritten = 0
        """Events that would change the file, since it was last written."""

    def __call__(self, event: ev.Event) -> None:
        """Take an event; rewrite the file when a probe ended or a verdict fell, at the latest when the night stops.

        Raises:
            LedgerError: the folder cannot be written.
        """
        self.take(event)
        self._unwritten += isinstance(event, ev.ProbeFinished | ev.CandidateDecided)
        is_due = self._unwritten > len(self._rows) // ROWS_PER_WRITE
        if is_due or isinstance(event, ev.SessionStopped):
            self.write()

    def take(self, event: ev.Event) -> None:
        """Take an event of an earlier stretch of the night without writing."""
        self._night.apply(event)
        if isinstance(event, ev.ProbeFinished):
            self._rows[event.plan.number] = measured_cells(self._night, self._night.probes[-1])

    def write(self) -> None:
        """Replace the file by what is known now."""
        replace_text(self.path, _table(self._night, self._rows))
        self._unwritten = 0


def results_text(night: NightRecord) -> str:
    """Return the table of a whole night."""
    return _table(night, {probe.plan.number: measured_cells(night, probe) for probe in night.ended})


def _table(night: NightRecord, rows: Mapping[int, Mapping[str, Cell]]) -> str:
    categories = category_columns(night)
    names = columns(categories.values())
    lines = ["\t".join(show_cell(name) for name in names)]
    for probe in night.ended:
        row = rows[probe.plan.number]
        scores = {column: row.get(f"score:{name}") for name, column in categories.items()}
        cells = {**row, **scores, **probe_judgement(night, probe.plan), "target": probe.metric(night.target)}
        mark = night.marked.get(probe.plan.number)
        if mark is not None:
            cells["message"] = "; ".join(part for part in (f"invalidated {mark.words}", probe.outcome.message) if part)
        lines.append("\t".join(show_cell(cells.get(name)) for name in names))
    return "\n".join(lines) + "\n"


def show_cell(value: Cell) -> str:
    """Return a cell as text: six digits, empty when missing; tabs and line ends are escaped, quotes as in CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
    text = text.translate(_OTHER_LINE_ENDS)
    return '"' + text.replace('"', '""') + '"' if '"' in text else text
