"""`make conformance DATA=folder`: our scorers, parsers and sandbox on other people's cases.

    python -m runner.bench.conformance --data DIR [--only SUITE]... [--out FILE]

Prints a table and writes `conformance.json`, a list of rows. Exit code 1 when a suite misses its bar, 2 when the folder
or a suite's name is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from probes.errors import NightlabError
from runner.bench.conformance.row import Row
from runner.bench.conformance.suites import SUITES
from runner.tables import show_view


def conformance_table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table."""
    table = Table("suite", "passed", "total", "bar", "met", "seconds", "note")
    for row in rows:
        bar = f"≥ {row.required}" if row.allowed is None else f"≤ {row.allowed}"
        met = "yes" if row.is_met else "NO"
        table.add_row(row.suite, str(row.passed), str(row.total), bar, met, f"{row.seconds:.1f}", row.note)
    return table


def main(
    data: Annotated[Path, typer.Option(help="Folder of cases, with `json_test_suite` and the others in it.")],
    only: Annotated[list[str] | None, typer.Option(help="Suite to run; all by default.")] = None,
    out: Annotated[Path, typer.Option(help="File of the rows.")] = Path("results/bench/conformance.json"),
) -> None:
    """Run suites, print and write their rows."""
    unknown = [name for name in only or () if name not in SUITES]
    if unknown:
        raise typer.BadParameter(f"no suite is called {unknown[0]!r}; there are {', '.join(SUITES)}")
    try:
        rows = [row for name in only or SUITES for row in SUITES[name](data)]
    except NightlabError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(error.exit_code) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([row.model_dump(mode="json") for row in rows], indent=1, ensure_ascii=False)
    out.write_text(text + "\n", encoding="utf-8")
    show_view([conformance_table(rows), f"{out}: {len(rows)} rows"])
    if not all(row.is_met for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
