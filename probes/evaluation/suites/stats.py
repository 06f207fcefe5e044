"""What a suite is made of: counts, scorers, prompt lengths, tags. Says nothing about answers, see `results`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from probes.data.composition import Composition, composition
from probes.evaluation.suites.digest import suite_digest
from probes.evaluation.suites.item import Item
from probes.frozen import Frozen

DIFFICULTIES = ("easy", "medium", "hard")
"""The usual difficulties in their order; others follow by name."""


class Lengths(Frozen):
    """Lengths of prompts in characters."""

    shortest: int
    median: float
    longest: int


class SuiteStats(Frozen):
    """A suite counted."""

    version: str
    """Digest of its items."""
    items: int
    counts: dict[str, dict[str, int]]
    """Category → difficulty → items."""
    scorers: dict[str, int]
    """Kind of component → items that use it, the most frequent first."""
    criticals: int
    """Items with a component whose failure is critical."""
    references: int
    """Items with a reference answer."""
    prompt_characters: Lengths
    composition: Composition
    """Tag → value → items, `(none)` for items without it."""

    @property
    def difficulties(self) -> tuple[str, ...]:
        """Every difficulty that occurs, the usual ones first."""
        return in_order({difficulty for row in self.counts.values() for difficulty in row})


def suite_stats(items: Sequence[Item]) -> SuiteStats:
    """Count a suite of at least one item."""
    kinds = Counter(kind for item in items for kind in {part.kind for part in item.scorer.components})
    lengths = [len(item.prompt_text) for item in items]
    return SuiteStats(
        version=suite_digest(items),
        items=len(items),
        counts=count_items(items),
        scorers=dict(sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))),
        criticals=sum(any(part.critical for part in item.scorer.components) for item in items),
        references=sum(bool(item.chosen) for item in items),
        prompt_characters=Lengths(shortest=min(lengths), median=median(lengths), longest=max(lengths)),
        composition=composition(items),
    )


def count_items(items: Sequence[Item]) -> dict[str, dict[str, int]]:
    """Return category → difficulty → items."""
    counts = Counter((item.category, item.difficulty) for item in items)
    table: dict[str, dict[str, int]] = {}
    for (category, difficulty), count in sorted(counts.items()):
        table.setdefault(category, {})[difficulty] = count
    return table


def in_order(difficulties: set[str]) -> tuple[str, ...]:
    """Return difficulties from easy to hard, unknown ones after them by name."""
    known = [name for name in DIFFICULTIES if name in difficulties]
    return (*known, *sorted(difficulties - set(known)))
