"""What a night gets from the machine it runs on, gathered once at the rim and handed down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from runner.config import SessionConfig
from runner.disk import free_bytes
from runner.inputs import SessionInputs, resolve_inputs
from runner.interrupts import StopRequest
from runner.launchers.devices import plan_workers, usable_cores, visible_gpus
from runner.launchers.local import WORKER_COMMAND, LocalLauncher
from runner.planning import check_template
from tracking.clock import Clock, SystemClock

OWN_COMMAND = (sys.executable, "-m", "runner.cli")


@dataclass(frozen=True)
class Surroundings:
    """Console, clock, environment and the command of a worker."""

    console: Console
    """Standard error: logs and the live display."""
    clock: Clock
    environ: Mapping[str, str]
    cache_root: Path
    """Where the miniature is kept."""
    worker_command: Sequence[str] = WORKER_COMMAND
    own_command: Sequence[str] = OWN_COMMAND
    """Starts the command line once more, for a night in the background."""
    free_bytes: Callable[[Path], int] = free_bytes
    """What may still be written where a folder is."""

    def say(self, text: str) -> None:
        """Tell the user something; a terminal that has gone away is no failure."""
        with suppress(OSError):
            self.console.print(Text(text, style="yellow"))

    def tell(self, text: str) -> None:
        """Say something plainly, beside what is printed as a result."""
        self.console.print(Text(text))

    def worker_gpus(self, config: SessionConfig) -> tuple[str | None, ...]:
        """Return the GPU of each worker, None for a CPU worker."""
        return plan_workers(config.launcher.workers, visible_gpus(self.environ), usable_cores())

    def open_launcher(self, config: SessionConfig, logs: Path, stop: StopRequest) -> LocalLauncher:
        """Start the workers."""
        key_name = config.judge.key_name if config.judge is not None else None
        gpus = self.worker_gpus(config)
        return LocalLauncher(gpus, logs, self.clock, stop, self.worker_command, self.environ, key_name)


def this_machine(environ: Mapping[str, str]) -> Surroundings:
    """Return the real surroundings; the environment is read here and nowhere later."""
    cache = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".cache")
    return Surroundings(
        console=Console(stderr=True, highlight=False),
        clock=SystemClock(),
        environ=environ,
        cache_root=Path(cache) / "nightlab" / "miniature",
    )


def gather_inputs(config: SessionConfig, suite_folder: Path, around: Surroundings) -> SessionInputs:
    """Resolve and check what the session reads, showing a bar while the miniature is built.

    Raises:
        NightlabError: something cannot be used; see `runner.inputs`.
    """
    check_template(config)
    bar, move = _building_progress(around.console)
    with bar:
        return resolve_inputs(config, suite_folder, around.cache_root, move, around.environ)


def _building_progress(console: Console) -> tuple[Progress, Callable[[str, float], None]]:
    """Return a progress bar, to be used as a context, and the function that moves it."""
    bar = Progress(
        TextColumn("building the miniature: {task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def move(stage: str, fraction: float) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(stage, total=1.0)
            if not console.is_terminal:
                console.print(f"building the miniature: {stage}")
        bar.update(tasks[stage], completed=fraction)

    return bar, move
