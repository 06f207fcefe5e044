"""Splits a suite into search and held-out items, and writes either side as the rows were written."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suites.item import Item
from probes.evaluation.suites.reading import has_scorer, read_lines


def split_items(items: Sequence[Item], share: float, seed: int) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Return (search, held-out) items, each in file order, with `share` of every category × difficulty held out.

    Which items of a group are held out depends on the seed and their ids only. A group's fraction goes to whichever
    side its category is behind on, so that each category is split as evenly as its size allows.
    """
    held_out: set[str] = set()
    for category in dict.fromkeys(item.category for item in items):
        owed = 0.0
        for group in _groups([item for item in items if item.category == category]):
            owed += len(group) * share
            take = min(len(group), math.floor(owed + 0.5))
            owed -= take
            held_out.update(sorted((item.id for item in group), key=lambda name: _draw(seed, name))[:take])
    return (
        tuple(item for item in items if item.id not in held_out),
        tuple(item for item in items if item.id in held_out),
    )


def lines_of(files: Iterable[str | Path], ids: Collection[str], default_scorer: Scorer | None = None) -> bytes:
    """Return the lines of the items named by `ids`, as they were read, with the default scorer where they had none."""
    lines: list[bytes] = []
    for file in files:
        for _, line in read_lines(Path(file)):
            row = cast("dict[str, Any]", json.loads(line))
            if row["id"] in ids:
                lines.append((line.strip() if has_scorer(row) else _scored(row, default_scorer)) + b"\n")
    return b"".join(lines)


def _scored(row: dict[str, Any], scorer: Scorer | None) -> bytes:
    """Return a row with the session's scorer: the worker needs no default, and the digest knows which one it was.

    As it was given, for a null inside (a file that a diff must remove) means something.
    """
    assert scorer is not None, "read_suite refuses an item without any scorer"
    return json.dumps({**row, "scorer": scorer.model_dump(mode="json", exclude_unset=True)}).encode()


def _groups(items: Sequence[Item]) -> list[list[Item]]:
    difficulties = dict.fromkeys(item.difficulty for item in items)
    return [[item for item in items if item.difficulty == difficulty] for difficulty in difficulties]


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"hold-out {seed} {name}".encode()).digest()
