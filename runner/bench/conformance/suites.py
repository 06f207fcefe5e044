"""The suites by name. A suite takes the folder of cases and returns its rows; add one by adding a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from runner.bench.conformance.bfcl import bfcl_rows
from runner.bench.conformance.diffs import diff_rows
from runner.bench.conformance.hostile import hostile_rows
from runner.bench.conformance.humaneval import humaneval_rows
from runner.bench.conformance.json_repair import repair_rows
from runner.bench.conformance.json_suite import json_rows
from runner.bench.conformance.row import Row

Suite = Callable[[Path], list[Row]]

SUITES: Mapping[str, Suite] = {
    "json": json_rows,
    "humaneval": humaneval_rows,
    "hostile": hostile_rows,
    "bfcl": bfcl_rows,
    "diffs": diff_rows,
    "json_repair": repair_rows,
}
