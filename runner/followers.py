"""Who follows the ledger of a night: caught up with earlier stretches, told of every new event, closed at the end."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from runner.alarm import AlarmHook
from runner.config import SessionConfig
from runner.folder import SessionFolder
from runner.mlflow_link import Address, write_link_page
from runner.stretch import Stretch
from runner.surroundings import Surroundings
from tracking import events as ev
from tracking.ledger import Ledger
from tracking.mlflow_store import LACKS, store_uri
from tracking.night import NightRecord

MLFLOW = "MLflow"
"""Subject of the mirror's warnings."""


class Observer(Protocol):
    """Something that follows the ledger and can catch up with earlier stretches."""

    def take(self, event: ev.Event) -> None:
        """Take an event of an earlier stretch."""
        ...

    def __call__(self, event: ev.Event) -> None:
        """Take a new event."""
        ...


def observe(ledger: Ledger, observers: Sequence[Observer]) -> None:
    """Let `observers` catch up with the ledger and follow it from now on."""
    earlier = ledger.events()
    for observer in observers:
        for event in earlier:
            observer.take(event)
        ledger.observe(observer)


@contextmanager
def mirroring(
    config: SessionConfig, folder: SessionFolder, around: Surroundings, ledger: Ledger, stretch: Stretch
) -> Generator[None]:
    """Copy the night to MLflow while the context is open, and how the machine does; what failed becomes a warning."""
    if not config.tracking.mlflow:
        yield
        return
    from tracking.mlflow_mirror import start_mirror
    from tracking.mlflow_system import FILE, SystemSampler

    results = folder.path.parent
    uri = store_uri(config.tracking, results, around.environ)
    mirror = start_mirror(uri, config.tracking.experiment, results, folder.path)
    for event in ledger.events():
        mirror(event)
    ledger.observe(mirror)
    sampler = SystemSampler(folder.logs / FILE, mirror.sample, around.clock)
    try:
        yield
    finally:
        sampler.close()
        problems = mirror.close()
        if mirror.parent_run_id is not None:
            write_link_page(folder.path, Address(uri, mirror.experiment_id, mirror.parent_run_id))
        for problem in problems:
            stretch.warn(MLFLOW, problem)
        if problems:
            stretch.write_report()


@contextmanager
def alarming(
    config: SessionConfig, folder: SessionFolder, around: Surroundings, ledger: Ledger, stretch: Stretch
) -> Generator[None]:
    """Call the user's alarm command while the context is open; that it failed becomes a warning."""
    if not config.alarm.command:
        yield
        return
    hook = AlarmHook(config.alarm, folder.path, folder.logs / "alarm.log", around.environ, around.say)
    observe(ledger, (hook,))
    try:
        yield
    finally:
        for problem in hook.close():
            stretch.warn("alarm", problem)


def complete_mirror(config: SessionConfig, night: NightRecord, folder: SessionFolder, around: Surroundings) -> None:
    """Write what MLflow lacks of a finished night because it was away at the end; nothing when it lacks nothing.

    Raises:
        LaunchError: MLflow is still away.
    """
    told = [warning.message for warning in night.warnings if warning.subject == MLFLOW]
    if not told or LACKS not in told[-1]:
        return
    with Ledger(folder.ledger) as ledger:
        stretch = Stretch(ledger, night, around.clock, folder)
        before = len(night.warnings)
        with mirroring(config, folder, around, ledger, stretch):
            pass
        if len(night.warnings) == before:
            stretch.warn(MLFLOW, "what was missing is in MLflow now")
