"""A suite as the rest of the project uses it: items read from JSON lines, checked once; the parts are in `suites`."""

from __future__ import annotations

from probes.evaluation.suites.digest import suite_digest
from probes.evaluation.suites.item import Item
from probes.evaluation.suites.reading import Scan, has_scorer, read_suite, scan_suite
from probes.evaluation.suites.split import lines_of, split_items
from probes.evaluation.suites.stats import count_items

__all__ = [
    "Item",
    "Scan",
    "count_items",
    "has_scorer",
    "lines_of",
    "read_suite",
    "scan_suite",
    "split_items",
    "suite_digest",
]
