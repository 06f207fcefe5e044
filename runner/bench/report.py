"""`make bench-report`: what the morning report costs, for a usual night and for a very long one.

    python -m runner.bench.report [--probes N]... [--out DIR]

Ledgers are made up: baselines, single changes of many knobs with their readings, moves, a confirmation; every probe has
six categories of eight items with three answers each. Each report is then written by a fresh process as `nightlab
report` writes it - reading the ledger, `results.tsv`, `summary.json`, Markdown and HTML - and its time, with that of
the process's start, and its peak memory are taken. Prints a table and writes `report.json`, a list of rows.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from runner.bench.report_night import write_night
from runner.tables import show_view

LIMITS = {200: (3.0, 1.0), 10_000: (20.0, 1.0)}
"""Probes → seconds and GiB that a report may take."""


class Row(BaseModel):
    """One report."""

    model_config = ConfigDict(frozen=True)

    probes: int
    ledger_mib: float
    wall_s: float
    cpu_s: float
    peak_gib: float
    html_mib: float


def report_of(probes: int) -> Row:
    """Write the report of a night of so many probes in a process of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_night(folder / "ledger.jsonl", probes)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = perf_counter()
        command = (sys.executable, "-m", "runner.bench.report", "--one", str(folder))
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
        wall_s = perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        mib = 2**20
        return Row(
            probes=probes,
            ledger_mib=(folder / "ledger.jsonl").stat().st_size / mib,
            wall_s=wall_s,
            cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            peak_gib=float(done.stdout.strip().rsplit(maxsplit=1)[-1]) / mib,
            html_mib=(folder / "report.html").stat().st_size / mib,
        )


def table_of(rows: Sequence[Row]) -> Table:
    """Return a line per report."""
    table = Table("probes", "ledger, MiB", "wall, s", "CPU, s", "peak, GiB", "HTML, MiB", "limit")
    for row in rows:
        limit = LIMITS.get(row.probes)
        words = f"{limit[0]:g} s, {limit[1]:g} GiB" if limit else ""
        cells = (f"{row.wall_s:.1f}", f"{row.cpu_s:.1f}", f"{row.peak_gib:.2f}", f"{row.html_mib:.2f}", words)
        table.add_row(f"{row.probes:,}", f"{row.ledger_mib:.1f}", *cells)
    return table


def _peak_kib() -> int:
    """Return the most memory that this program has held; `ru_maxrss` would count what its parent held at the fork."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def main(
    probes: Annotated[list[int] | None, typer.Option(min=40, help="Probes of a night; repeatable.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
    one: Annotated[Path | None, typer.Option(help="Write the report of this folder and print the peak in KiB.")] = None,
) -> None:
    """Print and write the bench."""
    if one is not None:
        from runner.report.build import write_report

        write_report(one)
        print(_peak_kib())
        return
    rows = [report_of(count) for count in probes or sorted(LIMITS)]
    out.mkdir(parents=True, exist_ok=True)
    path = out / "report.json"
    path.write_text(json.dumps([row.model_dump() for row in rows], indent=1) + "\n", encoding="utf-8")
    show_view([table_of(rows), str(path)])


if __name__ == "__main__":
    typer.run(main)
