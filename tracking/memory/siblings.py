"""The sessions beside a night on disk: which there are, whether they ended, what they remember.

Each finished ledger is read once: what later nights need of it is kept beside it in `memory.json`, which is written
when a night ends, checked against the ledger whenever it is used, and built again from the ledger when it is missing,
damaged or out of date. Nothing here changes a ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from probes.errors import LedgerError, NightlabError
from probes.frozen import Frozen, digest_of
from tracking import events as ev
from tracking.atomic import replace_text
from tracking.ledger import iterate_events, read_events
from tracking.memory.known import EarlierNight
from tracking.memory.remembered import RememberedNight, remember
from tracking.night import NightRecord

LEDGER, MEMORY = "ledger.jsonl", "memory.json"
VERSION = 2
"""Of the memory file; another one is built again."""
_TAIL = 65_536
"""Bytes at a ledger's end by which a memory knows it again, and in which its last words are looked for."""


@dataclass(frozen=True)
class Sibling:
    """A session folder as its ledger's first lines and last words show it."""

    folder: Path
    session: str
    started: str
    seed: int
    series: int
    project: str
    """Empty when it cannot be known: the items are gone."""
    finished: bool
    is_set_back: bool = False
    """Whether its last line marks measurements as invalid."""


@dataclass(frozen=True)
class Neighbourhood:
    """What stands beside a night."""

    finished: tuple[RememberedNight, ...]
    others: tuple[EarlierNight, ...]
    """Sessions that nothing can be learned from, with the reason."""
    running: int
    """Unfinished nights of the project that a process is working on now."""
    series: int
    """A series of seeds that no session of the project with this seed has used."""


class _Memory(Frozen):
    version: int
    ledger_bytes: int
    ledger_tail: str
    digest: str
    night: RememberedNight


def project_key(base_model: str, items: Sequence[Path]) -> str:
    """Return the digest of a base model and all items, however they are split into search and held-out.

    Raises:
        OSError: a file of items cannot be read.
    """
    lines = sorted({line for path in items for line in path.read_bytes().split(b"\n") if line.strip()})
    return digest_of([base_model, hashlib.sha256(b"\n".join(lines)).hexdigest()])


def look_around(folder: Path, project: str, seed: int, is_running: Callable[[Path], bool]) -> Neighbourhood:
    """Read what the finished sessions beside `folder` remember.

    Args:
        folder: Tonight's session folder; its own ledger is left out.
        project: See `project_key`; sessions of other projects are left unread.
        seed: Tonight's session seed.
        is_running: Whether a process works in a session folder now.
    """
    finished: dict[tuple[str, str], RememberedNight] = {}
    others: list[EarlierNight] = []
    running, series = 0, list[int]()
    for path in _folders(folder):
        try:
            sibling = peek(path)
            if sibling.project == project and sibling.seed == seed:
                series.append(sibling.series)
            if sibling.project == project and not sibling.finished:
                running += is_running(path)
            reason = _unusable(sibling, project)
            if reason:
                others.append(EarlierNight(session=sibling.session, started=sibling.started, reason=reason))
                continue
            night = recall(path, sibling.project)
        except (NightlabError, OSError) as error:
            others.append(EarlierNight(session=path.name, reason=f"cannot be read: {str(error)[:300]}"))
            continue
        # A copied folder is the same night.
        finished.setdefault((night.session, night.started), night)
    return Neighbourhood(tuple(finished.values()), tuple(others), running, max(series, default=-1) + 1)


