"""A night in the background: started in a session of its own, so that it outlives the terminal it was started from.

What it says goes to `logs/night.log`; its standard input is nothing. It is the same command as in the foreground, and
whoever starts it waits until the night has begun, so that what is wrong is still told on the terminal. Not covered: a
machine that kills everything of a user who logs out.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from probes.errors import LaunchError
from runner.folder import SessionFolder, require_at_rest
from runner.surroundings import Surroundings
from tracking.clock import Clock
from tracking.events import Event, ProbeStarted
from tracking.ledger import LedgerTail

BEGIN_LIMIT_S = 60.0
"""How long the start is watched; a night that takes longer to begin goes on all the same."""
_POLL_S = 0.1
_MOST_SAID = 20_000
"""Characters of the log that are repeated when a night could not begin."""


class Detached(NamedTuple):
    """A night that was started in the background."""

    pid: int
    exit_code: int | None
    """What it ended with while its start was watched; None: it runs."""
    said: str
    """What it had said by then; empty while it runs."""
    has_begun: bool
    """Whether the ledger has a line of it."""


def start_detached(arguments: Sequence[str], folder: SessionFolder, around: Surroundings) -> Detached:
    """Start the command line with `arguments` in the background and watch it begin.

    Args:
        arguments: A verb that works in `folder`, and its arguments.
        folder: Where the night lies, or will lie.
        around: The machine; its clock bounds the watching.

    Raises:
        ConfigError: a night runs in the folder; the message names its process.
        LaunchError: the folder cannot be written, or no process be started.
    """
    require_at_rest(folder)
    is_new = not folder.path.exists()
    folder.create()
    tail = LedgerTail(folder.ledger)
    tail.read()
    said_before = folder.night_log.stat().st_size if folder.night_log.is_file() else 0
    process = _start([*around.own_command, *arguments], folder, around)
    events = _watch_begin(process, tail, around.clock)
    exit_code = process.poll()
    said = ""
    if exit_code is not None:
        said = folder.night_log.read_bytes()[said_before:].decode(errors="replace")[-_MOST_SAID:]
        if is_new and not folder.has_events:
            shutil.rmtree(folder.path, ignore_errors=True)
    # The night is not waited for; without this Python would complain about that.
    process.returncode = 0 if exit_code is None else exit_code
    return Detached(process.pid, exit_code, said, bool(events))


def _watch_begin(process: subprocess.Popen[bytes], tail: LedgerTail, clock: Clock) -> list[Event]:
    """Return the first events of a night: until a worker has taken a probe, the night has ended, or time is up."""
    events: list[Event] = []
    limit = clock.monotonic() + BEGIN_LIMIT_S
    while process.poll() is None and clock.monotonic() < limit:
        events += tail.read()
        if any(isinstance(event, ProbeStarted) for event in events):
            break
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
    return events


def _start(command: Sequence[str], folder: SessionFolder, around: Surroundings) -> subprocess.Popen[bytes]:
    try:
        with folder.night_log.open("ab") as log:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(around.environ),
                start_new_session=True,
            )
    except OSError as error:
        raise LaunchError(f"no night can be started in the background: {error}") from error
