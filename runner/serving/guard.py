"""Stands between nightlab and a server, so that however nightlab ends, no server process and no port stay behind.

    python -m runner.serving.guard FOLDER PROGRAM [ARGUMENT]...

Runs PROGRAM in FOLDER. When its own standard input ends (nightlab closed it, or died in any way, SIGKILL included), on
SIGTERM, or when PROGRAM ends, it stops everything that PROGRAM started: SIGTERM first, SIGKILL after `PATIENCE_S`.
vLLM's engine outlives its parent, so processes that lost theirs are adopted and ended too. Exits with PROGRAM's code.

What it does not cover: a SIGKILL of guard and nightlab at the same moment. PROGRAM itself then still dies, an engine
that it started may not. Linux only; elsewhere nothing is adopted. Only the standard library is imported.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE_S = 3.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_POLL_S = 0.1


def main(arguments: Sequence[str]) -> int:
    """Run and guard `arguments`: a folder, then a command line."""
    folder, *command = arguments
    _adopt_orphans()
    wakeup, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        # An empty handler: the system call is interrupted and the number lands in `wakeup`.
        signal.signal(number, _wake)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_guard
    )
    while process.poll() is None:
        ready, _, _ = select.select([sys.stdin.fileno(), wakeup], [], [])
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 4096):
            break
        if wakeup in ready and set(os.read(wakeup, 4096)) & {signal.SIGTERM, signal.SIGHUP}:
            break
    _end_all(process)
    code = process.returncode
    return code if code >= 0 else 128 - code


def descendants(root: int) -> list[int]:
    """Return the ids of the processes below `root` that still run, from `/proc`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """Stop the process and everything below us: asked first, then killed."""
    signal_all(signal.SIGTERM)
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit and (process.poll() is None or descendants(os.getpid())):
        time.sleep(_POLL_S)
    while descendants(os.getpid()):
        signal_all(signal.SIGKILL)
        time.sleep(_POLL_S)
    process.wait()


def signal_all(number: signal.Signals) -> None:
    """Send a signal to every process below this one."""
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _wake(_number: int, _frame: object) -> None:
    return


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
