"""Calls somebody when the night needs them: a command of the user's, started for chosen events of the ledger.

A thread of its own starts it, one event after the other, so that the night never waits; what it does with the event is
its own affair. A command that fails or hangs is counted and told once. Not covered: events that come faster than the
command ends are dropped beyond `BACKLOG`, and counted too.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from probes.errors import ConfigError
from runner.config import AlarmConfig
from runner.launchers.devices import worker_environment
from runner.progress import line_of
from tracking.events import Event
from tracking.night import NightRecord

BACKLOG = 100
"""Events that may wait for the command."""
CLOSE_EXTRA_S = 5.0


def check_alarm(config: AlarmConfig, environ: Mapping[str, str]) -> None:
    """Make sure that the night could call somebody.

    Raises:
        ConfigError: the command names no program that can be started in the session's folder.
    """
    if not config.command:
        return
    program = config.command[0]
    is_elsewhere = os.sep in program and not os.path.isabs(program)
    if is_elsewhere or shutil.which(program, path=environ.get("PATH", os.defpath)) is None:
        raise ConfigError(
            "`alarm.command` must begin with a program that can be started, by its whole path or by its name on PATH, "
            f"got `{program}`: nobody would be called; correct it, or leave `alarm.command` out"
        )


class AlarmHook:
    """A ledger observer that starts `[alarm] command`."""

    def __init__(
        self, config: AlarmConfig, folder: Path, log: Path, environ: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        """Work in the session's `folder`; what the command prints is appended to `log`, API keys are kept from it."""
        self._config, self._folder, self._log, self._say = config, folder, log, say
        self._environ = worker_environment(environ, None)
        self._night = NightRecord()
        self._waiting: queue.Queue[str | None] = queue.Queue(BACKLOG)
        self._is_closed = False
        self.started = self.failures = self.dropped = 0
        self._first_failure = ""
        self._running: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, name="alarm", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Take an event of an earlier stretch of the night; nobody is called again."""
        self._night.apply(event)

    def __call__(self, event: Event) -> None:
        """Take an event; returns at once."""
        self.take(event)
        if event.kind not in self._config.on_event or self._is_closed:
            return
        added = {"folder": str(self._folder), "line": line_of(event, self._night)}
        try:
            self._waiting.put_nowait(json.dumps({**event.model_dump(mode="json"), **added}, ensure_ascii=False))
        except queue.Full:
            self.dropped += 1

    def close(self) -> list[str]:
        """Let the command have what waits, as long as one run of it may take, and return what went wrong."""
        self._is_closed = True
        with suppress(queue.Full):
            self._waiting.put(None, timeout=self._config.timeout_s)
        self._thread.join(self._config.timeout_s + CLOSE_EXTRA_S)
        if self._thread.is_alive() and self._running is not None:
            _kill(self._running)
        left = self.dropped + max(0, self._waiting.qsize() - 1)
        problems: list[str] = []
        if self.failures:
            count = f"failed {self.failures} of {self.started} times"
            problems.append(f"`{self._config.command[0]}` {count}, first: {self._first_failure}; see {self._log}")
        if left:
            problems.append(f"{left} events came faster than `{self._config.command[0]}` ended and were not passed on")
        return problems

    def _work(self) -> None:
        while (text := self._waiting.get()) is not None:
            self.started += 1
            failure = self._start(text)
            if failure is not None:
                self.failures += 1
                if self.failures == 1:
                    self._first_failure = failure
                    self._say(f"the alarm command {failure}; further failures are only counted, see {self._log}")

    def _start(self, text: str) -> str | None:
        """Run the command once; return what went wrong, None when it ended well."""
        try:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    self._config.command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=self._environ,
                    cwd=self._folder,
                    start_new_session=True,
                    encoding="utf-8",
                )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            self._running = process
            process.communicate(text, timeout=self._config.timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.communicate()
            return f"took longer than {self._config.timeout_s:g} s (`alarm.timeout_s`) and was killed"
        return None if process.returncode == 0 else f"ended with exit code {process.returncode}"


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill the command with its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
