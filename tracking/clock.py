"""Time as an argument: the one seam through which a night sees the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for the record, monotonic time for budgets."""

    def now(self) -> str:
        """Return ISO 8601 in UTC with milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        ...


class SystemClock:
    """The machine's clock, whose wall time is read once and then goes on by the monotonic clock.

    So the lines of one stretch of a night are as far apart as the things they tell of, whatever becomes of the
    machine's wall clock meanwhile; the next stretch starts from the clock as it stands then.
    """

    def __init__(
        self, wall: Callable[[], datetime] | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Read `wall` (in UTC; None: this machine's) once."""
        self._monotonic = monotonic
        self._began_at = wall() if wall is not None else datetime.now(UTC)
        self._began = monotonic()

    def now(self) -> str:
        """Return ISO 8601 in UTC with milliseconds."""
        now = self._began_at + timedelta(seconds=self._monotonic() - self._began)
        return now.isoformat(timespec="milliseconds")

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return self._monotonic()
