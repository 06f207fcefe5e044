"""What a reader of the record has not read yet: a look at a long night costs what is new in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Unread(Generic[T]):
    """A reader's place in a growing list of the record: its events, or its probes."""

    def __init__(self) -> None:
        """Start before the first."""
        self._read = 0
        self._last: T | None = None

    def take(self, items: Sequence[T]) -> tuple[Sequence[T], bool]:
        """Return what is new since the last time, and whether that is all there is: then the reader starts anew.

        So it does with another record, and after an invalidation, which takes the latest back.
        """
        goes_on = 0 < self._read <= len(items) and items[self._read - 1] is self._last
        fresh = items[self._read if goes_on else 0 :]
        self._read, self._last = len(items), items[-1] if items else None
        return fresh, not goes_on
