"""Workers that crash, hang, lie or talk too much, and a worker that is killed again and again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

import psutil

from agent.schedule import probes_used
from probes.outcome import ProbeStatus
from runner.bench.faults.nights import PATIENCE_S, Night, Place, completed_keys, count, wait_for, workers_of
from runner.bench.faults.row import Row, measure
from tracking.finished import FinishedProbe, slot_of
from tracking.night import NightRecord

MOST_ATTEMPTS = 2
"""`probe.max_attempts`, as the sessions leave it."""
ASSERTED = (
    "the night ends; each such probe has that status and no score; each baseline's is asked again while the budget "
    f"lasts, at most `probe.max_attempts` = {MOST_ATTEMPTS} times; nothing is measured twice"
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


def killed_workers(place: Place, tries: int, jobs: int, every: int) -> Row:
    """Return the row of nights of which one of two workers is killed each time so many more probes have ended."""

    def attempt(number: int) -> tuple[str, list[str]]:
        night, rng = place.night(f"killed-workers-{number}"), random.Random(number)
        process, killed = night.run(environment={"PROBE_S": "0.3"}), 0
        while wait_for(process, lambda due=every * (killed + 1): count(night.ledger, b'"probe_finished"') >= due):
            killed += _kill_one(process, rng)
        return f"{killed} workers killed", _after_kills(night, process, killed)

    return measure(f"one of two workers killed every {every} probes", ASSERTED, tries, attempt, jobs)


def workers_killed_by_the_clock(place: Place, tries: int, jobs: int, every_s: float) -> Row:
    """Return the row of nights with real training of which one of two workers is killed every so many seconds."""

    def attempt(number: int) -> tuple[str, list[str]]:
        night, rng = place.night(f"killed-by-clock-{number}"), random.Random(number)
        process, killed = night.run("launcher.workers=2", "probe.steps=30", "budget.probes=24"), 0
        due = time.monotonic() + every_s
        while wait_for(process, lambda due=due: time.monotonic() > due):
            killed, due = killed + _kill_one(process, rng), due + every_s
        return f"{killed} workers killed", _after_kills(night, process, killed)

    return measure(f"one of two workers killed every {every_s:g} s (real training)", ASSERTED, tries, attempt, jobs)


def _kill_one(process: subprocess.Popen[bytes], rng: random.Random) -> int:
    """Kill one of a night's workers and return how many that were."""
    workers = workers_of(process)
    if not workers:
        return 0
    with suppress(psutil.Error):
        rng.choice(workers).kill()
    return 1


def _after_kills(night: Night, process: subprocess.Popen[bytes], killed: int) -> list[str]:
    code = process.wait(PATIENCE_S)
    return not_survived(night, code, ProbeStatus.CRASHED) if killed else ["no worker was killed"]


def stopped_worker(place: Place, tries: int, jobs: int) -> Row:
    """Return the row of nights one of whose workers stops dead in a probe and never answers."""

    def attempt(number: int) -> tuple[str, list[str]]:
        night = place.night(f"stopped-worker-{place.kind}-{number}")
        process = night.run("probe.deadline_s=12", "launcher.workers=2")
        # Before both have a probe one may still be starting, and the night would go on without it.
        wait_for(process, lambda: _under_way(night) == 2)
        for worker in workers_of(process)[:1]:
            os.kill(worker.pid, signal.SIGSTOP)
        code = process.wait(PATIENCE_S)
        return "", not_survived(night, code, ProbeStatus.TIMED_OUT)

    return measure("a worker stops dead (real training)", ASSERTED, tries, attempt, jobs)


def _under_way(night: Night) -> int:
    return count(night.ledger, b'"probe_started"') - count(night.ledger, b'"probe_finished"')


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
    if probes_used(record) < budget_of(record):
        again = (probe for probe in failed if _is_dropped(probe, record))
        problems += [f"probe {probe.plan.number} was never asked again" for probe in again]
    measured = completed_keys(night.events())
    if len(set(measured)) < len(measured):
        problems.append("a probe was measured twice")
    if record.stopped is None or record.stopped.stop_reason != "finished":
        problems.append("the ledger does not say that the night finished")
    return problems


def budget_of(record: NightRecord) -> int:
    """Return the probes a night may spend."""
    assert record.started is not None
    return int(record.started.config["budget"]["probes"])


def _is_dropped(probe: FinishedProbe, record: NightRecord) -> bool:
    """Whether a baseline's failed first attempt was not followed by another."""
    plan = probe.plan
    if plan.arm != "baseline" or plan.attempt >= MOST_ATTEMPTS:
        return False
    later = (p for p in record.probes if slot_of(p.plan) == slot_of(plan) and p.plan.replicate == plan.replicate)
    return not any(p.plan.attempt > plan.attempt for p in later)
