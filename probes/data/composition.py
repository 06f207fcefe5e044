"""What a mix is made of: rows per tag value, and what about it should worry a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from probes.data.rows import Row
from probes.data.tags import MISSING, tag_values

MAX_VALUES = 50
"""A tag with more distinct values is no grouping and is left out."""
DOMINANT_SHARE = 0.75
"""One value above this share of the rows is a warning."""
DILUTED = 0.75
"""A category that keeps less than this part of its plain share is a warning."""
BALANCED_TAGS = ("category", "source")
"""Tags that are warned about when one value dominates."""


class Tagged(Protocol):
    """What has tags: a training row, an item of a suite."""

    @property
    def tags(self) -> dict[str, str]:
        """Tag → text."""
        ...


Composition = dict[str, dict[str, int]]


def composition(rows: Sequence[Tagged]) -> Composition:
    """Return tag → value → rows, the most frequent value first; rows without the tag count as `(none)`.

    Left out: ids, and tags whose values are nearly all different. A row with several values counts once for each.
    """
    names = sorted({name for row in rows for name in row.tags})
    return {name: _counts(rows, name) for name in names if _is_grouping(rows, name)}


def composition_warnings(
    base_rows: Sequence[Row], mixed_rows: Sequence[Row], guard_categories: Sequence[str]
) -> tuple[str, ...]:
    """Return warnings on the achieved mix: guards without rows, diluted categories, one dominant value."""
    base, mixed = _shares(base_rows, "category"), _shares(mixed_rows, "category")
    return (
        *_unguarded(base, mixed, guard_categories),
        *_diluted(base, mixed),
        *_dominant(mixed_rows),
    )


def _is_grouping(rows: Sequence[Tagged], name: str) -> bool:
    lowered = name.casefold().rpartition(".")[2]
    if lowered in ("id", "uuid") or lowered.endswith(("_id", "-id", "_uuid")):
        return False
    # Copies of a row say nothing about how many values there are.
    values = [value for row in {id(row): row for row in rows}.values() for value in tag_values(row.tags, name)]
    distinct = len(set(values))
    return distinct <= MAX_VALUES and (distinct <= 10 or distinct <= len(values) / 2)


def _counts(rows: Sequence[Tagged], name: str) -> dict[str, int]:
    counts = Counter(value for row in rows for value in tag_values(row.tags, name) or (MISSING,))
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _shares(rows: Sequence[Row], name: str) -> dict[str, float]:
    return {value: count / len(rows) for value, count in _counts(rows, name).items()}


def _unguarded(base: dict[str, float], mixed: dict[str, float], guards: Sequence[str]) -> list[str]:
    if set(base) <= {MISSING}:
        return ["no training row has a `category` tag: dilution and guards without rows cannot be seen"] if base else []
    known, kept = {value.casefold() for value in base}, {value.casefold() for value in mixed}
    warnings: list[str] = []
    for guard in guards:
        if guard.casefold() not in known:
            warnings.append(f"guard category `{guard}` has no training rows: nothing in the data defends it")
        elif guard.casefold() not in kept:
            warnings.append(f"guard category `{guard}` has no training rows left: the data mix drops them all")
    return warnings


def _diluted(base: dict[str, float], mixed: dict[str, float]) -> list[str]:
    return [
        f"category `{value}` is diluted: {mixed.get(value, 0.0):.1%} of the mix against {share:.1%} of the plain data"
        for value, share in base.items()
        if value != MISSING and mixed.get(value, 0.0) < share * DILUTED
    ]


def _dominant(rows: Sequence[Row]) -> list[str]:
    warnings: list[str] = []
    for name in BALANCED_TAGS:
        for value, share in _shares(rows, name).items():
            if share <= DOMINANT_SHARE or not any(name in row.tags for row in rows):
                continue
            if value == MISSING:
                warnings.append(f"{share:.0%} of the training rows have no `{name}` tag")
            elif share < 1.0 or name == "category":
                warnings.append(f"{share:.0%} of the training rows have `{name}` = `{value}`: one value dominates")
    return warnings
