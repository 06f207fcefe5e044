"""`make bench-loop`: what the agent itself costs per probe, from short nights to very long ones.

    python -m runner.bench.loop [--probes N]... [--out DIR]

Whole nights run: the real graph with its checkpoints, the ledger synced to disk, lanes, smoke runs, blocks, chosen
rows, the referee with six guards, the settling and the claim. Probes are made up in no time, and their making is taken
off. The session has a hundred knobs, half of them long lists, with more moves than a night of 10,000 probes can try;
after two moves of each, at some 500 probes, TPE asks, which is dearer than a knob's far edges. Times are the process's
own CPU time on one core: proposals, fits and decisions, planning, requests, the record, checkpoints and ledger lines;
waiting for the disk is the difference to the wall time. What it leaves out: the MLflow mirror, progress lines,
`results.tsv` and the report. Then shorter nights with several workers say what waiting for the end of a batch costs.
Prints tables and writes `loop.json` and `idle.json`, lists of rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from agent.night import run_night
from agent.proposers.proposer import Answer, Proposer, Question
from runner.bench.idle import WORKERS, idle_night, idle_table
from runner.bench.loop_night import CATEGORIES, KNOBS, NOISE_SD, truth, wide_lane, wide_plan
from runner.bench.simulated import SimulatedLauncher, open_night
from runner.tables import show_view
from tracking.ledger import Ledger


class Row(BaseModel):
    """One night."""

    model_config = ConfigDict(frozen=True)

    probes: int
    """Probes that were run, short ones counted whole."""
    candidates: int
    seconds: float
    """CPU time of everything but the probes."""
    ms_per_probe: float
    asks_ms: float
    """Of it the proposer's: which change comes next. A knob's far edges cost next to nothing, TPE milliseconds."""
    wall_s: float
    """Wall time of the same: with the waits for the disk."""
    per_hundred: float
    """`ms_per_probe` over that of the shortest night."""


class _TimedProposer:
    """A proposer whose CPU time is counted."""

    def __init__(self, proposer: Proposer) -> None:
        self._proposer, self.spent_s = proposer, 0.0

    @property
    def name(self) -> str:
        return self._proposer.name

    def ask(self, question: Question) -> Answer:
        began = process_time()
        answer = self._proposer.ask(question)
        self.spent_s += process_time() - began
        return answer


def night_of(probes: int, shortest_ms: float | None = None, knobs: int = KNOBS) -> Row:
    """Run one night of so many probes and time it."""
    with TemporaryDirectory() as name, Ledger(Path(name) / "ledger.jsonl") as ledger:
        launcher = SimulatedLauncher(truth, dict.fromkeys(CATEGORIES, NOISE_SD))
        lane = wide_lane(knobs)
        context = open_night(wide_plan(probes), launcher, {lane.name: lane}, Path(name), ledger)
        context.proposer = proposer = _TimedProposer(context.proposer)
        began, began_at = process_time(), perf_counter()
        run_night(context)
        loop_s, wall_s = process_time() - began - launcher.spent_s, perf_counter() - began_at - launcher.spent_s
    ran = len(context.night.probes)
    each = 1000 * loop_s / ran
    return Row(
        probes=ran,
        candidates=len(context.night.candidates),
        seconds=loop_s,
        ms_per_probe=each,
        asks_ms=1000 * proposer.spent_s / ran,
        wall_s=wall_s,
        per_hundred=each / (shortest_ms or each),
    )


def loop_table(rows: Sequence[Row]) -> Table:
    """Return a line per night."""
    heads = ("loop, s", "per probe, ms", "of it asks", "against the shortest", "wall, s")
    table = Table("probes", "candidates", *heads)
    for row in rows:
        loop, each, asks = (f"{figure:.1f}" for figure in (row.seconds, row.ms_per_probe, row.asks_ms))
        last = (f"{row.per_hundred:.2f} x", f"{row.wall_s:.1f}")
        table.add_row(str(row.probes), str(row.candidates), loop, each, asks, *last)
    return table


def main(
    probes: Annotated[list[int] | None, typer.Option(min=40, help="Probes of a night; repeatable.")] = None,
    idle_probes: Annotated[int, typer.Option(min=40, help="Probes of the nights with several workers.")] = 200,
    workers: Annotated[list[int] | None, typer.Option(min=1, help="Workers; repeatable.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    night_of(40)  # imports are no night's cost
    rows: list[Row] = []
    for count in sorted(probes or [100, 1000, 10_000]):
        rows.append(night_of(count, rows[0].ms_per_probe if rows else None))
    idle = [idle_night(count, idle_probes) for count in workers or WORKERS]
    out.mkdir(parents=True, exist_ok=True)
    for path, written in ((out / "loop.json", rows), (out / "idle.json", idle)):
        path.write_text(json.dumps([row.model_dump() for row in written], indent=1) + "\n", encoding="utf-8")
    show_view([loop_table(rows), idle_table(idle), f"{out}: loop.json and idle.json"])


if __name__ == "__main__":
    typer.run(main)