def peek(folder: Path) -> Sibling:
    """Return what the first two lines of a ledger and its end say.

    Raises:
        LedgerError: it does not begin as a ledger of this version does.
        OSError: it cannot be read.
    """
    head = list(islice(iterate_events(folder / LEDGER), 2))
    started = head[0] if head else None
    if not isinstance(started, ev.SessionStarted):
        raise LedgerError(f"`{folder / LEDGER}` does not begin with `session_started`")
    earlier = head[1].earlier if len(head) > 1 and isinstance(head[1], ev.EarlierNightsRead) else None
    digests: dict[str, Any] = started.provenance.get("digests", {})
    project = earlier.project if earlier else ""
    if not project:
        with suppress(OSError):
            items = [folder / "suite" / name for name in ("search.jsonl", "held_out.jsonl")]
            project = project_key(str(digests.get("base_model", "")), items)
    return Sibling(
        folder=folder,
        session=started.session,
        started=started.at,
        seed=int(started.config.get("seed", 0)),
        series=earlier.series if earlier else 0,
        project=project,
        finished=_is_finished(folder / LEDGER),
        is_set_back=_is_set_back(folder / LEDGER),
    )


def learners(folder: Path) -> tuple[str, ...]:
    """Return the sessions beside `folder` that say in their ledgers that they learned from it."""
    found: list[str] = []
    for path in _folders(folder):
        with suppress(NightlabError, OSError):
            second = next(islice(iterate_events(path / LEDGER), 1, 2), None)
            if isinstance(second, ev.EarlierNightsRead):
                used = (night.session for night in second.earlier.nights if night.used)
                found += [path.name] if folder.name in used else []
    return tuple(found)


def recall(folder: Path, project: str) -> RememberedNight:
    """Return what a finished night remembers, from its memory file or, where that is of no use, from its ledger.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    ledger = folder / LEDGER
    known = _read_memory(folder / MEMORY, ledger)
    if known is not None and known.project == project:
        return known
    night = remember(NightRecord.replay(read_events(ledger)), project)
    # The memory only saves time: a folder that cannot be written is read again the next night.
    with suppress(LedgerError):
        write_memory(folder, night)
    return night


def write_memory(folder: Path, night: RememberedNight) -> None:
    """Write the memory of a finished night beside its ledger, in one step.

    Raises:
        LedgerError: the folder cannot be written.
    """
    size, tail = _mark(folder / LEDGER)
    body = night.model_dump(mode="json")
    memory = {
        "version": VERSION, "ledger_bytes": size, "ledger_tail": tail, "digest": digest_of(body), "night": body,
    }  # fmt: skip
    replace_text(folder / MEMORY, json.dumps(memory, ensure_ascii=False) + "\n")


def _read_memory(path: Path, ledger: Path) -> RememberedNight | None:
    """Return the memory if it is whole and of this ledger as it now stands."""
    try:
        memory = _Memory.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    is_whole = memory.digest == digest_of(memory.night.model_dump(mode="json"))
    is_current = (memory.ledger_bytes, memory.ledger_tail) == _mark(ledger)
    return memory.night if memory.version == VERSION and is_whole and is_current else None


def _folders(folder: Path) -> list[Path]:
    """Return the session folders beside `folder`, by name."""
    try:
        beside = sorted(path for path in folder.parent.iterdir() if path.name != folder.name)
    except OSError:
        return []
    return [path for path in beside if (path / LEDGER).is_file()]


def _unusable(sibling: Sibling, project: str) -> str:
    if not sibling.project:
        return "its items are gone, so it is not known what it measured"
    if sibling.project != project:
        return "another project: other items or another base model"
    if sibling.is_set_back:
        return "what it measured was invalidated, and it has not gone on since"
    return "" if sibling.finished else "not finished"


def _mark(ledger: Path) -> tuple[int, str]:
    data, size = _tail(ledger)
    return size, hashlib.sha256(data).hexdigest()[:16]


def _tail(ledger: Path) -> tuple[bytes, int]:
    with ledger.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        return file.read(), size


def _is_set_back(ledger: Path) -> bool:
    data, _ = _tail(ledger)
    return b'"kind":"measurements_invalidated"' in data.rstrip(b"\n").rpartition(b"\n")[2]


def _is_finished(ledger: Path) -> bool:
    """Return whether the last stretch of a night ended with it: warnings may follow its last line, a resume may not."""
    data, _ = _tail(ledger)
    for line in reversed(data.split(b"\n")):
        if b'"kind":"session_stopped"' in line:
            return b'"stop_reason":"finished"' in line
        if line and b'"kind":"warned"' not in line:
            return False
    return False
