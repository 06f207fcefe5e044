"""Workers that crash, hang, lie or talk too much, and a worker that is killed again and again."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import psutil

from probes.outcome import ProbeStatus
from runner.bench.faults.nights import PATIENCE_S, Night, Place, completed_keys, kill_all, workers_of
from runner.bench.faults.row import Row, measure
from tracking.night import FinishedProbe, NightRecord, slot_of

MOST_ATTEMPTS = 2
"""`probe.max_attempts`, as the sessions leave it."""
ASSERTED = (
    "the night ends; each such probe has that status and no score; each baseline's is asked again, at most "
    f"`probe.max_attempts` = {MOST_ATTEMPTS} times; nothing is measured twice"
)
STATUS = {
    "crash": ProbeStatus.CRASHED,
    "hang": ProbeStatus.TIMED_OUT,
    "out of memory": ProbeStatus.OUT_OF_MEMORY,
    "NaN": ProbeStatus.CRASHED,
    "corrupt adapter": ProbeStatus.CRASHED,
    "outcome of another key": ProbeStatus.CRASHED,
    "outcome half written": ProbeStatus.CRASHED,
    "flood of output": ProbeStatus.CRASHED,
}
"""Fault of the bench's worker → status of its probes."""


def faulty_workers(place: Place, fault: str, tries: int, jobs: int) -> Row:
    """Return the row of nights in which every few probes end in `fault`."""

    def attempt(number: int) -> tuple[str, list[str]]:
        night = place.night(f"{fault.replace(' ', '-')}-{number}")
        environment = {"FAULT": fault, "FAULT_EVERY": str(5 + number % 4)}
        settings = ("probe.deadline_s=2",) if fault == "hang" else ()
        code = night.run(*settings, environment=environment).wait(PATIENCE_S)
        return "", not_survived(night, code, STATUS[fault])

    return measure(fault, ASSERTED, tries, attempt, jobs)


def killed_workers(place: Place, tries: int, jobs: int, every_s: float) -> Row:
    """Return the row of nights one of whose two workers is killed every few seconds."""

    def attempt(number: int) -> tuple[str, list[str]]:
        night, rng = place.night(f"killed-workers-{place.kind}-{number}"), random.Random(number)
        process = night.run(environment={"PROBE_S": "0.2"})
        ends, killed = time.monotonic() + PATIENCE_S, 0
        while process.poll() is None:
            if time.monotonic() > ends:
                kill_all(process)
                return "", ["the night did not end"]
            time.sleep(every_s * rng.uniform(0.5, 1.5))
            workers = workers_of(process)
            if workers and night.ledger.is_file():
                with suppress(psutil.Error):
                    rng.choice(workers).kill()
                    killed += 1
        problems = not_survived(night, process.returncode, ProbeStatus.CRASHED)
        return "", problems if killed else ["no worker was killed"]

    name = f"one of two workers killed every {every_s:g} s" + (" (real training)" if place.kind == "real" else "")
    return measure(name, ASSERTED, tries, attempt, jobs)


def stopped_worker(place: Place, tries: int, jobs: int) -> Row:
    """Return the row of nights one of whose workers stops dead in a probe and never answers."""

    def attempt(number: int) -> tuple[str, list[str]]:
        night = place.night(f"stopped-worker-{place.kind}-{number}")
        process = night.run("probe.deadline_s=12")
        while process.poll() is None and b"probe_started" not in _bytes(night):
            time.sleep(0.02)
        for worker in workers_of(process)[:1]:
            os.kill(worker.pid, signal.SIGSTOP)
        code = process.wait(PATIENCE_S)
        return "", not_survived(night, code, ProbeStatus.TIMED_OUT)

    return measure("a worker stops dead (real training)", ASSERTED, tries, attempt, jobs)


def not_survived(night: Night, code: int, status: ProbeStatus) -> list[str]:
    """Return what is not as a night with failing probes must end."""
    if code != 0:
        return [f"the night ended with exit code {code}: {night.said[-400:]}"]
    record = night.record()
    failed = [probe for probe in record.probes if not probe.is_completed]
    problems: list[str] = []
    if not failed:
        problems.append("no probe failed")
    others = {probe.outcome.status for probe in failed} - {status}
    if others:
        problems.append(f"probes ended {', '.join(sorted(others))} instead of {status}")
    if any(probe.outcome.items for probe in failed):
        problems.append("a failed probe has scores")
    if any(probe.plan.attempt > MOST_ATTEMPTS for probe in record.probes):
        problems.append("a probe was asked too often")
    problems += [f"probe {probe.plan.number} was never asked again" for probe in failed if _is_dropped(probe, record)]
    measured = completed_keys(night.events())
    if len(set(measured)) < len(measured):
        problems.append("a probe was measured twice")
    if record.stopped is None or record.stopped.stop_reason != "finished":
        problems.append("the ledger does not say that the night finished")
    return problems


def _is_dropped(probe: FinishedProbe, record: NightRecord) -> bool:
    """Whether a baseline's failed first attempt was not followed by another."""
    plan = probe.plan
    if plan.arm != "baseline" or plan.attempt >= MOST_ATTEMPTS:
        return False
    later = (p for p in record.probes if slot_of(p.plan) == slot_of(plan) and p.plan.replicate == plan.replicate)
    return not any(p.plan.attempt > plan.attempt for p in later)


def _bytes(night: Night) -> bytes:
    return night.ledger.read_bytes() if night.ledger.is_file() else b""
