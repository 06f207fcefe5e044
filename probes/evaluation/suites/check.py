"""What could make a suite mislead: bad lines, repeated questions, tiny categories, questions that were trained on.

Problems make scores wrong and must be mended; warnings limit what the scores can say. Prompts are compared by their
words alone (case, punctuation and spacing aside), so a paraphrase passes unseen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from probes.data.rows import Row
from probes.evaluation.suites.digest import suite_digest
from probes.evaluation.suites.item import Item
from probes.evaluation.suites.reading import Scan
from probes.statistics.power import LEAST_ITEMS, is_directional

MOST_LINES = 20
"""More complaints of one sort are counted, not listed."""


class SuiteCheck(NamedTuple):
    """What the check found."""

    version: str | None
    """Digest of the items, None where a line is bad: then there is no suite yet."""
    items: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check_suite(scan: Scan, train: Sequence[Row] = ()) -> SuiteCheck:
    """Check what was read, and whether the training rows ask the same questions."""
    leaks = _leaks(scan.items, train)
    return SuiteCheck(
        version=None if scan.problems else suite_digest(scan.items),
        items=len(scan.items),
        problems=(*_capped(scan.problems), *_capped(leaks)),
        warnings=(*_capped(_repeats(scan.items)), *_small(scan.items), *_all_alike(scan.items)),
    )


def same_question(text: str) -> str:
    """Return what two prompts share that are the same question: their words, case, punctuation and spacing aside.

    Text without any word stands for itself.
    """
    return " ".join(re.findall(r"\w+", text.casefold())) or text.strip()


def _repeats(items: Sequence[Item]) -> list[str]:
    """Return a warning for each item that asks in the same context what an earlier one asked."""
    first: dict[tuple[str, ...], Item] = {}
    found: list[str] = []
    for item in items:
        asked = tuple(same_question(message.content) for message in item.messages)
        earlier = first.setdefault(asked, item)
        if earlier is not item:
            same = "the same question" if earlier.messages == item.messages else "nearly the same question"
            found.append(f"`{item.id}` asks {same} as `{earlier.id}`: it counts twice; drop one")
    return found


def _leaks(items: Sequence[Item], train: Sequence[Row]) -> list[str]:
    """Return a problem for each item whose last user turn is that of a training row."""
    rows = {same_question(row.prompt[-1].content): row for row in reversed(train)}
    found: list[str] = []
    for item in items:
        row = rows.get(same_question(item.messages[-1].content))
        if row is not None:
            found.append(
                f"`{item.id}` asks what training row {row.file}, line {row.line} teaches: its score would measure "
                "memory; drop the item or the row"
            )
    return found


def _small(items: Sequence[Item]) -> list[str]:
    counts = Counter(item.category for item in items)
    return [
        f"category `{name}` has {count} item{'' if count == 1 else 's'}: fewer than {LEAST_ITEMS} give a direction and "
        "no claim, and a night splits them in two; add items, or watch it only"
        for name, count in sorted(counts.items())
        if is_directional(count)
    ]


def _all_alike(items: Sequence[Item]) -> list[str]:
    """Return a warning where difficulties are not given: a split cannot balance them then."""
    if len(items) >= LEAST_ITEMS and len({item.difficulty for item in items}) == 1:
        return [f"every item has difficulty `{items[0].difficulty}`: the split balances categories only"]
    return []


def _capped(complaints: Iterable[str]) -> list[str]:
    found = list(complaints)
    more = len(found) - MOST_LINES
    return [*found[:MOST_LINES], f"… and {more} more of this sort"] if more > 0 else found
