"""Kill -9 of a night's whole process group at random moments, and of its checkpoint and last line besides."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from probes.errors import NightlabError
from runner.bench.faults.nights import PATIENCE_S, Night, Place, completed_keys, count, kill_all, phase_of, wait_for
from runner.bench.faults.row import Row, measure, unequal
from tracking import events as ev
from tracking.ledger import read_events

ASSERTED = (
    "no finished probe ran twice, none is lost, every line written before stands, and the final ledger equals the "
    "uninterrupted night's but for times"
)
Spoil = Callable[[Night], None]


def kills(place: Place, tries: int, seed: int, jobs: int, fault: str, spoil: Spoil | None = None) -> Row:
    """Return the row of nights killed at random moments of all its phases.

    Args:
        place: Where the nights are.
        tries: Nights to kill.
        seed: Of the moments.
        jobs: Nights at the same time.
        fault: Name of the row.
        spoil: Breaks something more before the night is resumed.
    """
    reference = place.reference
    chosen = moments(place.phases, tries, random.Random(seed), 0.3 if place.kind == "real" else 0.02)

    def attempt(number: int) -> tuple[str, list[str]]:
        night = place.night(f"{fault.replace(' ', '-')}-{number}")
        return kill_and_resume(night, *chosen[number], reference, spoil)

    row = measure(fault, ASSERTED, tries, attempt, jobs)
    missed = sorted(set(place.phases) - set(row.moments)) if tries >= len(set(place.phases)) else []
    return row.model_copy(update={"failures": (*row.failures, *(f"no kill fell into {phase}" for phase in missed))})


def moments(phases: Sequence[str], tries: int, rng: random.Random, lag_s: float) -> list[tuple[int, float]]:
    """Return lines after which nights are killed, and how long after, `lag_s` on average.

    Random moments in equal parts of the night, one in each part; before them one in the middle of every phase where
    the tries suffice, so that short phases are hit too.
    """
    known = list(dict.fromkeys(phases)) if tries >= len(set(phases)) else []
    lines = {phase: [line for line, other in enumerate(phases) if other == phase] for phase in known}
    middle = [(places[len(places) // 2], 0.0) for places in lines.values()]
    left = tries - len(middle)
    spread = [(number + rng.random()) / left for number in range(left)]
    return [*middle, *((round(part * (len(phases) - 1)), rng.expovariate(1.0) * lag_s) for part in spread)]


def kill_and_resume(
    night: Night, line: int, lag_s: float, reference: list[str], spoil: Spoil | None = None
) -> tuple[str, list[str]]:
    """Kill a night `lag_s` after its ledger has `line` lines, resume it, and return the phase and what did not hold."""
    process = night.run()
    wait_for(process, lambda: count(night.ledger, b"\n") >= line)
    time.sleep(lag_s)
    kill_all(process)
    if spoil is not None:
        spoil(night)
    before = _whole_lines(night.ledger)
    events = read_events(night.ledger) if before else []
    code = night.run().wait(PATIENCE_S)
    problems = [] if code == 0 else [f"resume ended with exit code {code}: {night.said[-400:]}"]
    try:
        problems += not_kept(events, before, night) + unequal(night.story(), reference)
    except NightlabError as error:
        problems.append(str(error))
    return phase_of(events), problems


def not_kept(before: list[ev.Event], lines: bytes, night: Night) -> list[str]:
    """Return what a night lost or did twice since its ledger had `lines`."""
    after = night.events()
    problems: list[str] = []
    if not night.ledger.read_bytes().startswith(lines):
        problems.append("lines that were written have changed")
    measured = completed_keys(after)
    if len(set(measured)) < len(measured):
        problems.append(f"{len(measured) - len(set(measured))} probes were measured twice")
    again = {event.key for event in after[len(before) :] if isinstance(event, ev.ProbeStarted)}
    repeated = again & set(completed_keys(before))
    if repeated:
        problems.append(f"{len(repeated)} finished probes were started again")
    return problems


def lose_checkpoint(night: Night) -> None:
    """Remove the checkpoint."""
    for path in night.out.glob("checkpoint.sqlite*"):
        path.unlink()


def damage_checkpoint(night: Night) -> None:
    """Overwrite the checkpoint with noise, its beginning included."""
    if (night.out / "checkpoint.sqlite").is_file():
        (night.out / "checkpoint.sqlite").write_bytes(random.Random(0).randbytes(20_000))


def damage_positions(night: Night) -> None:
    """Leave the checkpoint a whole database, with noise for its values."""
    import sqlite3
    from contextlib import closing, suppress

    if (night.out / "checkpoint.sqlite").is_file():
        with closing(sqlite3.connect(night.out / "checkpoint.sqlite")) as connection, suppress(sqlite3.Error):
            connection.execute("UPDATE checkpoints SET checkpoint = ?", (random.Random(1).randbytes(200),))
            connection.commit()


def bring_back_an_old_checkpoint(night: Night) -> None:
    """Put the finished reference night's checkpoint in the place of this one's."""
    shutil.copy(night.place.root / "reference" / "night" / "checkpoint.sqlite", night.out / "checkpoint.sqlite")
    for name in ("-wal", "-shm"):
        (night.out / f"checkpoint.sqlite{name}").unlink(missing_ok=True)


def tear_last_line(night: Night) -> None:
    """End the ledger with half a line, as a power cut does."""
    if night.ledger.is_file():
        with night.ledger.open("ab") as ledger:
            ledger.write(b'{"at":"2026-01-01T00:00:00.000+00:00","kind":"probe_fin')


def _whole_lines(ledger: Path) -> bytes:
    data = ledger.read_bytes() if ledger.is_file() else b""
    return data[: data.rfind(b"\n") + 1]
