"""The ledger: one JSON line per event, appended and synced before anybody acts on it. It is the truth of a night.

A line counts once it ends in a newline. What a kill or a full disk leaves of a line is kept beside the ledger as
`ledger.torn` and cut off when the ledger is next opened for writing; damage anywhere else is an error, never skipped.
Not covered: a disk that loses synced data, and network file systems on which `flock` does nothing.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from probes.errors import LedgerError
from tracking.commands import command
from tracking.events import Event

Observer = Callable[[Event], None]

_EVENT: TypeAdapter[Any] = TypeAdapter(Event)
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says of a full disk, a full quota and a full file."""
STOP = object()

Pauses = Callable[[], Iterator[None]]


def no_pauses() -> Iterator[None]:
    """Wait for nothing."""
    return iter(())


class Ledger:
    """A ledger opened for writing; one writer at a time, any number of readers (`read_events`)."""

    def __init__(self, path: Path, observers: Sequence[Observer] = (), pauses: Pauses = no_pauses) -> None:
        """Open or create `path`, take its lock and cut off a torn last line.

        Args:
            path: The ledger.
            observers: See every event that is appended.
            pauses: Waits before each further try to write a line for which the disk is full.

        Raises:
            LedgerError: another process writes it, or it cannot be opened.
        """
        self.path = path
        self._observers = list(observers)
        self._pauses = pauses
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LedgerError(
                f"ledger `{path}` cannot be opened: {error.strerror}; mend the folder or its rights"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise LedgerError(
                f"ledger `{path}` is being written by another process; wait for that night to end or stop it first"
            ) from error
        self._mend_tail()

    def observe(self, observer: Observer) -> None:
        """Let `observer` see every event from now on."""
        self._observers.append(observer)

    def append(self, event: Event) -> None:
        """Write one event, sync it to disk, then tell the observers in their order.

        Raises:
            LedgerError: the disk is full or failing; the ledger then still ends with its last whole line.
        """
        line = event.model_dump_json().encode() + b"\n"
        pauses: Iterator[None] | None = None
        while (error := self._try(line)) is not None:
            pauses = pauses or self._pauses()
            is_full = error.errno in NO_SPACE
            if is_full and next(pauses, STOP) is not STOP:
                continue
            why = "the disk is full" if is_full else str(error.strerror)
            raise LedgerError(
                f"ledger `{self.path}` cannot take another line: {why}. Nothing is lost: free some space, then run "
                f"`{command('resume', self.path.parent)}`"
            ) from error
        for observer in self._observers:
            observer(event)

    def _try(self, line: bytes) -> OSError | None:
        """Write a line as a whole or not at all."""
        size = os.fstat(self._file).st_size
        try:
            _write_all(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, size)
            return error
        return None

    def events(self) -> list[Event]:
        """Return all events so far, oldest first."""
        return read_events(self.path)

    def close(self) -> None:
        """Give up the lock; the ledger cannot be written afterwards."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        """Return the ledger itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ledger."""
        self.close()

    def _mend_tail(self) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole == len(data):
            return
        if _is_event(data[whole:]):  # only the newline was lost
            _write_all(self._file, b"\n")
        else:
            self.path.with_suffix(".torn").write_bytes(data[whole:])
            os.ftruncate(self._file, whole)
        os.fsync(self._file)


def read_events(path: Path) -> list[Event]:
    """Return the events of a ledger, also while a night is writing it: an unfinished last line is left out.

    Raises:
        LedgerError: there is no ledger, or a line in it is not an event.
    """
    was_enabled = gc.isenabled()
    gc.disable()  # a long night is a million small values: the collector would walk them again and again
    try:
        return list(iterate_events(path))
    finally:
        if was_enabled:
            gc.enable()


def iterate_events(path: Path) -> Iterator[Event]:
    """Yield the events of a ledger one by one; see `read_events`."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise LedgerError(
            f"no ledger at `{path}` ({error.strerror}); name a session folder, for example `results/<session>`"
        ) from error
    with file:
        for number, line in enumerate(file, start=1):
            event = _event_of(path, number, line)
            if event is None:
                return
            yield event


class LedgerTail:
    """Reads a ledger while a night writes it: every event once, as its line is complete."""

    def __init__(self, path: Path) -> None:
        """Begin at the first line of `path`, which may not exist yet."""
        self._path = path
        self._offset = 0
        self._lines = 0

    def read(self) -> list[Event]:
        """Return the events that came since the last call.

        Raises:
            LedgerError: a line is not an event.
        """
        if not self._path.is_file():
            return []
        events: list[Event] = []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                event = _event_of(self._path, self._lines + 1, line) if line.endswith(b"\n") else None
                if event is None:
                    break
                events.append(event)
                self._offset += len(line)
                self._lines += 1
        return events


def _event_of(path: Path, number: int, line: bytes) -> Event | None:
    """Return the event in a line, None where the line is unfinished.

    Raises:
        LedgerError: it is no event.
    """
    try:
        return _EVENT.validate_json(line)
    except ValidationError as error:
        if not line.endswith(b"\n"):
            return None
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LedgerError(
            f"ledger `{path}` line {number} is not an event of this version "
            f"({where or 'line'}: {first['msg']}); restore the file from a copy, or cut it before "
            "that line and run `nightlab resume`"
        ) from error


def _is_event(line: bytes) -> bool:
    try:
        _EVENT.validate_json(line)
    except ValidationError:
        return False
    return True


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
