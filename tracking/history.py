"""The polars view of a night: one row per finished probe, one row per candidate. For analysis, not for decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tracking.ledger import read_events
from tracking.night import NightRecord
from tracking.probe_table import category_columns, columns, constraint_ok, measured_cells, probe_judgement

_INTEGERS = {"probe", "seed", "steps", "critical_failures", "block", "replicate", "attempt", "replicates"}
_BOOLEANS = {"constraint_ok", "accepted"}
_TEXTS = {
    "commit", "time", "lane", "knob", "change", "verdict", "decision", "status", "phase", "arm", "candidate", "changes",
    "split", "key", "message", "before", "after", "proposer", "reason", "rationale",
}  # fmt: skip


def read_night(ledger: str | Path) -> NightRecord:
    """Return the night that a ledger tells, also while it runs.

    Raises:
        LedgerError: there is no ledger, or a line in it is not an event.
    """
    return NightRecord.replay(read_events(Path(ledger)))


def probe_frame(night: NightRecord) -> pl.DataFrame:
    """Return one row per finished probe, in the order in which they ended; every category is a column.

    Scores are 0 … 10, times in seconds; what is not known is null.
    """
    categories = category_columns(night)
    rows: list[dict[str, Any]] = []
    for probe in night.probes:
        cells = measured_cells(night, probe)
        scores = {column: cells.get(f"score:{name}") for name, column in categories.items()}
        judged = probe_judgement(night, probe.plan)
        rows.append({**cells, **scores, **judged, "target": probe.metric(night.target)})
    return _frame(rows, columns(categories.values()))


def candidate_frame(night: NightRecord) -> pl.DataFrame:
    """Return one row per candidate in the order of proposal, with the referee's latest reading.

    `effect`, `low` and `high` are points of the target metric; null before the first reading.
    """
    names = (
        "candidate", "lane", "knob", "before", "after", "change", "proposer", "replicates", "effect", "low", "high",
        "better_probability", "worthwhile_probability", "verdict", "decision", "constraint_ok", "accepted", "reason",
        "rationale",
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for candidate in night.candidates.values():
        change, reading = candidate.change, night.reading(candidate.id)
        row: dict[str, Any] = {
            "candidate": candidate.id,
            "lane": change.lane,
            "knob": change.knob,
            "before": None if change.before is None else str(change.before),
            "after": str(change.after),
            "change": str(change),
            "proposer": candidate.proposer,
            "accepted": candidate.id in night.accepted,
            "rationale": candidate.rationale or None,
            "replicates": 0,
        }
        if reading is not None:
            row |= reading.model_dump(exclude={"interval", "guards"})
            row |= {"low": reading.interval.low, "high": reading.interval.high, "constraint_ok": constraint_ok(reading)}
        rows.append(row)
    return _frame(rows, names)


def _frame(rows: list[dict[str, Any]], names: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        [[row.get(name) for row in rows] for name in names], schema={name: _type(name) for name in names}, orient="col"
    )


def _type(name: str) -> type[pl.DataType]:
    if name in _INTEGERS:
        return pl.Int64
    if name in _BOOLEANS:
        return pl.Boolean
    return pl.String if name in _TEXTS else pl.Float64
