"""One sandboxed program while it runs: started through the jailer, read from, and ended with all it started."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from probes.errors import LaunchError
from probes.sandbox.family import descendants, private_memory
from probes.sandbox.jailer import Order
from probes.sandbox.limits import Limits, RunResult, Stopped

PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
"""The interpreter, outside any virtual environment: the one program that is surely visible in the sandbox."""

_JAILER = (
    "import sys; sys.path.append(sys.argv[1]); from probes.sandbox.jailer import main; main(*map(int, sys.argv[2:]))"
)
_ROOT = Path(__file__).resolve().parents[2]
_INSIDE = ("__init__", "plain", "answering", "asking")
_LIBRARIES = (
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
)
_LINKER = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
_STOP_SECONDS = 10.0
_CHUNK = 1 << 16


class Jail:
    """A running program and what it has said so far; `close` ends it, whatever state it is in.

    Raises:
        LaunchError: the machine has no process, memory or disk left for one more program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        limits: Limits,
        *,
        files: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        isolate: bool = True,
        keep: Sequence[int] = (),
    ) -> None:
        self.limits, self._isolate = limits, isolate
        self.stopped: Stopped | None = None
        self._started = time.monotonic()
        self._is_cut_short = False
        self._closed: RunResult | None = None
        self._folder = None if isolate else tempfile.TemporaryDirectory(prefix="nightlab-", ignore_cleanup_errors=True)
        order = _order(argv, limits, files or {}, self._folder.name if self._folder is not None else None, keep)
        reports, reports_end = os.pipe()
        try:
            self._process = _start_jailer(order, stdin, reports_end, keep)
        except OSError as error:
            os.close(reports)
            raise LaunchError(f"no sandboxed program can be started: {error}; free what is short") from error
        finally:
            os.close(reports_end)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        streams = (reports, self._process.stdout.fileno(), self._process.stderr.fileno())
        self._said = {stream: bytearray() for stream in streams}
        self._reports, self._stdout, self._stderr = streams
        self.open = set(streams)
        for stream in streams:
            os.set_blocking(stream, False)

    @property
    def has_ended(self) -> bool:
        """Whether the program and all it started are gone."""
        return self._process.poll() is not None

    def read(self, stream: int) -> None:
        """Take what has arrived on one of the `open` streams; stop the program where it says too much."""
        try:
            chunk = os.read(stream, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self.open.discard(stream)
            if stream == self._reports:  # the jailer's last breath
                self._process.wait()
            return
        said = self._said[stream]
        said += chunk
        most = self.limits.output_kib * 1024
        if len(said) > most and stream != self._reports:
            del said[most:]
            self.stop("output")

    def check(self) -> None:
        """Stop the program where all its processes together go beyond a limit."""
        if self.has_ended:
            return
        family = descendants(self._process.pid)
        if private_memory(family) > self.limits.memory_mib << 20:
            self.stop("memory")
        elif not self._isolate and len(family) > self.limits.processes:
            self.stop("processes")

    def stop(self, limit: Stopped | None = None) -> None:
        """End the program and all it started; `limit` says which one it reached."""
        if self.has_ended:
            return
        self.stopped, self._is_cut_short = limit, True
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The kernel ends the namespace with its jailer.
            self._process.kill()
            self._process.wait()

    def close(self) -> RunResult:
        """End what still runs and return how it went; closing again returns the same."""
        if self._closed is not None:
            return self._closed
        self.stop()
        self._process.wait()
        seconds = time.monotonic() - self._started
        for stream in tuple(self.open):
            self._drain(stream)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        os.close(self._reports)
        if self._folder is not None:
            self._folder.cleanup()
        self._closed = self._result(seconds)
        return self._closed

    def _drain(self, stream: int) -> None:
        most = self.limits.output_kib * 1024
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        # Never until its end: without isolation an orphan may hold the pipe.
        while stream in self.open and len(self._said[stream]) < most and poll.poll(0):
            self.read(stream)

    def _result(self, seconds: float) -> RunResult:
        report: dict[str, Any] = {}
        for line in bytes(self._said[self._reports]).splitlines():
            report |= json.loads(line)
        stdout, stderr = bytes(self._said[self._stdout]), bytes(self._said[self._stderr])
        problem = report.get("problem")
        if not report and not self._is_cut_short:
            problem = f"the jailer ended with code {self._process.returncode}: {stderr[-500:].decode(errors='replace')}"
        stopped, ended_by = self.stopped, report.get("signal")
        if stopped is None and (
            ended_by == signal.SIGXCPU or (ended_by == signal.SIGKILL and report["cpu_s"] >= self.limits.cpu_seconds)
        ):
            stopped = "cpu"
        return RunResult(
            exit_code=report.get("exit_code") if stopped is None and problem is None else None,
            stdout=stdout,
            stderr=stderr,
            seconds=seconds,
            stopped=stopped,
            signal=ended_by,
            problem=problem,
            problem_number=report.get("errno"),
        )


def _order(
    argv: Sequence[str], limits: Limits, files: Mapping[str, str], folder: str | None, keep: Sequence[int]
) -> Order:
    return Order(
        isolate=folder is None,
        argv=list(argv),
        files=dict(files),
        code=_inside_code(),
        folder=folder or "",
        visible=list(_visible()),
        keep=list(keep),
        environment=_environment(),
        limits=limits.model_dump(),
    )


def _start_jailer(order: Order, stdin: bytes, reports: int, keep: Sequence[int]) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as order_file, tempfile.TemporaryFile() as given:
        for file, content in ((order_file, json.dumps(order).encode()), (given, stdin)):
            file.write(content)
            file.seek(0)
        numbers = map(str, (order_file.fileno(), reports, os.getpid()))
        return subprocess.Popen(
            [PYTHON, "-I", "-S", "-c", _JAILER, str(_ROOT), *numbers],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(order_file.fileno(), reports, *keep),
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )


@cache
def _visible() -> tuple[str, ...]:
    library = os.path.dirname(os.path.realpath(os.__file__))
    platform_library = os.path.join(sys.base_exec_prefix, sys.platlibdir)
    return tuple(dict.fromkeys((*_LIBRARIES, *_LINKER, PYTHON, os.path.dirname(library), platform_library)))


@cache
def _inside_code() -> dict[str, str]:
    here = Path(__file__).parent
    return {f"probes/sandbox/{name}.py": (here / f"{name}.py").read_text(encoding="utf-8") for name in _INSIDE}


def _environment() -> dict[str, str]:
    """Return all that the program gets of an environment; a Python moved after it was built needs its linker path."""
    moved = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    fixed = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "2"}
    return fixed | moved
