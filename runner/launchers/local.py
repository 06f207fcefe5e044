"""The local launcher: a pool of warm worker processes on this machine, one per core or GPU.

Workers start when the pool is built, so that their imports overlap with the preflight. A worker that dies or hangs
costs one probe, which is recorded with status and log tail; a new worker takes its place. Callbacks are only ever
called on the thread that called `run`.
"""

from __future__ import annotations

import os
import queue
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

import runner
from agent.ports import OnFinish, OnStart
from probes.errors import LaunchError
from probes.outcome import ProbeOutcome, ProbeStatus
from probes.training.log import LOG_NAME, read_summary
from runner.interrupts import StopRequest
from runner.launchers.devices import worker_environment
from runner.launchers.worker_process import MOST_OUTPUT, Said, WorkerProcess
from tracking.clock import Clock
from tracking.events import ProbePlan

WORKER_COMMAND = (sys.executable, "-m", "probes.worker")
PACKAGE_ROOT = Path(runner.__file__).resolve().parent.parent
OUTCOME_NAME = "outcome.json"
TICK_S = 0.2
MEMORY_EVERY_S = 2.0
START_DEADLINE_S = 300.0
MAX_START_FAILURES = 3
"""Workers in a row that ended without doing a probe, in every place of the pool, after which the night stops."""
LONGEST_REST_S = 60.0
"""Of a place whose workers end again and again while others work."""
CLOSE_PATIENCE_S = 3.0


@dataclass
class _Slot:
    """A place in the pool: its device, its worker now, and the probe that runs there."""

    number: int
    gpu: str | None
    worker: WorkerProcess
    since: float
    """When the worker was started or was handed its probe."""
    failures: int = 0
    """Workers in a row that ended here without doing a probe."""
    rests_until: float | None = None
    """When the next worker is started; None: there is one."""
    plan: ProbePlan | None = None
    peak_memory_gib: float = 0.0


