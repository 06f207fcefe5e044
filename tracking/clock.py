"""Time as an argument: the one seam through which a night sees the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
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
    """The machine's clock."""

    def now(self) -> str:
        """Return ISO 8601 in UTC with milliseconds."""
        return datetime.now(UTC).isoformat(timespec="milliseconds")

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()
