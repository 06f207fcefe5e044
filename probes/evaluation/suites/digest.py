"""The version of a suite: a digest of what its items ask and how they are scored.

Two files are the same version when they hold the same items, in whatever order, spacing or key order, with defaults
written out or not, and with `prompt` or the `messages` it stands for. What can change an answer or its score is in the
digest, and the category and difficulty by which scores are summed up. Other columns (sources, notes) are not: a comment
makes no new version. Order is not: an answer's random numbers derive from seed, item and sample alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from probes.evaluation.suites.item import Item
from probes.frozen import digest_of


def suite_digest(items: Iterable[Item]) -> str:
    """Return 16 hex digits: the suite's version."""
    return digest_of(sorted(item_digest(item) for item in items))


def item_digest(item: Item) -> str:
    """Return 16 hex digits over all that is asked and how it is scored."""
    # Defaults are left out, so that a setting which a later release adds does not make every suite a new version.
    return digest_of(item.model_dump(mode="json", exclude={"tags"}, exclude_defaults=True))
