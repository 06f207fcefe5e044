"""Training rows for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from probes.data.rows import Message, Row


def a_row(number: int = 0, prompt: str | None = None, **tags: str) -> Row:
    return Row(
        prompt=(Message(role="user", content=prompt or f"question {number}"),),
        chosen=f"good {number}",
        rejected=f"bad {number}",
        tags=tags,
        file="rows.jsonl",
        line=number + 1,
    )


def write_jsonl(path: Path, values: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path
