"""`make bench-loop`: what the agent itself costs per probe, from the hundredth probe of a night to the ten-thousandth.

    python -m runner.bench.loop [--probes N] [--knobs N]... [--out DIR]

A whole night runs: the real graph with its checkpoints, the ledger synced to disk, lanes, smoke runs, blocks, chosen
rows, the referee with five guards, the settling and the claim. Probes are made up in no time, and their making is taken
off. The clock is read before every batch (`loop_marks`), so that each stretch of the night has its own cost; stretches
that short nights reach are medians over several. Half of the knobs are long lists: a night of 10,000 probes needs more
moves than any real session has. TPE asks once every knob has had two moves, at some 60 probes with 12 knobs, 110 with
24 and 500 with a hundred, and is dearer than a knob's far edges. Times are the process's own CPU time on one core:
proposals, fits and decisions, planning, requests, the record, checkpoints and ledger lines; waiting for the disk is the
difference to the wall time. What it leaves out: the MLflow mirror, progress lines, `results.tsv` and the report. Then
nights with several workers say what waiting for the end of a batch costs. Prints tables and writes `loop.json` and
`idle.json`, lists of rows.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from runner.bench.idle import WORKERS, idle_night, idle_table
from runner.bench.loop_marks import Mark, marks_apart, steadied
from runner.tables import show_view

KNOBS = (12, 24, 100)
"""The miniature has ten."""
STRETCHES = (0, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Where stretches begin, in probes."""
SHORT_NIGHT, SHORT_NIGHTS = 500, 4
"""Probes and number of the nights beside the long one: a hundred probes of one night are no more than four blocks."""


class Row(BaseModel):
    """One stretch of nights over so many knobs."""

    model_config = ConfigDict(frozen=True)

    knobs: int
    begin: int
    """Probes that were there when it began, short ones counted whole."""
    end: int
    nights: int
    """Of which the figures are medians."""
    ms_per_probe: float
    """CPU time of everything but the probes."""
    asks_ms: float
    """Of it the proposer's: which change comes next."""
    wall_ms: float
    """Wall time of the same: with the waits for the disk."""
    per_hundredth: float | None
    """`ms_per_probe` over that of the stretch from the hundredth probe on; None before it."""
    seconds: float
    """CPU time from the night's beginning to the stretch's end."""


def rows_of(nights: Sequence[Sequence[Mark]], knobs: int) -> list[Row]:
    """Return a row per stretch of the first night: medians over all nights that went on beyond it."""
    long, *others = nights
    rows: list[Row] = []
    for begin, end in pairwise((*(start for start in STRETCHES if start < long[-1].probes), long[-1].probes)):
        reached = [long, *(marks for marks in others if marks[-1].probes > end)]
        each = np.median([_per_probe(_at(marks, begin), _at(marks, end)) for marks in reached], axis=0)
        ms_per_probe, asks_ms, wall_ms = (1000 * float(seconds) for seconds in each)
        hundredth = next((row.ms_per_probe for row in rows if row.begin == 100), ms_per_probe)
        rows.append(
            Row(
                knobs=knobs,
                begin=begin,
                end=end,
                nights=len(reached),
                ms_per_probe=ms_per_probe,
                asks_ms=asks_ms,
                wall_ms=wall_ms,
                per_hundredth=ms_per_probe / hundredth if begin >= 100 else None,
                seconds=_at(long, end).spent_s[0] - long[0].spent_s[0],
            )
        )
    return rows


def _at(marks: Sequence[Mark], probes: int) -> Mark:
    """Return the last mark up to so many probes, the night's first for none."""
    return marks[bisect_right(marks, probes, key=lambda mark: mark.probes) - 1] if probes else marks[0]


def _per_probe(first: Mark, last: Mark) -> list[float]:
    """Return what a probe between two marks took, in seconds: CPU time, of it asks, wall time."""
    return [
        (end - start) / (last.probes - first.probes) for start, end in zip(first.spent_s, last.spent_s, strict=True)
    ]


def loop_table(rows: Sequence[Row]) -> Table:
    """Return a line per stretch."""
    table = Table("knobs", "probes", "per probe, ms", "of it asks", "against 100 to 200", "wall, ms", "loop so far, s")
    for row in rows:
        times = (f"{row.ms_per_probe:.1f}", f"{row.asks_ms:.1f}")
        share = "" if row.per_hundredth is None else f"{row.per_hundredth:.2f} x"
        table.add_row(
            str(row.knobs), f"{row.begin} to {row.end}", *times, share, f"{row.wall_ms:.1f}", f"{row.seconds:.1f}"
        )
    return table


def main(
    probes: Annotated[int, typer.Option(min=40, help="Probes of the long night.")] = 10_000,
    knobs: Annotated[list[int] | None, typer.Option(min=8, help="Knobs of the session; repeatable.")] = None,
    idle_probes: Annotated[int, typer.Option(min=40, help="Probes of the nights with several workers.")] = 200,
    workers: Annotated[list[int] | None, typer.Option(min=1, help="Workers; repeatable.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    seeds = range(1, SHORT_NIGHTS + 1) if probes > SHORT_NIGHT else ()
    rows: list[Row] = []
    for count in knobs or KNOBS:
        nights = [marks_apart(probes, count), *(marks_apart(SHORT_NIGHT, count, seed) for seed in seeds)]
        rows += rows_of(steadied(nights), count)
    idle = [idle_night(count, idle_probes) for count in workers or WORKERS]
    out.mkdir(parents=True, exist_ok=True)
    for path, written in ((out / "loop.json", rows), (out / "idle.json", idle)):
        path.write_text(json.dumps([row.model_dump() for row in written], indent=1) + "\n", encoding="utf-8")
    show_view([loop_table(rows), idle_table(idle), f"{out}: loop.json and idle.json"])


if __name__ == "__main__":
    typer.run(main)
