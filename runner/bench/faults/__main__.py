"""`make faults`: kill, starve, flood and confuse small nights, and hold their ledgers against undisturbed ones.

    python -m runner.bench.faults [--only FAULT]... [--tries N] [--seed N] [--jobs N] [--out DIR]

Real command line, launcher, ledger, graph and report in processes of their own; probes are simulated by the bench's
worker but for the rows with real training. Prints a table and writes `faults.json`, a list of rows; with `--only`, the
file keeps its other rows. Exits with 1 when a night was not survived. What it leaves out: what a language model may
answer (`tests/agent/proposers`), servers of answers, GPUs, and disks that lose what was synced.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from runner.bench.faults import environment, kills, provider, worker_faults
from runner.bench.faults.nights import Kind, Place
from runner.bench.faults.row import Row
from runner.launchers.devices import usable_cores
from runner.tables import show_view

Run = Callable[[int, int], Row]
"""From tries and jobs to a row."""


def main(
    only: Annotated[list[str] | None, typer.Option("--only", help="A fault by its name, or part of it.")] = None,
    tries: Annotated[int | None, typer.Option("--tries", min=1, help="Instead of each fault's own number.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the moments.")] = 0,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Nights at the same time.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for faults.json.")] = Path("results/bench"),
) -> None:
    """Run the faults and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "faults.json"
    with tempfile.TemporaryDirectory(prefix="nightlab-faults-") as scratch:
        places: dict[Kind, Place] = {kind: Place(Path(scratch) / kind, kind) for kind in ("race", "blocks", "real")}
        known = faults(places, seed)
        chosen = [name for name in known if not only or any(part in name for part in only)]
        if not chosen:
            raise typer.BadParameter(f"no fault of that name; known are: {'; '.join(known)}")
        prepared: set[Kind] = set()
        rows: list[Row] = []
        kept: list[Row] = []
        for name in chosen:
            own_tries, kind, is_alone, run = known[name]
            if kind not in prepared:
                places[kind].prepare()
                typer.echo(f"uninterrupted night, {kind}: {len(places[kind].phases)} lines", err=True)
                prepared.add(kind)
            row = run(tries or own_tries, 1 if is_alone else jobs or min(4, usable_cores()))
            rows.append(row)
            # At once: who stops the bench keeps what is done.
            kept = with_earlier(rows, path, list(known))
            path.write_text(json.dumps([row.model_dump() for row in kept], indent=1) + "\n", encoding="utf-8")
            typer.echo(f"{row.fault}: {row.survived} of {row.tries} survived, {row.seconds:g} s", err=True)
            for failure in row.failures:
                typer.echo(f"  {failure}", err=True)
    failed = [f"{row.fault}: {failure}" for row in rows for failure in row.failures]
    show_view([table(rows), *failed, f"{path}: {len(kept)} rows"])
    if failed:
        raise typer.Exit(1)


def faults(places: Mapping[Kind, Place], seed: int) -> dict[str, tuple[int, Kind, bool, Run]]:
    """Return fault → its tries, where its nights are, whether they must be alone on the machine, and its run."""

    def killed(kind: Kind, name: str, more: int = 0, spoil: kills.Spoil | None = None) -> Run:
        return lambda tries, jobs: kills.kills(places[kind], tries, seed + more, jobs, name, spoil)

    def faulty(name: str) -> Run:
        return lambda tries, jobs: worker_faults.faulty_workers(places["race"], name, tries, jobs)

    def around(name: str) -> Run:
        return lambda tries, jobs: environment.environment_fault(places["race"], name, tries, jobs)

    spoils = {
        "kill -9, checkpoint lost": kills.lose_checkpoint,
        "kill -9, checkpoint overwritten": kills.damage_checkpoint,
        "kill -9, positions in the checkpoint damaged": kills.damage_positions,
        "kill -9, checkpoint of another time": kills.bring_back_an_old_checkpoint,
        "kill -9, last line torn": kills.tear_last_line,
    }
    race, blocks, real = "kill -9, race", "kill -9, blocks", "kill -9, real training"
    away = "language-model provider down and back"
    known: dict[str, tuple[int, Kind, bool, Run]] = {
        race: (20, "race", False, killed("race", race)),
        blocks: (20, "blocks", False, killed("blocks", blocks, 1)),
        **{
            name: (2, "race", False, killed("race", name, 2 + number, spoil))
            for number, (name, spoil) in enumerate(spoils.items())
        },
        **{name: (2, "race", False, faulty(name)) for name in worker_faults.STATUS},
        "one of two workers killed every 3 probes": (
            2, "race", False, lambda t, j: worker_faults.killed_workers(places["race"], t, j, 3)
        ),
        **{name: (1, "race", False, around(name)) for name in environment.FAULTS},
        away: (2, "race", False, lambda t, j: provider.provider_down_and_back(places["race"], away, t, j)),
        real: (20, "real", False, killed("real", real, 20)),
        "one of two workers killed every 20 s (real training)": (
            1, "real", True, lambda t, j: worker_faults.workers_killed_by_the_clock(places["real"], t, j, 20.0)
        ),
        "a worker stops dead (real training)": (
            1, "real", True, lambda t, j: worker_faults.stopped_worker(places["real"], t, j)
        ),
    }  # fmt: skip
    return known


def with_earlier(rows: list[Row], path: Path, known: list[str]) -> list[Row]:
    """Return `rows` and those that the file at `path` has of other faults, in the order of `known`."""
    written: list[Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    every = {row.fault: row for row in (*map(Row.model_validate, written), *rows)}
    return [every[name] for name in known if name in every]


def table(rows: list[Row]) -> Table:
    """Return the rows as a table."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("fault", "tries", "survived", "seconds", "moments"):
        shown.add_column(name, justify="left" if name in ("fault", "moments") else "right")
    for row in rows:
        moments = ", ".join(f"{phase}: {count}" for phase, count in row.moments.items())
        shown.add_row(row.fault, str(row.tries), str(row.survived), f"{row.seconds:.1f}", moments)
    return shown


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    typer.run(main)
