"""A patient writer: tasks run one after the other in a thread of their own, and what fails is kept and tried again.

The caller never waits: `put` is a queue's. A task must be one that may be run twice, since an answer may be lost after
the work was done.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tracking.mlflow_store import LACKS, without_password

LONGEST_PAUSE_S = 30.0

Given = TypeVar("Given")
Task = Callable[[], object]


class PatientWriter(Generic[Given]):
    """Turns what it is given into tasks, and runs them in order as long as none fails."""

    def __init__(
        self,
        tasks_of: Callable[[Given], Sequence[Task]],
        last: Task,
        on_failure: Callable[[], object],
        first_pause_s: float = 1.0,
    ) -> None:
        """Start the thread.

        Args:
            tasks_of: What is to be done for one thing given; called in the thread, in order, once each.
            last: The task that follows all others at `close`.
            on_failure: Called in the thread after a task failed.
            first_pause_s: Pause after a first failure; it doubles up to `LONGEST_PAUSE_S`.
        """
        self.problems: list[str] = []
        """What went wrong so far, each once; for the report's warnings."""
        self._tasks_of, self._last, self._on_failure = tasks_of, last, on_failure
        self._first_pause_s = first_pause_s
        self._is_given_up = False
        self._inbox: queue.SimpleQueue[Given | None] = queue.SimpleQueue()
        self._pending: deque[Task] = deque()
        self._thread = threading.Thread(target=self._work, name="mlflow-mirror", daemon=True)
        self._thread.start()

    def put(self, given: Given) -> None:
        """Take one thing; returns at once."""
        self._inbox.put(given)

    def close(self, timeout_s: float) -> list[str]:
        """Run what is left and the last task, and return `problems`."""
        if self._thread.is_alive():
            self._inbox.put(None)
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._is_given_up = True
            self._note(f"MLflow did not answer within {timeout_s:.0f} s at the end")
        left = len(self._pending) + self._inbox.qsize()
        if left:
            self._note(f"{left} entries are {LACKS}; the ledger has them, `nightlab resume` mirrors them again")
        elif self.problems and not self._thread.is_alive():
            self._note("everything was written to MLflow afterwards")
        return self.problems

    def _work(self) -> None:
        """Work until told to close; then go over what is left, given up once nothing of it gets through."""
        pause_s, next_try = self._first_pause_s, 0.0
        closing, failures_in_a_row = False, 0
        while (not closing or self._pending) and not self._is_given_up:
            if not closing:
                wait = max(0.0, next_try - time.monotonic()) if self._pending else None
                closing = self._take(wait)
                if closing:
                    self._pending.append(self._last)
            if not self._pending or (not closing and time.monotonic() < next_try):
                continue
            task = self._pending.popleft()
            try:
                task()
                pause_s, next_try, failures_in_a_row = self._first_pause_s, 0.0, 0
            except Exception as error:
                self._on_failure()
                self._pending.append(task)
                if not self.problems:
                    self._note(f"MLflow could not be written for a while: {first_line(error)}")
                next_try, pause_s = time.monotonic() + pause_s, min(LONGEST_PAUSE_S, 2 * pause_s)
                failures_in_a_row += 1
                if closing and failures_in_a_row > len(self._pending):
                    return

    def _take(self, wait_s: float | None) -> bool:
        """Move one thing from the inbox to the pending tasks; True when it was the end."""
        try:
            given = self._inbox.get(timeout=wait_s) if wait_s != 0.0 else self._inbox.get_nowait()
        except queue.Empty:
            return False
        if given is None:
            return True
        self._pending.extend(self._tasks_of(given))
        return False

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def first_line(error: Exception) -> str:
    """Return an error in one line, without the user and password of any address in it."""
    lines = without_password(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
