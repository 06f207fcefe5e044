"""Room on the disk: asked for before a night, kept during it, waited for when it runs out.

A night that runs into a full disk pauses and says so; it goes on by itself once there is room, and stops resumable when
nobody makes any. What a running probe or another program writes after a look is not foreseen: the reserve is for that.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lanes.config import ChoiceKnob
from probes.errors import LaunchError, LedgerError
from probes.training.preflight import target_layers
from runner.config import SessionConfig
from runner.inputs import SessionInputs
from runner.interrupts import StopRequest
from tracking.clock import Clock
from tracking.commands import command
from tracking.events import Event, ProbeStarted

BYTES_PER_WEIGHT = 4
"""Adapters are saved in float32."""
BYTES_PER_TOKEN = 4
"""Of an answer, as text."""
POLL_S = 2.0
_GIB = 2**30


def free_bytes(folder: Path) -> int:
    """Return what an ordinary user may still write where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def bytes_needed(config: SessionConfig, inputs: SessionInputs, probes: int) -> int:
    """Return what `probes` further probes are expected to leave on the disk: their answers, and adapters that stay.

    Every adapter is counted at the largest rank of the session. Unless all are kept, half of the search's are taken to
    go again: those of candidates rejected in the race.
    """
    knob = config.lanes.hyperparameters.get("rank")
    ranks = [config.recipe.rank]
    if isinstance(knob, ChoiceKnob):
        ranks += [int(value) for value in knob.values]
    layers = target_layers(Path(inputs.base_model.path), config.recipe)
    adapter = BYTES_PER_WEIGHT * max(ranks) * sum(sum(shape) for shape in layers.values())
    items = max(sum(inputs.search_items.values()), sum(inputs.held_out_items.values()))
    answers = BYTES_PER_TOKEN * items * config.suite.samples * config.suite.generation.max_new_tokens
    sure = min(probes, config.budget.confirm_probes + config.referee.calibration_runs)
    kept = probes if config.probe.keep_adapters else sure + (probes - sure + 1) // 2
    return kept * adapter + probes * answers


def require_room(needed: int, config: SessionConfig, folder: Path, free: Callable[[Path], int] = free_bytes) -> None:
    """Make sure that a night fits on the disk and leaves the reserve.

    Raises:
        LaunchError: it does not.
    """
    reserve, there = round(config.launcher.disk_reserve_gib * _GIB), free(folder)
    if there < needed + reserve:
        raise LaunchError(
            f"the disk of `{folder}` has {_show(there)} free and the night may need {_show(needed + reserve)}: "
            f"{_show(needed)} for adapters and answers of {config.budget.probes} probes, {_show(reserve)} kept free "
            "(`launcher.disk_reserve_gib`); free some space, name another folder with --out, or lower `budget.probes`"
        )


@dataclass
class DiskGuard:
    """Pauses the night while the disk is too full; a ledger observer, and the pauses of the ledger itself."""

    folder: Path
    reserve: int
    """Bytes that must be free before a probe starts."""
    patience_s: float
    """How long a pause may last."""
    clock: Clock
    stop: StopRequest
    say: Callable[[str], None]
    """Tells the user."""
    note: Callable[[str, str], None]
    """Appends time and text to the progress log."""
    free: Callable[[Path], int] = free_bytes
    sleep: Callable[[float], None] = time.sleep
    _is_spent: bool = field(default=False, init=False)
    """Nobody made room: the last words are not waited for again."""

    def take(self, event: Event) -> None:
        """Take an event of an earlier stretch: nothing to wait for."""

    def __call__(self, event: Event) -> None:
        """Wait for the reserve before a probe that has just been announced is handed to its worker.

        Raises:
            LedgerError: nobody made room; the night can be resumed.
        """
        if not isinstance(event, ProbeStarted) or self.free(self.folder) >= self.reserve:
            return
        left = f"{_show(self.free(self.folder))} left where {_show(self.reserve)} are kept free"
        for _ in self._pauses(f"{left} (`launcher.disk_reserve_gib`)"):
            if self.free(self.folder) >= self.reserve:
                self._tell("there is room on the disk again: the night goes on")
                return
        if not self.stop.is_stopping:
            raise LedgerError(
                f"the disk of `{self.folder}` is full: {left}, and nobody made room within {self.patience_s / 60:g} "
                f"min (`launcher.disk_wait_s`); free some space, then run `{command('resume', self.folder)}`"
            )

    def pauses(self) -> Iterator[None]:
        """Wait before each further try to write the ledger, for as long as patience lasts."""
        return self._pauses("the ledger cannot take another line")

    def _pauses(self, why: str) -> Iterator[None]:
        if self._is_spent:
            return
        self._tell(
            f"the disk of {self.folder} is full ({why}): paused for up to {self.patience_s / 60:g} min; free some "
            "space and the night goes on by itself"
        )
        began = self.clock.monotonic()
        while not self.stop.is_stopping and self.clock.monotonic() - began < self.patience_s:
            self.sleep(min(POLL_S, self.patience_s))
            yield
        self._is_spent = True

    def _tell(self, text: str) -> None:
        self.say(text)
        with suppress(LedgerError):  # it may be the full disk that keeps the line out
            self.note(self.clock.now(), text)


def _show(size: int) -> str:
    return f"{size / _GIB:.2f} GiB" if size >= _GIB / 10 else f"{size / 2**20:.1f} MiB"
