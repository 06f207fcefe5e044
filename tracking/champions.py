"""Champions across nights: which confirmed recipe holds which role, since when, why, and whether it may be replaced.

One append-only file in the results folder, a JSON line per decision; who holds a role is the fold of its lines. A line
counts once it ends in a newline: what a kill leaves of one is cut off by the next writer and kept beside the file as
`champions.torn`. This module records; whether a night deserves a role is decided in `runner.champion`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from probes.errors import LedgerError
from probes.frozen import Frozen
from probes.recipe import Recipe
from probes.statistics.verdicts import Claim

FILE = "champions.jsonl"


class Champion(Frozen):
    """What a night is remembered by once its recipe has been given a role."""

    session: str
    folder: str
    """The session folder, relative to the results folder where it lies inside."""
    started: str
    """ISO 8601, UTC."""
    ended: str
    ledger: str
    """Digest of the night's ledger at the promotion, 16 hex digits."""
    commit: str | None
    recipe: Recipe
    changes: str
    """What was changed against that night's baseline, in words."""
    target: str
    claim: Claim | None
    """The claim with its figures; None when the night made none."""
    confirmed: bool
    """Whether the claim was confirmed. Once False it is shown wherever the champion is."""
    conditions: dict[str, str]
    """Under what it was measured: condition → value in words (see `probes.comparability`)."""


class _Entry(Frozen):
    at: str
    """ISO 8601, UTC."""
    who: str
    role: str
    reason: str


class Promoted(_Entry):
    """A night's recipe took over a role."""

    kind: Literal["promoted"] = "promoted"
    champion: Champion


class RoleFrozen(_Entry):
    """The holder of a role may not be replaced."""

    kind: Literal["frozen"] = "frozen"


class RoleUnfrozen(_Entry):
    """The holder may be replaced again."""

    kind: Literal["unfrozen"] = "unfrozen"


Entry = Annotated[Promoted | RoleFrozen | RoleUnfrozen, Field(discriminator="kind")]
_ENTRY: TypeAdapter[Any] = TypeAdapter(Entry)


@dataclass(frozen=True)
class Holder:
    """Who holds a role."""

    role: str
    promoted: Promoted
    freeze: RoleFrozen | None
    """The line that froze it, None while it may be replaced."""
    history: tuple[Entry, ...]
    """Every line about the role, oldest first."""

    @property
    def champion(self) -> Champion:
        """The champion itself."""
        return self.promoted.champion


def holders(entries: Iterable[Entry]) -> dict[str, Holder]:
    """Return role → holder, in the order in which the roles were first given."""
    found: dict[str, Holder] = {}
    for entry in entries:
        before = found.get(entry.role)
        history = (*(before.history if before else ()), entry)
        match entry:
            case Promoted():
                found[entry.role] = Holder(entry.role, entry, None, history)
            case RoleFrozen() if before is not None:
                found[entry.role] = Holder(entry.role, before.promoted, entry, history)
            case RoleUnfrozen() if before is not None:
                found[entry.role] = Holder(entry.role, before.promoted, None, history)
            case _:
                continue
    return found


def nights_without_promotion(ended: Iterable[str], entries: Iterable[Entry], role: str | None = None) -> int:
    """Return how many nights have ended since the latest night that was given a role; all of them when none was.

    Args:
        ended: When the project's finished nights ended, ISO 8601 in UTC.
        entries: The lines of the champions' file.
        role: Only promotions to this role count; None: to any.
    """
    promoted = (entry for entry in entries if isinstance(entry, Promoted) and role in (None, entry.role))
    latest = max((entry.champion.ended for entry in promoted), default="")
    return sum(end > latest for end in ended)


class ChampionBook:
    """The file of a results folder; any number of readers, writers take turns."""

    def __init__(self, results: Path) -> None:
        """Name the file in `results`; nothing is created."""
        self.path = results / FILE

    def entries(self) -> list[Entry]:
        """Return all lines, oldest first, an unfinished last one left out; none without a file.

        Raises:
            LedgerError: it cannot be read, or a line is damaged.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(f"`{self.path}` cannot be read: {error.strerror}; mend its rights") from error
        return [self._parsed(number, line) for number, line in enumerate(data.split(b"\n")[:-1], start=1)]

    def holders(self) -> dict[str, Holder]:
        """Return role → holder."""
        return holders(self.entries())

    def write(self, decide: Callable[[dict[str, Holder]], Entry | None]) -> Entry | None:
        """Append what `decide` makes of the holders of now, with every other writer kept out; None: nothing.

        Raises:
            LedgerError: the file cannot be written; it then still ends with its last whole line.
        """
        with self._locked() as handle:
            self._cut_torn(handle)
            entry = decide(self.holders())
            if entry is not None:
                self._append(handle, entry)
            return entry

    @contextmanager
    def _locked(self) -> Generator[int]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LedgerError(f"`{self.path}` cannot be opened: {error.strerror}; mend the folder's rights") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _cut_torn(self, handle: int) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self.path.with_suffix(".torn").write_bytes(data[whole:])
            os.ftruncate(handle, whole)

    def _append(self, handle: int, entry: Entry) -> None:
        size = os.fstat(handle).st_size
        rest = memoryview(entry.model_dump_json().encode() + b"\n")
        try:
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except OSError as error:
            os.ftruncate(handle, size)
            raise LedgerError(
                f"`{self.path}` cannot take another line: {error.strerror}; nothing has changed, free some space and "
                "try again"
            ) from error

    def _parsed(self, number: int, line: bytes) -> Entry:
        try:
            return _ENTRY.validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise LedgerError(
                f"`{self.path}` line {number} is no decision of this version ({where}: {first['msg']}); restore the "
                "file from a copy"
            ) from error
