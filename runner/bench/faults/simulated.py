"""The real command line with the bench's worker: `python -m runner.bench.faults.simulated run SESSION.toml …`.

`WALL_SHIFT_S` moves the wall clock of this process, as a wrong clock of the machine would.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runner.cli import main
from runner.surroundings import this_machine
from tracking.clock import SystemClock

WORKER = (sys.executable, "-m", "runner.bench.faults.worker")


def run() -> None:
    """Run the command line."""
    shift = timedelta(seconds=float(os.environ.get("WALL_SHIFT_S", "0")))
    clock = SystemClock(wall=lambda: datetime.now(UTC) + shift)
    main(sys.argv[1:], replace(this_machine(os.environ), worker_command=WORKER, clock=clock))


if __name__ == "__main__":
    run()
