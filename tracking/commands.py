"""Our commands as messages print them: whatever a path holds, what is printed can be pasted into a shell."""

from __future__ import annotations

import shlex
from pathlib import PurePath


def command(*words: str | PurePath) -> str:
    """Return `nightlab` with these words, each quoted where a shell would take it apart."""
    return shlex.join(["nightlab", *map(str, words)])
