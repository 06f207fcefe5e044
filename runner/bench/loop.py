"""`make bench-loop`: what the agent itself costs per probe, from short nights to very long ones.

    python -m runner.bench.loop [--probes N]... [--out DIR]

Whole nights run: the real graph with its checkpoints, the ledger synced to disk, lanes, smoke runs, blocks, chosen
rows, the referee with six guards, the settling and the claim. Probes are made up in no time, and their making is taken
off. The session has six hundred numeric knobs, more than a night of 10,000 probes can try. Times are the process's own
CPU time on one core; waiting for the disk is the difference to the wall time. What it leaves out: the MLflow mirror,
progress lines, `results.tsv` and the report. Prints a table and writes `loop.json`, a list of rows.
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
from agent.plan import NightPlan
from lanes.config import NumericKnob
from lanes.hyperparameters import pick_informed
from lanes.knobs import is_number
from probes.frozen import digest_of
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from runner.bench.simulated import Levels, NamedLane, SimulatedLauncher, open_night, settings_of
from runner.tables import show_view
from tracking.ledger import Ledger

CATEGORIES = ("anachronism", "character", "ground_truth", "position", "private_voice", "verified")
LEVEL, NOISE_SD = 5.0, 0.5
KNOBS = 600
HELPFUL = 0.05
"""Share of the knobs that help where they go up; the others hurt or do nothing."""
CONFIRM_PROBES = 16
RECIPE = Recipe(base_model="m", steps=300)


class Row(BaseModel):
    """One night."""

    model_config = ConfigDict(frozen=True)

    probes: int
    """Probes that were run, short ones counted whole."""
    candidates: int
    loop_s: float
    """CPU time of everything but the probes."""
    ms_per_probe: float
    wall_s: float
    """Wall time of the same: with the waits for the disk."""
    per_hundred: float
    """`ms_per_probe` over that of the shortest night."""


def night_of(probes: int, shortest_ms: float | None = None, knobs: int = KNOBS) -> Row:
    """Run one night of so many probes and time it."""
    with TemporaryDirectory() as name, Ledger(Path(name) / "ledger.jsonl") as ledger:
        launcher = SimulatedLauncher(truth, dict.fromkeys(CATEGORIES, NOISE_SD))
        lane = wide_lane(knobs)
        context = open_night(wide_plan(probes), launcher, {lane.name: lane}, Path(name), ledger)
        began, began_at = process_time(), perf_counter()
        run_night(context)
        loop_s, wall_s = process_time() - began - launcher.spent_s, perf_counter() - began_at - launcher.spent_s
    ran = len(context.night.probes)
    each = 1000 * loop_s / ran
    return Row(
        probes=ran,
        candidates=len(context.night.candidates),
        loop_s=loop_s,
        ms_per_probe=each,
        wall_s=wall_s,
        per_hundred=each / (shortest_ms or each),
    )


def wide_lane(knobs: int) -> NamedLane:
    """Return a lane over so many numeric knobs, all at 1 in the baseline."""
    names = [f"k{number:03d}" for number in range(knobs)]
    knob = NumericKnob(low=0.05, high=20.0, scale="log", max_factor=2.0)
    return NamedLane(dict.fromkeys(names, knob), dict.fromkeys(names, 1.0), pick_informed)


def wide_plan(probes: int) -> NightPlan:
    """Return a night with six guards over the wide space."""
    return NightPlan(
        session="loop",
        seed=0,
        baseline=RECIPE,
        target="private_voice",
        guards={name: 1.5 for name in CATEGORIES if name != "private_voice"},
        referee=RefereeConfig(controls=False),
        budget_probes=probes,
        confirm_probes=CONFIRM_PROBES,
        max_attempts=2,
        search_items=dict.fromkeys(CATEGORIES, 24),
        held_out_items=dict.fromkeys(CATEGORIES, 24),
        samples=1,
    )


def truth(recipe: Recipe) -> Levels:
    """Return the levels of a recipe: a few knobs help on their way up, most hurt a little whichever way they go."""
    gain = 0.0
    for name, value in settings_of(recipe).items():
        chance = int(digest_of([name])[:4], 16) / 0x10000
        if is_number(value):
            gain += (0.25 if value > 1 else -0.25) if chance < HELPFUL else -0.1 * (chance > 0.5)
    return {name: LEVEL + (gain if name == "private_voice" else 0.0) for name in CATEGORIES}


def loop_table(rows: Sequence[Row]) -> Table:
    """Return a line per night."""
    table = Table("probes", "candidates", "loop, s", "per probe, ms", "against the shortest", "wall, s")
    for row in rows:
        cells = (f"{row.loop_s:.1f}", f"{row.ms_per_probe:.1f}", f"{row.per_hundred:.2f} x", f"{row.wall_s:.1f}")
        table.add_row(str(row.probes), str(row.candidates), *cells)
    return table


def main(
    probes: Annotated[list[int] | None, typer.Option(min=40, help="Probes of a night; repeatable.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    night_of(40)  # imports are no night's cost
    rows: list[Row] = []
    for count in sorted(probes or [100, 1000, 10_000]):
        rows.append(night_of(count, rows[0].ms_per_probe if rows else None))
    out.mkdir(parents=True, exist_ok=True)
    path = out / "loop.json"
    path.write_text(json.dumps([row.model_dump() for row in rows], indent=1) + "\n", encoding="utf-8")
    show_view([loop_table(rows), f"{path}: {len(rows)} rows"])


if __name__ == "__main__":
    typer.run(main)
