"""Who works in a session folder: `night.pid`, and the process it names.

The folder's lock says whether somebody works there, for as long as that process lives and not longer; the pid file
says who. A pid alone says nothing, since the system hands it out again: the file also has the time at which the process
started, and no process with another one is ever taken for a night. Not covered: a night on another machine that shares
the disk; its process cannot be seen from here, and is said to be unknown.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import psutil

PID_FILE = "night.pid"
_SAME_START_S = 5.0
"""How far two readings of one start may lie apart: a clock that was set moves them. A pid comes round much later."""


class Occupant(NamedTuple):
    """A process as the pid file names it."""

    pid: int
    started: float
    """Seconds since the epoch."""

    def process(self) -> psutil.Process | None:
        """Return the process; None when it has ended, also where its number belongs to another one by now."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) <= _SAME_START_S
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def fate(self) -> str:
        """Return what became of a process that is none of ours any more: `ended`, or that its number went on."""
        if not psutil.pid_exists(self.pid):
            return "has ended"
        return "has ended, and its number belongs to another program now"


def sign_in(folder: Path) -> None:
    """Write that this process works in `folder`.

    Raises:
        OSError: the file cannot be written.
    """
    me = psutil.Process()
    (folder / PID_FILE).write_text(f"{me.pid}\n{me.create_time():.2f}\n", encoding="utf-8")


def sign_out(folder: Path) -> None:
    """Take the pid file away."""
    (folder / PID_FILE).unlink(missing_ok=True)


def occupant_of(folder: Path) -> Occupant | None:
    """Return whom the pid file names, None without one or where it is damaged."""
    try:
        pid, started = (folder / PID_FILE).read_text(encoding="utf-8").split()
        return Occupant(int(pid), float(started))
    except (OSError, ValueError):
        return None


def who(folder: Path) -> str:
    """Return who works in a locked folder, for messages: `process 4711`."""
    occupant = occupant_of(folder)
    if occupant is None or occupant.process() is None:
        return "a process that left no usable night.pid"
    return f"process {occupant.pid}"
