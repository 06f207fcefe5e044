"""Seeded draws that belong to a row, not to its place.

A row's draw depends on the seed, the purpose and the row's own content (identical rows are numbered). So it does not
change with the order of the files, with the process's hash seed, or with what a mix does to *other* rows: two recipes
that share a train seed see their common rows in the same relative order, and a same-seed comparison is not blurred by
a reshuffle.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence

from probes.data.rows import Row


def draw(seed: int, purpose: str, subject: bytes) -> float:
    """Return a uniform number in [0, 1) for `subject`."""
    digest = hashlib.blake2b(f"{seed} {purpose}\n".encode() + subject, digest_size=8).digest()
    # 53 bits are what a float holds: the result never rounds up to 1.
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def row_draws(rows: Sequence[Row], seed: int, purpose: str) -> list[float]:
    """Return one draw per row; the n-th of identical rows (copies included) has its own."""
    digests: dict[int, bytes] = {}
    seen: Counter[bytes] = Counter()
    draws: list[float] = []
    for row in rows:
        digest = digests.get(id(row)) or _digest(row)
        digests[id(row)] = digest
        draws.append(draw(seed, purpose, digest + seen[digest].to_bytes(8, "big")))
        seen[digest] += 1
    return draws


def _digest(row: Row) -> bytes:
    turns = [[message.role, message.content] for message in row.prompt]
    content = json.dumps([turns, row.chosen, row.rejected, sorted(row.tags.items())])
    return hashlib.blake2b(content.encode(), digest_size=16).digest()
