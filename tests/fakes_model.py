"""A language model that says what it was told to. Used beside tests of both real clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from probes.language_models.model import Ask, Reply

Line = Reply | Exception | Callable[[Ask], Reply]


def reply(text: str, **changes: object) -> Reply:
    return Reply(text=text, stop_reason="stop", model="scripted")._replace(**changes)  # type: ignore[arg-type]


@dataclass
class ScriptedModel:
    """Says its lines in order, the last one again and again; implements `LanguageModel`."""

    lines: Sequence[Line]
    asked: list[Ask] = field(default_factory=list)
    name: str = "scripted/model"
    is_closed: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def complete(self, request: Ask) -> Reply:
        with self._lock:
            line = self.lines[min(len(self.asked), len(self.lines) - 1)]
            self.asked.append(request)
        if isinstance(line, Exception):
            raise line
        return line(request) if callable(line) else line

    def close(self) -> None:
        self.is_closed = True
