"""What sets chosen answers apart from rejected ones on the surface, and who wrote the rejected ones.

A large surface contrast is learnt first: where rejected answers hold contractions and chosen ones none, a rising
reward may say no more than that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from statistics import fmean
from typing import NamedTuple

from probes.data.rows import Row
from probes.data.tags import MISSING, tag_values

# After a noun, 's is nearly always a possessive: it counts only after words that own nothing.
_CONTRACTION = re.compile(
    r"\b(?:[a-z]+n['’]t|[a-z]+['’](?:re|ve|ll|d|m)"
    r"|(?:it|that|he|she|what|who|where|when|why|how|there|here|let|everything|something|nothing)['’]s)\b",
    re.IGNORECASE,
)


class Contrast(NamedTuple):
    """Contractions per answer."""

    answers: int
    chosen: float | None
    """None without rows."""
    rejected: float | None
    """None without rejected answers."""


def count_contractions(text: str) -> int:
    """Count contractions of English, straight or typographic; possessives ("Anna's") are none."""
    return len(_CONTRACTION.findall(text))


def contractions_per_answer(rows: Sequence[Row]) -> Contrast:
    """Return the mean number of contractions in chosen and in rejected answers."""
    rejected = [row.rejected for row in rows if row.rejected is not None]
    return Contrast(
        len(rows),
        fmean(count_contractions(row.chosen) for row in rows) if rows else None,
        fmean(map(count_contractions, rejected)) if rejected else None,
    )


def generator_shares(rows: Sequence[Row], tag: str = "generator") -> dict[str, float]:
    """Return who wrote the answers → share of the rows, the largest first; rows that do not say are `(none)`."""
    counts = Counter(value for row in rows for value in tag_values(row.tags, tag) or (MISSING,))
    return {name: count / len(rows) for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))}


def on_policy_share(rows: Sequence[Row], own: Collection[str], tag: str = "generator") -> float | None:
    """Return the share of rows written by one of `own` (the model being trained) among those that say who wrote them.

    None when no row says.
    """
    known = [values for row in rows if (values := tag_values(row.tags, tag))]
    return fmean(any(value in own for value in values) for values in known) if known else None
