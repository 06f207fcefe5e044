"""One warm worker process: started, spoken to in JSON lines, watched, killed with all its children.

The protocol: on start the worker writes `{"ready": true, "pid": …}`; for each `{"request": …}` line on its standard
input it writes one `ProbeOutcome` line. What else a library prints there goes to the log. The process leads a session
of its own, so that Ctrl-C reaches only us.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil

from probes.request import ProbeRequest

PROBE_LOG = "worker.log"
"""What a probe's libraries print, in the probe's folder."""
LOG_TAIL_LINES = 30
LOG_TAIL_BYTES = 16_384
MOST_OUTPUT = 32 * 2**20
"""Characters a worker may write during one probe, to us or to its logs; more is a flood, and its end."""
_GIB = 2**30


@dataclass(frozen=True)
class Said:
    """Something a worker did: `reply` is a JSON object it wrote, None when its output ended."""

    worker: WorkerProcess
    reply: dict[str, Any] | None


class WorkerProcess:
    """A worker and the thread that reads its answers into `inbox`."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        inbox: queue.SimpleQueue[Said],
    ) -> None:
        """Start `command` in `folder`; its standard error is appended to `log`.

        Raises:
            OSError: the program cannot be started or the log not be written.
        """
        self._log = log
        self._probe_log: Path | None = None
        self._probe_mark = 0
        self._inbox = inbox
        self._is_over = False
        self._said = 0
        self.is_ready = False
        self.peak_memory_gib = 0.0
        with log.open("ab") as stderr:
            self._mark = stderr.tell()
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
                encoding="utf-8",
                errors="replace",
            )
        self._reader = threading.Thread(target=self._read, name=f"read-{log.stem}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id, also the id of its group."""
        return self._process.pid

    @property
    def is_flooding(self) -> bool:
        """Whether it has written more since its last request than any probe has to say."""
        logs = [(self._log, self._mark)]
        if self._probe_log is not None:
            logs.append((self._probe_log, self._probe_mark))
        return self._said >= MOST_OUTPUT or any(_size(log) - mark > MOST_OUTPUT for log, mark in logs)

    def send(self, request: ProbeRequest) -> None:
        """Hand over a request; a worker that is already gone shows itself by the end of its output."""
        self._said = 0
        self._mark = self._log.stat().st_size
        self._probe_log = Path(request.folder) / PROBE_LOG
        self._probe_mark = self._probe_log.stat().st_size if self._probe_log.is_file() else 0
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps({"request": request.model_dump(mode="json")}) + "\n")
            stdin.flush()
        except OSError:
            return

    def kill(self) -> None:
        """Kill the whole group and wait for the worker; may be called twice."""
        if self._is_over:
            return
        self._is_over = True
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        self._process.wait()
        self._release()

    def end_input(self) -> None:
        """Tell the worker that there is nothing more to do."""
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(OSError):
            stdin.close()

    def close(self, patience_s: float) -> None:
        """Let the worker end by itself after `end_input`, then kill what is left of its group."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=patience_s)
        self.kill()

    def exit_words(self) -> str:
        """Say how the process ended; waits for its end."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # It closed its output and lives on: of no more use to us.
            self.kill()
            return "closed its output and had to be killed"
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name
        hint = " (often the system's out-of-memory killer)" if -code == signal.SIGKILL else ""
        return f"was killed by {name}{hint}"

    def log_tail(self) -> str:
        """Return the last lines since the last request (or the start): of the probe's log, then of the worker's."""
        lines = _lines_since(self._log, self._mark)
        if self._probe_log is not None:
            lines = [*_lines_since(self._probe_log, self._probe_mark), *lines]
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def cut_logs(self) -> None:
        """Take a flood out of the logs, but for its last lines; the worker must be dead."""
        _cut(self._log, self._mark)
        if self._probe_log is not None:
            _cut(self._probe_log, self._probe_mark)

    def note_memory(self) -> float:
        """Return the memory of the worker and its children now, in GiB, and keep its peak."""
        try:
            process = psutil.Process(self._process.pid)
            family = [process, *process.children(recursive=True)]
            now = sum(member.memory_info().rss for member in family) / _GIB
        except psutil.Error:
            return 0.0
        self.peak_memory_gib = max(self.peak_memory_gib, now)
        return now

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        with self._log.open("a", encoding="utf-8") as log:
            while line := stdout.readline(MOST_OUTPUT):
                self._said += len(line)
                if self._said >= MOST_OUTPUT:
                    return  # whoever writes on is held up by the full pipe until it is killed
                reply = _as_object(line)
                if reply is None:
                    log.write(line)
                else:
                    self._inbox.put(Said(self, reply))
        self._inbox.put(Said(self, None))

    def _release(self) -> None:
        self.end_input()
        self._reader.join(timeout=5)
        stdout = self._process.stdout
        # A grandchild that left the group may hold the pipe open; closing it under the reader would block.
        if stdout is not None and not self._reader.is_alive():
            stdout.close()


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _cut(log: Path, mark: int) -> None:
    """Shorten what follows `mark` to its end, where it is long."""
    if _size(log) - mark > MOST_OUTPUT:
        with log.open("r+b") as file:
            file.seek(-LOG_TAIL_BYTES, os.SEEK_END)
            end = file.read()
            file.truncate(mark)
            file.seek(mark)
            file.write(end)


def _lines_since(log: Path, mark: int) -> list[str]:
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(mark, size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _as_object(line: str) -> dict[str, Any] | None:
    """Return the JSON object on a line; an object that breaks off is still an answer, if a wrong one."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value: Any = json.loads(line)
    except json.JSONDecodeError:
        return {"garbled": line[:500]}
    return cast("dict[str, Any]", value)
