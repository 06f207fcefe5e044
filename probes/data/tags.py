"""Tags: every column of a row that is not its conversation, as text that mixing and ordering rules can match."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import cast

from probes.data.conversation import CONVERSATION_COLUMNS, BadRowError

MISSING = "(none)"
"""How a missing tag is shown."""

_LIST_SEPARATOR = " | "


def read_tags(row: Mapping[str, object]) -> dict[str, str]:
    """Return tag → text: `metadata` is opened, deeper objects get dotted names, a list's elements are joined.

    Null, empty text and lists of objects are left out; where a tag is in both, the column outranks `metadata`.

    Raises:
        BadRowError: a number is not finite.
    """
    metadata = row.get("metadata")
    columns = {name: value for name, value in row.items() if name not in CONVERSATION_COLUMNS}
    tags: dict[str, str] = {}
    if isinstance(metadata, dict):
        del columns["metadata"]
        tags.update(_flatten(cast("dict[str, object]", metadata), ""))
    tags.update(_flatten(columns, ""))
    return tags


def tag_values(tags: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return the values of a tag: none, one, or the elements of a list."""
    text = tags.get(name)
    return () if text is None else tuple(text.split(_LIST_SEPARATOR))


def _flatten(columns: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in columns.items():
        if isinstance(value, dict):
            yield from _flatten(cast("dict[str, object]", value), f"{prefix}{name}.")
            continue
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        texts = [text for text in (_text(element, f"{prefix}{name}") for element in values) if text]
        if texts:
            yield f"{prefix}{name}", _LIST_SEPARATOR.join(texts)


def _text(value: object, name: str) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRowError(name, f"must be a finite number, got {value}")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() if isinstance(value, (str, int, float)) else ""
