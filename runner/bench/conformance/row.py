"""One line of the conformance table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

from probes.errors import DataError


class Row(BaseModel):
    """What came of one suite's cases."""

    model_config = ConfigDict(frozen=True)

    suite: str
    passed: int
    total: int
    required: int
    """Fewest passes that meet the bar."""
    allowed: int | None = None
    """Most passes that meet it, for cases that must not pass; None: no limit."""
    seconds: float
    note: str = ""
    """What the counts do not say, with the first cases that went wrong by name."""

    @computed_field
    @property
    def is_met(self) -> bool:
        """Whether the suite meets its bar; one without cases never does."""
        return self.total > 0 and self.required <= self.passed and (self.allowed is None or self.passed <= self.allowed)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; name the folder of cases with `--data`") from error
    yield from (json.loads(line) for line in text.splitlines() if line.strip())


def name_some(names: list[str]) -> str:
    """Return the first names of those that went wrong, empty for none."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
