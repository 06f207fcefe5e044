"""How long workers wait for one another at the end of a batch: a part of `make bench-loop`.

A batch ends when its last probe has; the next is planned from its results. Here all probes take equally long, so that
the share of worker time lost is what batches that the workers do not divide cost, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict
from rich.table import Table

from agent.night import run_night
from runner.bench.loop_night import CATEGORIES, NOISE_SD, truth, wide_lane, wide_plan
from runner.bench.simulated import ListLedger, SimulatedLauncher, open_night

WORKERS = (1, 2, 3, 4, 5, 8, 12, 16)
KNOBS = 60


class Idle(BaseModel):
    """A night with so many workers."""

    model_config = ConfigDict(frozen=True)

    workers: int
    probes: int
    batches: int
    idle_share: float
    """Of the workers' time, from the first probe to the last."""


def idle_night(workers: int, probes: int) -> Idle:
    """Run a night and return what its workers waited."""
    launcher = SimulatedLauncher(truth, dict.fromkeys(CATEGORIES, NOISE_SD), workers=workers)
    lane = wide_lane(KNOBS)
    with TemporaryDirectory() as name:
        run_night(open_night(wide_plan(probes), launcher, {lane.name: lane}, Path(name), ListLedger()))
    batches = [batch for batch in launcher.batches if batch]
    return Idle(workers=workers, probes=sum(batches), batches=len(batches), idle_share=idle_share(batches, workers))


def idle_share(batches: Sequence[int], workers: int) -> float:
    """Return the share of worker time that batches of equally long probes leave unused."""
    waves = sum(ceil(batch / workers) for batch in batches)
    return 1 - sum(batches) / (workers * waves)


def idle_table(rows: Sequence[Idle]) -> Table:
    """Return a line per number of workers."""
    table = Table("workers", "probes", "batches", "idle")
    for row in rows:
        table.add_row(str(row.workers), str(row.probes), str(row.batches), f"{row.idle_share:.1%}")
    return table
