"""The session folder: its files, who may write it, and when it must not be touched."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from probes.errors import ConfigError, LaunchError
from tracking.ledger import read_events
from tracking.night import NightRecord

RESULTS = Path("results")
_LOCK = ".lock"


class SessionFolder:
    """Where everything of one night lies; the names are a contract (see DESIGN)."""

    def __init__(self, path: Path) -> None:
        """Name the parts of the folder at `path`; nothing is created."""
        self.path = path.resolve()
        self.config = self.path / "session.toml"
        self.ledger = self.path / "ledger.jsonl"
        self.results = self.path / "results.tsv"
        self.progress = self.path / "progress.log"
        self.summary = self.path / "summary.json"
        self.suite = self.path / "suite"
        self.probes = self.path / "probes"
        self.logs = self.path / "logs"
        self.errors = self.logs / "errors.log"
        self.checkpoint = self.path / "checkpoint.sqlite"
        self.memory = self.path / "memory.json"

    def create(self) -> None:
        """Make the folder for a new night.

        Raises:
            ConfigError: it already holds a session, or something else.
            LaunchError: it cannot be written.
        """
        if self.has_events:
            state = state_of(NightRecord.replay(read_events(self.ledger)))
            cure = "choose another --out" if state == "finished" else f"go on with `nightlab resume {self.path}`"
            raise ConfigError(f"`{self.path}` already holds a session ({state}); {cure}")
        # A night that broke off before its first line left some of these behind.
        ours = {_LOCK, self.ledger.name, self.config.name, self.suite.name, self.logs.name}
        if self.path.is_dir() and any(entry.name not in ours for entry in self.path.iterdir()):
            raise ConfigError(f"`{self.path}` is not empty and holds no session; choose a new folder with --out")
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LaunchError(f"`{self.path}` cannot be created: {error.strerror}; choose another --out") from error

    @property
    def has_events(self) -> bool:
        """Whether a night has started here."""
        return self.ledger.is_file() and self.ledger.stat().st_size > 0

    def require_session(self) -> None:
        """Make sure that a night can be read here.

        Raises:
            ConfigError: there is none.
        """
        if not self.ledger.is_file():
            raise ConfigError(
                f"`{self.path}` holds no session (no {self.ledger.name}); name a folder such as results/<session>"
            )

    def load(self) -> NightRecord:
        """Return the night as its ledger tells it."""
        self.require_session()
        return NightRecord.replay(read_events(self.ledger))

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep every other writer out while the context is open; the system frees the lock however we end.

        Raises:
            ConfigError: another process works in the folder.
            LaunchError: it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LaunchError(f"`{self.path}` cannot be written: {error.strerror}; choose another --out") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise ConfigError(
                f"another nightlab works in `{self.path}`; wait for it, stop it, or choose another --out"
            ) from error
        try:
            yield
        finally:
            os.close(handle)


def is_running(folder: SessionFolder) -> bool:
    """Return whether a process works in the folder now."""
    try:
        handle = os.open(folder.path / _LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def default_folder(name: str, now: datetime) -> Path:
    """Return `results/<name>-<YYYYmmdd-HHMMSS>`."""
    return RESULTS / f"{name}-{now:%Y%m%d-%H%M%S}"


def state_of(night: NightRecord) -> str:
    """Return how the last stretch of a night ended; `unfinished` when it was cut off, `invalidated` when set back."""
    if night.is_set_back:
        return "invalidated"
    return night.stopped.stop_reason if night.stopped is not None else "unfinished"