class LocalLauncher:
    """Runs probes in warm worker processes; implements `agent.ports.Launcher`."""

    def __init__(
        self,
        gpus: Sequence[str | None],
        log_folder: Path,
        clock: Clock,
        stop: StopRequest,
        command: Sequence[str] = WORKER_COMMAND,
        environment: Mapping[str, str] | None = None,
        key_name: str | None = None,
    ) -> None:
        """Start one worker per entry of `gpus` (None: a CPU worker), logging to `log_folder/worker-N.log`.

        `key_name` is the variable of the one key that the workers need: the judge's.

        Raises:
            LaunchError: no process can be started.
        """
        self._log_folder, self._clock, self._stop = log_folder, clock, stop
        self._command = tuple(command)
        self._environment = dict(os.environ if environment is None else environment)
        self._key_name = key_name
        self._inbox: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._memory_at = 0.0
        self._slots: list[_Slot] = []
        log_folder.mkdir(parents=True, exist_ok=True)
        for number, gpu in enumerate(gpus):
            self._slots.append(_Slot(number, gpu, self._start(number, gpu), clock.monotonic()))

    @property
    def workers(self) -> int:
        """Probes that run at the same time."""
        return len(self._slots)

    @property
    def is_stopping(self) -> bool:
        """Whether the user or the system asked for the end."""
        return self._stop.is_stopping

    @property
    def peak_memory_gib(self) -> tuple[float, ...]:
        """Peak resident memory of each place in the pool, children included."""
        return tuple(max(slot.peak_memory_gib, slot.worker.peak_memory_gib) for slot in self._slots)

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        """Run `plans`; see `agent.ports.Launcher`.

        Raises:
            LaunchError: workers cannot be started.
        """
        waiting = deque(plans)
        while waiting or self._busy():
            if self._stop.is_urgent:
                self._give_up()
                return
            if self._stop.is_stopping:
                waiting.clear()
            self._hand_out(waiting, on_start)
            self._listen(on_finish)
            self._enforce_limits(on_finish)
            self._end_rests()
            self._note_memory()

    def close(self) -> None:
        """End all workers, with their children; may be called twice."""
        for slot in self._slots:
            slot.worker.end_input()
        ends_at = self._clock.monotonic() + (0.0 if self._busy() or self._stop.is_urgent else CLOSE_PATIENCE_S)
        for slot in self._slots:
            # One that still imports would not see the end of its input for seconds, and has nothing to lose.
            patience = max(0.0, ends_at - self._clock.monotonic()) if slot.worker.is_ready else 0.0
            slot.worker.close(patience)
        self._slots.clear()

    def __enter__(self) -> Self:
        """Return the launcher itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pool."""
        self.close()

    def _busy(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.plan is not None]

    def _hand_out(self, waiting: deque[ProbePlan], on_start: OnStart) -> None:
        for slot in self._slots:
            if waiting and slot.plan is None and slot.worker.is_ready:
                plan = waiting.popleft()
                # What an earlier attempt trained is not this one's.
                (Path(plan.request.folder) / LOG_NAME).unlink(missing_ok=True)
                if on_start(plan) is False:
                    waiting.clear()
                    return
                slot.plan, slot.since = plan, self._clock.monotonic()
                slot.worker.send(plan.request)

    def _listen(self, on_finish: OnFinish) -> None:
        """Wait a moment for something to be said, then deal with all that was."""
        try:
            said = self._inbox.get(timeout=TICK_S)
            while True:
                self._hear(said, on_finish)
                said = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _hear(self, said: Said, on_finish: OnFinish) -> None:
        slot = next((slot for slot in self._slots if slot.worker is said.worker), None)
        if slot is None or slot.rests_until is not None:
            return  # the last words of a worker that was replaced, or will be
        if said.reply is None:
            self._bury(slot, on_finish)
        elif said.reply.get("ready") is True:
            said.worker.is_ready = True
        elif slot.plan is not None:
            self._take_outcome(slot, slot.plan, said, on_finish)

    def _take_outcome(self, slot: _Slot, plan: ProbePlan, said: Said, on_finish: OnFinish) -> None:
        try:
            outcome = ProbeOutcome.model_validate(said.reply)
        except ValidationError as error:
            problem = f"the worker's answer is no probe outcome: {error.errors()[0]['msg']}"
            self._fail(slot, plan, ProbeStatus.CRASHED, problem, on_finish)
            return
        if outcome.key != plan.request.key:
            problem = f"the worker answered for probe {outcome.key} instead of {plan.request.key}"
            self._fail(slot, plan, ProbeStatus.CRASHED, problem, on_finish)
            return
        slot.worker.note_memory()
        slot.plan = None
        slot.failures = 0
        on_finish(plan, outcome)

    def _bury(self, slot: _Slot, on_finish: OnFinish) -> None:
        """Replace a worker whose output ended, and record the probe it took along."""
        how = slot.worker.exit_words()
        if slot.plan is not None:
            self._fail(slot, slot.plan, ProbeStatus.CRASHED, f"the worker {how}", on_finish)
            return
        self._start_again(slot, how)

    def _fail(self, slot: _Slot, plan: ProbePlan, status: ProbeStatus, message: str, on_finish: OnFinish) -> None:
        """Kill the slot's worker, start a new one and hand over the failed probe as a result."""
        seconds = self._clock.monotonic() - slot.since
        slot.worker.kill()
        tail = slot.worker.log_tail()
        slot.worker.cut_logs()
        slot.plan = None
        self._replace(slot)
        outcome = ProbeOutcome(
            key=plan.request.key,
            status=status,
            training=read_summary(Path(plan.request.folder)),
            seconds=seconds,
            message=message,
            log_tail=tail,
        )
        _leave_outcome(plan, outcome)
        on_finish(plan, outcome)

    def _enforce_limits(self, on_finish: OnFinish) -> None:
        now = self._clock.monotonic()
        for slot in self._slots:
            if slot.rests_until is not None:
                continue
            if slot.worker.is_flooding:
                self._stop_flood(slot, on_finish)
                continue
            plan, age = slot.plan, now - slot.since
            if plan is not None and age > plan.request.deadline_s:
                limit = f"no result within the deadline of {plan.request.deadline_s:g} s (`probe.deadline_s`)"
                self._fail(slot, plan, ProbeStatus.TIMED_OUT, limit, on_finish)
            elif plan is None and not slot.worker.is_ready and age > START_DEADLINE_S:
                self._start_again(slot, f"was not ready within {START_DEADLINE_S:g} s")

    def _stop_flood(self, slot: _Slot, on_finish: OnFinish) -> None:
        how = f"wrote more than {MOST_OUTPUT // 2**20} MiB of output and was killed"
        if slot.plan is not None:
            self._fail(slot, slot.plan, ProbeStatus.CRASHED, f"the worker {how}", on_finish)
            return
        slot.worker.kill()
        slot.worker.cut_logs()
        self._start_again(slot, how)

    def _start_again(self, slot: _Slot, how: str) -> None:
        """Replace a worker that did no probe; the more of them in a row, the longer its place rests before.

        Raises:
            LaunchError: no place has a worker that does its probes.
        """
        slot.failures += 1
        # Of every place, not of the pool: workers that somebody else kills one after the other are no broken machine.
        if all(other.failures >= MAX_START_FAILURES for other in self._slots):
            raise LaunchError(
                f"a worker {how}; that makes {slot.failures} in a row that ended without doing a probe. Its log "
                f"`{self._log(slot.number)}` ends:\n{slot.worker.log_tail() or '(empty)'}"
            )
        if slot.failures == 1:
            self._replace(slot)
            return
        slot.worker.kill()
        slot.worker.is_ready = False
        slot.rests_until = self._clock.monotonic() + min(LONGEST_REST_S, 2.0 ** (slot.failures - 1))

    def _end_rests(self) -> None:
        for slot in self._slots:
            if slot.rests_until is not None and self._clock.monotonic() >= slot.rests_until:
                self._replace(slot)

    def _give_up(self) -> None:
        """Kill the busy workers; their probes get no result and are repeated by a resumed night."""
        for slot in self._busy():
            slot.worker.kill()
            slot.plan = None
            slot.worker.is_ready = False

    def _note_memory(self) -> None:
        now = self._clock.monotonic()
        if now - self._memory_at >= MEMORY_EVERY_S:
            self._memory_at = now
            for slot in self._slots:
                slot.worker.note_memory()

    def _replace(self, slot: _Slot) -> None:
        slot.worker.kill()
        slot.peak_memory_gib = max(slot.peak_memory_gib, slot.worker.peak_memory_gib)
        slot.worker = self._start(slot.number, slot.gpu)
        slot.rests_until = None
        slot.since = self._clock.monotonic()

    def _start(self, number: int, gpu: str | None) -> WorkerProcess:
        environment = worker_environment(self._environment, gpu, self._key_name)
        try:
            return WorkerProcess(self._command, environment, PACKAGE_ROOT, self._log(number), self._inbox)
        except OSError as error:
            raise LaunchError(
                f"worker {number} cannot be started: {error}; check `{self._command[0]}` and the free processes"
            ) from error

    def _log(self, number: int) -> Path:
        return self._log_folder / f"worker-{number}.log"


def _leave_outcome(plan: ProbePlan, outcome: ProbeOutcome) -> None:
    """Put the outcome where the dead worker would have; the ledger has it in any case."""
    with suppress(OSError):
        folder = Path(plan.request.folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OUTCOME_NAME).write_text(outcome.model_dump_json(indent=1), encoding="utf-8")
