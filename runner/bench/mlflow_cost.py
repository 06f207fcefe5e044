"""`make bench-mlflow`: what the MLflow mirror costs a night per probe.

    python -m runner.bench.mlflow_cost [--probes N] [--seconds S] [--uri URI]... [--out DIR]

The same simulated night runs without a mirror and with one on each store: the SQLite file that is the default, and an
`mlflow server` on loopback over HTTP; `--uri` names others. The loop, its ledger, its events and their sizes (six
categories, a training curve of thirty points) are real; a probe is a pause of so many seconds, short so that the
mirror's thread has little time to itself. `calls` is the wall time that the loop spends in handing events over,
`slower` is what each probe takes longer in all, the mirror's share of the interpreter and of a busy machine included.
What was written is held against the ledger. Prints a table and writes `mlflow.json`, a list of rows.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from agent.night import run_night
from agent.ports import OnFinish, OnStart
from probes.errors import LaunchError
from probes.outcome import ProbeOutcome, TrainingPoint, TrainingSummary
from probes.request import ProbeRequest
from runner.bench.loop_night import CATEGORIES, NOISE_SD, truth, wide_lane, wide_plan
from runner.bench.simulated import SimulatedLauncher, open_night
from runner.tables import show_view
from tracking.config import TrackingConfig
from tracking.events import Event, ProbePlan
from tracking.ledger import Ledger
from tracking.mlflow_comparison import missing_in_store
from tracking.mlflow_mirror import MlflowMirror, start_mirror
from tracking.mlflow_store import server_command, store_uri

KNOBS, CURVE_POINTS = 60, 30
EXPERIMENT = "bench"
START_LIMIT_S, END_LIMIT_S = 120.0, 600.0


class Row(BaseModel):
    """One night."""

    model_config = ConfigDict(frozen=True)

    store: str
    probes: int
    calls_ms: float
    """Wall time per probe that the loop spends in handing its events to the mirror."""
    slower_ms: float | None
    """What a probe takes longer than without a mirror; None without."""
    mirror_cpu_ms: float | None
    """CPU time per probe of everything but the loop's thread, against the night without a mirror."""
    end_s: float
    """From the last event until everything was written."""
    missing: int
    """Entries that the ledger has and the store has not."""


@dataclass
class PausingLauncher(SimulatedLauncher):
    """Probes that take their time and leave a training curve."""

    pause_s: float = 0.0

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        """Run all plans, one after the other."""

        def finish(plan: ProbePlan, outcome: ProbeOutcome) -> None:
            time.sleep(self.pause_s)
            on_finish(plan, outcome)

        super().run(plans, on_start, finish)

    def outcome(self, request: ProbeRequest) -> ProbeOutcome:
        """Return what a probe of the request leaves behind."""
        curve = tuple(
            TrainingPoint(
                step=step, loss=3.0 / (step + 1), learning_rate=1e-3, reward_margin=0.01 * step, grad_norm=1.0
            )
            for step in range(CURVE_POINTS)
        )
        training = TrainingSummary(
            steps_done=CURVE_POINTS, steps_planned=CURVE_POINTS, final_loss=1.0, seconds=1.0, rows=100, curve=curve
        )
        return super().outcome(request).model_copy(update={"training": training})


@dataclass
class _Timed:
    """An observer that is timed."""

    mirror: MlflowMirror
    seconds: float = field(default=0.0)

    def __call__(self, event: Event) -> None:
        began = time.perf_counter()
        self.mirror(event)
        self.seconds += time.perf_counter() - began


class Each(NamedTuple):
    """What a probe of a night took."""

    wall_s: float
    other_cpu_s: float
    """CPU time of all threads but the loop's."""


