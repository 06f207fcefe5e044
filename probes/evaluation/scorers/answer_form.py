"""What form of answer a component reads, so that training rows can be held against it before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class AnswerForm(NamedTuple):
    """A form of answer that a component scores; equal for all components that look for the same."""

    what: str
    """What it looks for, with its article: `a tool call`, `JSON`."""
    accepted: tuple[str, ...]
    """Names of the ways to write it that are scored; any way when empty."""
    way: Callable[[str], str]
    """Returns the name of the way in which a text shows it, empty when it does not."""
    cure: str = ""
    """What to change besides the training rows, where there is something."""
