"""Hostile programs in the sandbox: what each wants must fail, nothing may be left running, nothing outside changed.

The limits are small, so that this can run on a machine that others use.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import psutil

from probes.sandbox.limits import Limits, RunResult
from probes.sandbox.sandbox import Sandbox
from runner.bench.conformance.hostile_programs import CHEATS, PROGRAMS, TESTS
from runner.bench.conformance.row import Row, name_some

LIMITS = Limits(
    seconds=4.0, cpu_seconds=2, memory_mib=128, processes=16, output_kib=64, file_mib=2, disk_mib=8, files=64
)
GRACE_SECONDS = 8.0
"""What ending a run may take beyond its limit on a busy machine."""

_CONTAINED: Mapping[str, Callable[[RunResult], bool]] = {
    "fork bomb": lambda result: result.stopped in ("time", "cpu", "memory"),
    "memory bomb": lambda result: result.stopped == "memory",
    "endless output": lambda result: result.stopped == "output" and len(result.stdout) == LIMITS.output_kib * 1024,
    "orphan with setsid": lambda result: result.stdout == b"parent done\n" and result.seconds < LIMITS.seconds,
    "network": lambda result: result.stdout == b"reached []\n",
    "deleting files": lambda result: result.stdout == b"sees False\n",
    "filling the disk": lambda result: 0 < _mib_written(result) <= LIMITS.disk_mib,
    "killing everything": lambda result: result.stdout == b"sent\n",
    "reading keys": lambda result: result.stdout == b"found [] []\n",
    "gaining privileges": lambda result: result.stdout == b"gained []\n",
}


class _Outside(NamedTuple):
    """What a program might reach."""

    folder: Path
    port: int
    marker: str
    listeners: tuple[socket.socket, ...]
    datagrams: socket.socket


def hostile_rows(folder: Path) -> list[Row]:
    """Return a row for each program; `folder` is not needed."""
    sandbox = Sandbox()
    return [hostile_row(sandbox, name) for name in (*PROGRAMS, *CHEATS)]


def hostile_row(sandbox: Sandbox, name: str, program: str | None = None) -> Row:
    """Return how many of the checks hold while and after a program runs: that of `name`, or `program` in its place."""
    started = perf_counter()
    with _outside() as outside:
        if name in CHEATS:
            checks = _cheat(sandbox, CHEATS[name], outside)
        else:
            checks = _run(sandbox, name, program or PROGRAMS[name], outside)
        checks["nothing left running"] = not marked_processes(outside.marker)
        checks["nothing changed outside"] = _content(outside.folder) == {"keep.txt": "keep"}
        checks["nothing heard outside"] = not _was_reached(outside)
    seconds = perf_counter() - started
    checks["over in time"] = seconds < LIMITS.seconds + GRACE_SECONDS
    failed = [check for check, holds in checks.items() if not holds]
    return Row(
        suite=f"hostile {name}",
        passed=len(checks) - len(failed),
        total=len(checks),
        required=len(checks),
        seconds=seconds,
        note=f"failed: {name_some(failed)}" if failed else "",
    )


def _run(sandbox: Sandbox, name: str, program: str, outside: _Outside) -> dict[str, bool]:
    code = program.format(marker=outside.marker, port=outside.port, outside=outside.folder)
    with _counting(outside.marker) as counts:
        result = sandbox.run([sandbox.python, "-S", "-c", code, outside.marker], limits=LIMITS)
    is_contained = _CONTAINED.get(name, lambda result: result.exit_code == 0)
    return {
        f"contained ({result.ending})": result.problem is None and is_contained(result),
        f"at most {LIMITS.processes} processes": max(counts, default=0) <= LIMITS.processes,
    }


def _cheat(sandbox: Sandbox, cheat: str, outside: _Outside) -> dict[str, bool]:
    secret = secrets.token_hex(16)
    code = cheat.format(marker=outside.marker)
    verdict = sandbox.run_python_tests(code, "answer", TESTS.format(secret=secret), limits=LIMITS)
    known = f"def answer(x): return {secret!r}\n"
    control = sandbox.run_python_tests(known, "answer", TESTS.format(secret=secret), limits=LIMITS)
    return {
        f"not passed ({verdict.reason})": verdict.passed is False,
        "secret kept": secret not in verdict.output,
        "who knows the secret passes": control.passed is True,
    }


@contextmanager
def _outside() -> Generator[_Outside]:
    """Provide a folder, a marker, and listeners on loopback and on a socket that has a name instead of a file."""
    marker = f"hostile-{secrets.token_hex(8)}"
    with (
        tempfile.TemporaryDirectory() as name,
        socket.socket() as stream,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as local,
    ):
        (Path(name) / "keep.txt").write_text("keep")
        stream.bind(("127.0.0.1", 0))
        datagrams.bind(stream.getsockname())
        local.bind(f"\0{marker}")
        stream.listen()
        local.listen()
        for listener in (stream, datagrams, local):
            listener.setblocking(False)
        yield _Outside(Path(name), stream.getsockname()[1], marker, (stream, local), datagrams)


def _was_reached(outside: _Outside) -> bool:
    for listener in outside.listeners:
        with contextlib.suppress(BlockingIOError):
            listener.accept()[0].close()
            return True
    with contextlib.suppress(BlockingIOError):
        outside.datagrams.recv(64)
        return True
    return False


@contextmanager
def _counting(marker: str) -> Generator[list[int]]:
    """Collect how many processes carry the marker, a few times a second."""
    counts: list[int] = []
    done = threading.Event()

    def count() -> None:
        while not done.wait(0.2):
            counts.append(len(marked_processes(marker)))

    counter = threading.Thread(target=count)
    counter.start()
    try:
        yield counts
    finally:
        done.set()
        counter.join()


def marked_processes(marker: str) -> list[int]:
    """Return the processes of this machine with `marker` among their arguments."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if marker in process.cmdline():
                found.append(process.pid)
        except psutil.Error:  # it has ended
            continue
    return found


def _content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def _mib_written(result: RunResult) -> int:
    words = result.stdout.split()
    return int(words[2]) if words[:2] == [b"stopped", b"after"] else LIMITS.disk_mib + 1