def night_on(store: str, uri: str | None, probes: int, pause_s: float, without: Each | None = None) -> tuple[Row, Each]:
    """Run one night and return its row, and what a probe of it took.

    Args:
        store: Its name in the table.
        uri: Where it is mirrored to, None: nowhere.
        probes: Its budget.
        pause_s: What a probe takes.
        without: What a probe took without a mirror, for the differences.
    """
    launcher = PausingLauncher(truth, dict.fromkeys(CATEGORIES, NOISE_SD), pause_s=pause_s)
    lane = wide_lane(KNOBS)
    with TemporaryDirectory(prefix="nightlab-bench-") as name, Ledger(Path(name) / "ledger.jsonl") as ledger:
        folder = Path(name)
        timed = _Timed(start_mirror(uri, EXPERIMENT, folder, folder)) if uri is not None else None
        if timed is not None:
            ledger.observe(timed)
        cpu, own, began = time.process_time(), time.thread_time(), time.perf_counter()
        context = open_night(wide_plan(probes), launcher, {lane.name: lane}, folder, ledger)
        run_night(context)
        wall, ended = time.perf_counter() - began, time.perf_counter()
        problems = timed.mirror.close(END_LIMIT_S) if timed is not None else []
        end_s = time.perf_counter() - ended
        others = time.process_time() - cpu - (time.thread_time() - own)
        if uri is not None:
            problems = [*problems, *missing_in_store(uri, EXPERIMENT, ledger.events())]
    ran = len(context.night.probes)
    each = Each(wall / ran, others / ran)
    row = Row(
        store=store,
        probes=ran,
        calls_ms=1000 * timed.seconds / ran if timed is not None else 0.0,
        slower_ms=1000 * (each.wall_s - without.wall_s) if without is not None else None,
        mirror_cpu_ms=1000 * (each.other_cpu_s - without.other_cpu_s) if without is not None else None,
        end_s=end_s,
        missing=len(problems),
    )
    return row, each


@contextmanager
def mlflow_server(folder: Path) -> Generator[str]:
    """Run a server of one's own on loopback, SQLite behind it, and yield its address; nothing of it is left."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = server_command(store_uri(TrackingConfig(), folder, {}), folder, port)
    assert command is not None
    guard = [sys.executable, "-m", "runner.serving.guard", str(folder)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*guard, *command.argv], stdin=subprocess.PIPE, stdout=log, stderr=log,
            env={**os.environ, **command.environment}, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_up(command.url, process)
        yield command.url
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while True:
        if process.poll() is not None or time.monotonic() > limit:
            raise LaunchError(f"MLflow's server did not come up on {url}; see whether `mlflow server` starts by itself")
        try:
            with build_opener(ProxyHandler({})).open(f"{url}/health", timeout=1.0):
                return
        except (URLError, OSError):
            time.sleep(0.25)


def cost_table(rows: Sequence[Row]) -> Table:
    """Return a line per night."""
    table = Table("store", "probes", "calls, ms", "slower, ms", "mirror CPU, ms", "at the end, s", "missing")
    for row in rows:
        slower, cpu = ("–" if value is None else f"{value:.1f}" for value in (row.slower_ms, row.mirror_cpu_ms))
        table.add_row(
            row.store, str(row.probes), f"{row.calls_ms:.2f}", slower, cpu, f"{row.end_s:.1f}", str(row.missing)
        )
    return table


def main(
    probes: Annotated[int, typer.Option(min=40, help="Probes of a night.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.0, help="What a probe takes.")] = 0.25,
    uri: Annotated[list[str] | None, typer.Option(help="Another store; repeatable.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    night_on("warm-up", None, 40, 0.0)  # imports are no night's cost
    row, without = night_on("none", None, probes, seconds)
    rows = [row]
    with TemporaryDirectory(prefix="nightlab-bench-") as name:
        own = store_uri(TrackingConfig(), Path(name), {})
        rows.append(night_on("SQLite", own, probes, seconds, without)[0])
    with TemporaryDirectory(prefix="nightlab-bench-") as name, mlflow_server(Path(name)) as url:
        rows.append(night_on("mlflow server", url, probes, seconds, without)[0])
    for each in uri or []:
        rows.append(night_on(each.split(":", 1)[0], each, probes, seconds, without)[0])
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps([row.model_dump() for row in rows], indent=1) + "\n"
    (out / "mlflow.json").write_text(text, encoding="utf-8")
    show_view([cost_table(rows), f"{out}: mlflow.json"])


if __name__ == "__main__":
    typer.run(main)
