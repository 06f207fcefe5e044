"""Reads other tools' results as a plain table of text cells: TSV, CSV, JSON lines. Nothing is interpreted here."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from probes.errors import DataError
from runner.audit.words import plain

LARGEST_BYTES = 256 * 1024 * 1024
LONGEST_NAME = 200
JSON_LINES = {".jsonl", ".ndjson"}
_NOT_AVAILABLE = frozenset({"", "n/a", "na", "-", "–", "—", "none", "null"})
"""Cells that stand for a missing number; it stays missing, whatever other columns hold."""
_SQLITE = b"SQLite format 3"


@dataclass(frozen=True)
class Table:
    """Rows of text; a missing cell is the empty text."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    lines: tuple[int, ...]
    """Line of the file on which each row stands, for messages."""

    def values(self, column: str) -> list[str]:
        """Return a column, top to bottom."""
        return [row[column] for row in self.rows]

    def numbers(self, column: str) -> list[float | None] | None:
        """Return a column as numbers, None for a missing cell; None when a cell is something else."""
        found: list[float | None] = []
        for cell in self.values(column):
            try:
                found.append(number_of(cell))
            except ValueError:
                return None
        return found if any(value is not None for value in found) else None


def number_of(cell: str) -> float | None:
    """Return a cell as a number, None where there is none: empty, or written as N/A or a dash.

    Raises:
        ValueError: it is something else.
    """
    return None if cell.casefold() in _NOT_AVAILABLE else float(cell)


def read_table(path: Path) -> Table:
    """Read a table by its ending: JSON lines for `.jsonl`, commas for `.csv`, tabs otherwise.

    Raises:
        DataError: it cannot be read, is no table, or has no rows.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise DataError(f"`{path}` is larger than {LARGEST_BYTES >> 20} MiB; cut it to the rows to be audited")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}; name a results file or session folder") from error
    except UnicodeDecodeError as error:
        cure = "name a TSV, CSV or JSON lines file"
        if _starts_with(path, _SQLITE):
            cure = f"an MLflow store is read with `--mlflow-uri sqlite:///{path}` and `--experiment`"
        raise DataError(f"`{path}` is not UTF-8 text (byte {error.start}); {cure}") from error
    if path.suffix.lower() in JSON_LINES:
        return _json_lines(path, text)
    return _separated(path, text, "," if path.suffix.lower() == ".csv" else "\t")


def _starts_with(path: Path, signs: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(signs)) == signs


def table_of(name: str, rows: list[dict[str, str]]) -> Table:
    """Return rows with differing columns as one table; columns in order of first appearance."""
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    return Table(
        name, columns, tuple({c: row.get(c, "") for c in columns} for row in rows), tuple(range(1, len(rows) + 1))
    )


def _separated(path: Path, text: str, separator: str) -> Table:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if len(lines) < 2:
        raise DataError(f"`{path}` has no rows: a header and at least one row are needed")
    # Descriptions of keep-or-discard loops hold bare quotes, so that only CSV is read with quoting.
    quoting = csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
    reader = csv.reader([line for _, line in lines], delimiter=separator, quoting=quoting)
    columns = tuple(plain(name.strip(), LONGEST_NAME) for name in next(reader))
    if len(columns) < 2 or len(set(columns)) < len(columns) or not all(columns):
        raise DataError(
            f"`{path}` line {lines[0][0]} is no header of distinct column names: {', '.join(columns)[:200]!r}; "
            "columns are separated by tabs (by commas in .csv)"
        )
    rows: list[Mapping[str, str]] = []
    numbers: list[int] = []
    for row in reader:
        number = lines[reader.line_num - 1][0]
        if len(row) > len(columns):
            raise DataError(f"`{path}` line {number} has {len(row)} cells, the header {len(columns)}; mend that line")
        rows.append({name: cell.strip() for name, cell in zip(columns, row + [""] * len(columns), strict=False)})
        numbers.append(number)
    return Table(path.name, columns, tuple(rows), tuple(numbers))


def _json_lines(path: Path, text: str) -> Table:
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"`{path}` line {number} is not JSON ({error}); mend or remove that line") from error
        if not isinstance(value, dict):
            raise DataError(f"`{path}` line {number} is not a JSON object; one run is one object per line")
        rows.append(flat(cast("dict[str, Any]", value)))
        numbers.append(number)
    if not rows:
        raise DataError(f"`{path}` has no rows: one JSON object per run and line is needed")
    table = table_of(path.name, rows)
    return Table(table.name, table.columns, table.rows, tuple(numbers))


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as `a.b` → text; null is empty, a list its JSON."""
    cells: dict[str, str] = {}
    for raw, item in value.items():
        key = plain(raw, LONGEST_NAME)
        if isinstance(item, dict):
            cells |= flat(cast("dict[str, Any]", item), f"{prefix}{key}.")
        elif item is None or isinstance(item, str):
            cells[f"{prefix}{key}"] = item or ""
        else:
            cells[f"{prefix}{key}"] = json.dumps(item, ensure_ascii=False)
    return cells
