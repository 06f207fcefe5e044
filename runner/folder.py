"""The session folder: its files, who may write it, and when it must not be touched."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from probes.errors import ConfigError, LaunchError
from runner.presence import PID_FILE, sign_in, sign_out, who
from tracking.commands import command
from tracking.ledger import read_events
from tracking.night import NightRecord

RESULTS = Path("results")
_LOCK = ".lock"
_LOOKS, _LOOK_S = 10, 0.05
"""A reader that asks whether a folder is in use holds its lock for a moment: no reason to refuse a writer."""


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
        self.night_log = self.logs / "night.log"
        self.checkpoint = self.path / "checkpoint.sqlite"
        self.memory = self.path / "memory.json"

    def require_free(self) -> None:
        """Make sure that a new night may begin here; nothing is created.

        Raises:
            ConfigError: the folder already holds a session, or something else.
        """
        if self.has_events:
            state = state_of(self.load())
            cure = "choose another --out" if state == "finished" else f"go on with `{command('resume', self.path)}`"
            raise ConfigError(f"`{self.path}` already holds a session ({state}); {cure}")
        # A night that broke off before its first line left some of these behind.
        ours = {_LOCK, PID_FILE, self.ledger.name, self.config.name, self.suite.name, self.logs.name}
        if self.path.is_dir() and any(entry.name not in ours for entry in self.path.iterdir()):
            raise ConfigError(f"`{self.path}` is not empty and holds no session; choose a new folder with --out")

    def create(self) -> None:
        """Make the folder for a new night.

        Raises:
            LaunchError: it cannot be written.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LaunchError(f"`{self.path}` cannot be created: {error.strerror}; choose another --out") from error

    @property
    def has_events(self) -> bool:
        """Whether a night has started here."""
        return self.ledger.is_file() and self.ledger.stat().st_size > 0

    @property
    def has_report(self) -> bool:
        """Whether the report was written: its page, and the figures beside it."""
        return (self.path / "report.md").is_file() and self.summary.is_file()

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
        if not _lock(handle):
            os.close(handle)
            raise _taken(self)
        try:
            with suppress(OSError):  # a full disk is waited for later; nobody can name the night until then
                sign_in(self.path)
            yield
        finally:
            sign_out(self.path)
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


def require_at_rest(folder: SessionFolder) -> None:
    """Make sure that nobody works in the folder.

    Raises:
        ConfigError: somebody does; the message names the process.
    """
    if is_running(folder):
        raise _taken(folder)


def _taken(folder: SessionFolder) -> ConfigError:
    return ConfigError(
        f"another nightlab works in `{folder.path}` ({who(folder.path)}); wait for it, stop it with "
        f"`{command('stop', folder.path)}`, or choose another --out"
    )


def in_words(path: Path) -> str:
    """Return a path as a person would type it here: relative where it lies below the working folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) and path != here else str(path)


def _lock(handle: int) -> bool:
    """Take the lock for writing; return whether it is ours."""
    for _ in range(_LOOKS):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_LOOK_S)
        else:
            return True
    return False


def default_folder(name: str, now: datetime) -> Path:
    """Return `results/<name>-<YYYYmmdd-HHMMSS>`."""
    return RESULTS / f"{name}-{now:%Y%m%d-%H%M%S}"


def state_of(night: NightRecord) -> str:
    """Return how the last stretch of a night ended; `unfinished` when it was cut off, `invalidated` when set back."""
    if night.is_set_back:
        return "invalidated"
    return night.stopped.stop_reason if night.stopped is not None else "unfinished"
