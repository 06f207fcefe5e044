"""Counts in which form tool calls came, for the report: structured, as text, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from probes.evaluation.backends.backend import Response
from probes.evaluation.scorers.call_match import read_schemas
from probes.evaluation.scorers.call_text import read_calls
from probes.evaluation.scorers.component import MAX_SCORED_CHARACTERS
from probes.evaluation.scorers.tool_calls import ToolCalls
from probes.evaluation.suite import Item


class CallCounts(NamedTuple):
    """Answers to items that expect tool calls."""

    structured: int = 0
    text: int = 0
    """Calls written as text, and no structured ones."""
    none: int = 0


def count_call_forms(items: Sequence[Item], responses: Sequence[Response]) -> dict[str, CallCounts]:
    """Return category → counts, for the categories in which items expect tool calls; failed answers are left aside."""
    expecting = {item.id: (item, known) for item in items if (known := _expected_names(item))}
    counts: dict[str, CallCounts] = {}
    for response in responses:
        if response.item not in expecting or response.stop_reason == "error":
            continue
        item, known = expecting[response.item]
        so_far = counts.get(item.category, CallCounts())
        if response.tool_calls:
            so_far = so_far._replace(structured=so_far.structured + 1)
        elif read_calls(response.text[:MAX_SCORED_CHARACTERS], known).calls:
            so_far = so_far._replace(text=so_far.text + 1)
        else:
            so_far = so_far._replace(none=so_far.none + 1)
        counts[item.category] = so_far
    return counts


def expect_calls(items: Sequence[Item]) -> bool:
    """Return whether any item expects tool calls."""
    return any(_expected_names(item) for item in items)


def _expected_names(item: Item) -> frozenset[str]:
    """Return the names of functions an item's answers may call; none when no call is expected."""
    parts = [part for part in item.scorer.components if isinstance(part, ToolCalls) and part.expected]
    if not parts:
        return frozenset()
    return frozenset(read_schemas(item.tools)).union(*(part.known_names for part in parts))
