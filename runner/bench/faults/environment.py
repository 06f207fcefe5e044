"""The machine around a night: its disk, its clock, its terminal, its signals, and the alarm command."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runner.bench.faults.kills import not_kept
from runner.bench.faults.mlflow_faults import mlflow_away, mlflow_back, mlflow_gone
from runner.bench.faults.nights import PATIENCE_S, Night, Place, count, wait_for
from runner.bench.faults.row import Row, Try, measure, unequal

GOES_ON = "the night goes on by itself, and its ledger equals the uninterrupted night's"
RESUMED = "the night stops with exit code 4 and says how to go on; resumed, its ledger equals the uninterrupted night's"
MIB = 2**20
Problems = list[str]


def full_disk_freed(place: Place, number: int) -> tuple[str, Problems]:
    """Let the ledger meet the end of the disk, and make room two seconds later."""
    night = place.night(f"full-disk-freed-{number}")
    process = night.run()
    _limit_files(process, night, 10 + 7 * number)
    waits = wait_for(process, lambda: "paused" in night.said)
    time.sleep(2.0)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    code = process.wait(PATIENCE_S)
    problems = [] if waits and code == 0 else [f"exit code {code}: {night.said[-400:]}"]
    return "", problems + unequal(_without_start(night.story()), _without_start(place.reference))


def full_disk_kept(place: Place, number: int) -> tuple[str, Problems]:
    """Let the ledger meet the end of the disk, and nobody make room."""
    night = place.night(f"full-disk-kept-{number}")
    process = night.run("launcher.disk_wait_s=1")
    _limit_files(process, night, 10 + 7 * number)
    code = process.wait(PATIENCE_S)
    problems = [] if code == 4 and "nightlab resume" in night.said else [f"exit code {code}: {night.said[-400:]}"]
    return "", problems + _resumed(night)


def small_disk(place: Place, number: int) -> tuple[str, Problems]:
    """Start a night on a disk that cannot hold it."""
    night = place.night(f"small-disk-{number}")
    code = night.run("launcher.disk_reserve_gib=1", prefix=_on_small_disk(night.out.parent, 48)).wait(PATIENCE_S)
    said = night.said
    told = all(words in said for words in ("free and the night may need", "GiB", "MiB", "launcher.disk_reserve_gib"))
    return "", [] if code == 3 and told else [f"exit code {code}: {said[-400:]}"]


def filling_disk(place: Place, number: int) -> tuple[str, Problems]:
    """Fill the disk under a running night below its reserve, and make room two seconds later."""
    night = place.night(f"filling-disk-{number}")
    process = night.run(
        "launcher.disk_reserve_gib=0.02", environment={"PROBE_S": "0.1"}, prefix=_on_small_disk(night.out.parent, 48)
    )
    # Seen from outside the night's own mount of the disk.
    there = Path(f"/proc/{process.pid}/root") / night.out.relative_to("/")
    wait_for(process, lambda: count(there / "ledger.jsonl", b"probe_finished") >= 3)
    ballast = there.parent / "ballast"
    ballast.write_bytes(bytes(max(0, shutil.disk_usage(there).free - 5 * MIB)))
    paused = wait_for(process, lambda: "paused" in night.said)
    lines = count(there / "ledger.jsonl", b"probe_started")
    time.sleep(2.0)
    problems = [] if count(there / "ledger.jsonl", b"probe_started") <= lines + 1 else ["it went on without room"]
    ballast.unlink()
    # The disk goes with the process; its ledger is kept before.
    ended = wait_for(process, lambda: count(there / "ledger.jsonl", b'"finished"') > 0)
    if ended:
        night.out.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            shutil.copy(there / "ledger.jsonl", night.ledger)
    code = process.wait(PATIENCE_S)
    problems += [] if paused and code == 0 else [f"exit code {code}: {night.said[-400:]}"]
    return "", problems + unequal(_without_start(night.story()), _without_start(place.reference))


def clock_jumps(place: Place, number: int) -> tuple[str, Problems]:
    """Stop a night twice, with the wall clock back an hour and then on by a day."""
    night, began = place.night(f"clock-{number}"), time.monotonic()
    for lines, shift in ((12, 0.0), (40, -3600.0), (0, 86_400.0)):
        process = night.run("budget.hours=0.5", environment={"WALL_SHIFT_S": str(shift)})
        if lines and wait_for(process, lambda lines=lines: count(night.ledger, b"\n") >= lines):
            os.kill(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_S)
    record, took = night.record(), time.monotonic() - began
    problems = [] if 0 < record.active_s <= took else [f"the night's time is {record.active_s} s of {took:.1f} s"]
    if record.search_ended is None or " h " in record.search_ended:
        problems.append(f"the search ended because {record.search_ended}")
    return "", problems + unequal(_without_start(night.story()), _without_start(place.reference))


def asked_to_stop(place: Place, number: int) -> tuple[str, Problems]:
    """Send SIGTERM at some moment, as a shutdown does."""
    night = place.night(f"sigterm-{number}")
    process = night.run()
    if wait_for(process, lambda: count(night.ledger, b"\n") >= 8 + 9 * number):
        os.kill(process.pid, signal.SIGTERM)
    return "", _interrupted(night, process.wait(PATIENCE_S)) + _resumed(night)


def closed_terminal(place: Place, number: int) -> tuple[str, Problems]:
    """Run a night on a terminal of its own, and close that."""
    night = place.night(f"closed-terminal-{number}")
    ours, theirs = pty.openpty()
    # With SIGHUP as a terminal's programs have it, also where the bench itself runs under nohup.
    script = (
        "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = night.run(prefix=("sh", "-c", f'exec "$@" <>{os.ttyname(theirs)} >&0 2>&0', "sh", *_python(script)))
    wait_for(process, lambda: _drained(ours) and count(night.ledger, b"\n") >= 8 + 9 * number)
    os.close(theirs)
    os.close(ours)
    return "", _interrupted(night, process.wait(PATIENCE_S)) + _resumed(night)


def hanging_alarm(place: Place, number: int) -> tuple[str, Problems]:
    """Have an alarm command that never ends."""
    night, began = place.night(f"hanging-alarm-{number}"), time.monotonic()
    command = 'alarm.command=["sleep", "600"]'
    code = night.run(command, "alarm.timeout_s=1", 'alarm.on_event=["claim_made", "session_stopped"]').wait(PATIENCE_S)
    problems = [] if code == 0 else [f"exit code {code}: {night.said[-400:]}"]
    if time.monotonic() - began > place.reference_s + 60.0:
        problems.append("the night waited for the command")
    if not any(w.subject == "alarm" and "failed" in w.message for w in night.record().warnings):
        problems.append("the ledger does not tell that the command failed")
    return "", problems + unequal(_without_start(night.story()), _without_start(place.reference))


FAULTS: dict[str, tuple[Callable[[Place, int], tuple[str, Problems]], str]] = {
    "disk full in the night, room is made": (full_disk_freed, GOES_ON),
    "disk full in the night, nobody makes room": (full_disk_kept, RESUMED),
    "disk filled below the reserve, room is made": (filling_disk, f"no probe starts without room; {GOES_ON}"),
    "disk too small for the night": (small_disk, "exit code 3 before the first line, naming needed and free"),
    "wall clock back an hour, then on by a day": (
        clock_jumps,
        "the night's time is what it took, no budget is used up, the ledger equals the uninterrupted night's",
    ),
    "SIGTERM": (asked_to_stop, "exit code 130, running probes end; resumed, the ledger equals the uninterrupted"),
    "closed terminal": (closed_terminal, "exit code 130, running probes end; resumed, the ledger equals the "
                                         "uninterrupted night's"),
    "alarm command hangs": (hanging_alarm, "the night does not wait, and tells it; its ledger equals the one without"),
    "MLflow away at the start": (mlflow_away, "exit code 3 with the cure, and no folder is left"),
    "MLflow away in the middle": (mlflow_back, "the night ends; every probe and the claim are in MLflow then"),
    "MLflow away until the end": (
        mlflow_gone, "the night ends and tells what is missing; `resume` writes it, and nothing is missing then"
    ),
}  # fmt: skip


def environment_fault(place: Place, fault: str, tries: int, jobs: int) -> Row:
    """Return the row of one of `FAULTS`."""
    run, asserted = FAULTS[fault]
    attempt: Try = lambda number: run(place, number)  # noqa: E731
    return measure(fault, asserted, tries, attempt, jobs)


def _resumed(night: Night) -> Problems:
    """Go on with a stopped night and return what is wrong then."""
    lines, events = night.ledger.read_bytes(), night.events()
    code = night.run().wait(PATIENCE_S)
    problems = [] if code == 0 else [f"resume ended with exit code {code}: {night.said[-400:]}"]
    told, reference = _without_start(night.story()), _without_start(night.place.reference)
    return problems + not_kept(events, lines, night) + unequal(told, reference)


def _interrupted(night: Night, code: int) -> Problems:
    record = night.record()
    problems = [] if code == 130 else [f"exit code {code}: {night.said[-400:]}"]
    if record.open_plans:
        problems.append(f"{len(record.open_plans)} running probes did not end")
    if record.stopped is None or record.stopped.stop_reason != "interrupted":
        problems.append("the ledger does not say that it was interrupted")
    return problems


def _without_start(story: list[str]) -> list[str]:
    """Return a story without its first line, which has the settings that the fault needs."""
    return [line for line in story if '"kind": "session_started"' not in line]


def _limit_files(process: subprocess.Popen[bytes], night: Night, lines: int) -> None:
    """Once the ledger has so many lines, let no file of the night grow beyond its present size."""
    wait_for(process, lambda: count(night.ledger, b"\n") >= lines)
    limit = night.ledger.stat().st_size + 2000
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def _on_small_disk(folder: Path, mib: int) -> tuple[str, ...]:
    """Return the words before a command that give it a disk of its own at `folder`, and no other right."""
    mount = f'mount -t tmpfs -o size={mib}m none "$0" && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(folder))


def _python(script: str) -> tuple[str, ...]:
    import sys

    return (sys.executable, "-c", script)


def _drained(terminal: int) -> bool:
    """Read what stands on a terminal, so that its writer is never held up."""
    os.set_blocking(terminal, False)
    with suppress(OSError):
        while os.read(terminal, 65_536):
            pass
    return True
