"""System metrics of a night: processor, memory, disk, network and GPUs of the machine that runs it, on its parent run.

Looked at by MLflow's own monitors, so that names and units are those of its UI; GPUs where `nvidia-ml-py` is installed.
Samples are lines of a file in the session folder as well: a store that was away, or is new, gets them from there.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tracking.clock import Clock
from tracking.mlflow_answers import json_lines
from tracking.mlflow_rows import Point, milliseconds

FILE = "system.jsonl"
INTERVAL_S = 15.0


class Sample(NamedTuple):
    """One look at the machine."""

    at: str
    """ISO 8601, UTC."""
    number: int
    """0, 1, … over all stretches of the night."""
    values: dict[str, float]


def system_points(sample: Sample) -> list[Point]:
    """Return a sample as metrics, where MLflow's UI looks for them."""
    at = milliseconds(sample.at)
    return [Point(f"system/{name}", value, sample.number, at) for name, value in sample.values.items()]


def read_samples(file: Path) -> list[Sample]:
    """Return the samples of earlier stretches, none without a file."""
    found: list[Sample] = []
    for row in json_lines(file):
        with suppress(KeyError, TypeError, ValueError):
            values = {str(name): float(value) for name, value in row["values"].items()}
            found.append(Sample(str(row["at"]), int(row["number"]), values))
    return found


class SystemSampler:
    """Looks at the machine every few seconds, in a thread of its own, until closed."""

    def __init__(
        self, file: Path, tell: Callable[[Sample], object], clock: Clock, interval_s: float = INTERVAL_S
    ) -> None:
        """Tell the samples that `file` has already, then every new one, which is added to the file."""
        self._file, self._tell, self._clock, self._interval_s = file, tell, clock, interval_s
        earlier = read_samples(file)
        for sample in earlier:
            tell(sample)
        self._number = 1 + max((sample.number for sample in earlier), default=-1)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        self._thread.join(timeout=5.0)

    def _work(self) -> None:
        monitors = _monitors()
        for monitor in monitors:
            monitor.collect_metrics()  # the processor's share is counted from one look to the next
            monitor.clear_metrics()
        while not self._closing.wait(self._interval_s):
            values: dict[str, float] = {}
            for monitor in monitors:
                monitor.collect_metrics()
                values.update(monitor.aggregate_metrics())
                monitor.clear_metrics()
            sample = Sample(self._clock.now(), self._number, {name: float(value) for name, value in values.items()})
            self._number += 1
            # A full disk costs the file a line; the night has a guard of its own for that.
            with suppress(OSError), self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(sample._asdict()) + "\n")
            self._tell(sample)


def _monitors() -> list[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    found: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(ImportError, RuntimeError):  # no nvidia-ml-py, or no GPU
        found.append(GPUMonitor())
    return found
