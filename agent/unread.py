"""What a reader of the record has not read yet: a look at a long night costs what is new in it."""

from __future__ import annotations

from collections.abc import Sequence

from tracking.events import Event
from tracking.night import NightRecord


class Unread:
    """A reader's place in the events of a record."""

    def __init__(self) -> None:
        """Start before the first event."""
        self._read = 0
        self._last: Event | None = None

    def take(self, night: NightRecord) -> tuple[Sequence[Event], bool]:
        """Return the events since the last time, and whether they are all there are: then the reader starts anew.

        So it does with another record, and after an invalidation, which takes events back.
        """
        goes_on = 0 < self._read <= len(night.history) and night.history[self._read - 1] is self._last
        fresh = night.history[self._read if goes_on else 0 :]
        self._read, self._last = len(night.history), night.history[-1] if night.history else None
        return fresh, not goes_on
