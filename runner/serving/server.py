"""A vLLM server as a process of ours: started behind its guard, watched, started again when it died, stopped.

Nothing here speaks to the models it serves; that is `probes.evaluation.backends.vllm`.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import runner
from probes.errors import LaunchError
from probes.evaluation.backends.vllm_client import is_healthy
from runner.serving.command import ServerCommand
from runner.serving.guard import PATIENCE_S

LOG_NAME = "vllm.log"
TAIL_LINES, TAIL_BYTES = 25, 16_384
POLL_S = 0.25
SAY_EVERY_S = 15.0
_ROOT = Path(runner.__file__).resolve().parent.parent

Say = Callable[[str], None]


class VllmServer:
    """One server and, where it died, its successors on the same port; a context manager that ends it."""

    def __init__(self, command: ServerCommand, url: str, log: Path, startup_s: float, restarts: int, say: Say) -> None:
        """Describe the server; `say` is told about its start, its deaths, and when it is given up."""
        self._command, self._startup_s, self._restarts, self._say = command, startup_s, restarts, say
        self.url, self.log = url, log
        self.deaths = 0
        self.failure: str | None = None
        """Why it was given up, None while it was not."""
        self._on_failure: Callable[[], None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._mark = 0
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            LaunchError: it ended, or did not answer within its time; the message ends with its log.
        """
        self._launch()
        problem = self._wait_until_up()
        if problem is not None:
            self.stop()
            raise LaunchError(f"vLLM's server {problem}; its log `{self.log}` ends:\n{self.log_tail()}")

    def watch(self, on_failure: Callable[[], None]) -> None:
        """Start the server again whenever it dies, in a thread of its own; `on_failure` when it is given up."""
        self._on_failure = on_failure
        self._watcher = threading.Thread(target=self._keep_up, name="watch-vllm", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End the server with everything it started, and wait for that; may be called twice."""
        self._stopping.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join(timeout=10)
        self._end_process()

    def log_tail(self) -> str:
        """Return the last lines of the server's log since its last start."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(self._mark, size - TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-TAIL_LINES:]) or "(empty)"

    @property
    def pid(self) -> int | None:
        """Process id of the guard, None before the start."""
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def _launch(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        guard = (sys.executable, "-m", "runner.serving.guard", str(self.log.parent))
        with self.log.open("ab") as log:
            self._mark = log.tell()
            try:
                self._process = subprocess.Popen(
                    [*guard, *self._command.argv],
                    stdin=subprocess.PIPE,  # its end is the sign for the guard
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._command.environment,
                    cwd=_ROOT,
                    start_new_session=True,
                )
            except OSError as error:
                raise LaunchError(f"vLLM's server cannot be started: {error}; check the free processes") from error

    def _wait_until_up(self) -> str | None:
        """Return what is wrong, None when the server answers."""
        began = said = time.monotonic()
        process = self._process
        assert process is not None
        while not is_healthy(self.url):
            now = time.monotonic()
            if process.poll() is not None:
                return f"ended with exit code {process.returncode} before it answered"
            if now - began > self._startup_s:
                return f"did not answer on {self.url} within {self._startup_s:g} s (`serving.startup_s`)"
            if now - said > SAY_EVERY_S:
                said = now
                self._say(f"vLLM's server is starting: {now - began:.0f} s")
            if self._stopping.wait(POLL_S):
                return "was stopped while it started"
        return None

    def _keep_up(self) -> None:
        while not self._stopping.wait(POLL_S):
            process = self._process
            if process is None or process.poll() is None:
                continue
            self.deaths += 1
            how = f"vLLM's server ended with exit code {process.returncode}"
            if self.deaths > self._restarts:
                self._give_up(f"{how} for the {self.deaths}. time (`serving.restarts` = {self._restarts})")
                return
            self._say(f"{how}; starting it again ({self.deaths} of {self._restarts})")
            self._end_process()
            self._launch()
            problem = self._wait_until_up()
            if problem is not None and not self._stopping.is_set():
                self._end_process()

    def _give_up(self, why: str) -> None:
        self.failure = f"{why}; its log `{self.log}` ends:\n{self.log_tail()}"
        self._say(why)
        if self._on_failure is not None:
            self._on_failure()

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        _close(process.stdin)
        try:
            process.wait(timeout=PATIENCE_S + 10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()
