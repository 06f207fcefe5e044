"""JSONTestSuite (nst, MIT): 318 documents that a strict parser must accept, must refuse, or may treat as it likes."""

from __future__ import annotations

import base64
from pathlib import Path
from time import perf_counter

from probes.evaluation.scorers.json_text import parse_strict
from runner.bench.conformance.row import Row, name_some, read_lines

CASES = Path("json_test_suite") / "test_parsing.jsonl"


def json_rows(folder: Path) -> list[Row]:
    """Return one row; a free document passes by getting either verdict rather than an error."""
    started = perf_counter()
    wrong: list[str] = []
    free: list[bool] = []
    total = 0
    for case in read_lines(folder / CASES):
        total += 1
        accepted = is_accepted(base64.b64decode(case["b64"]))
        if case["expect"] == "either":
            free.append(accepted)
        elif accepted != (case["expect"] == "accept"):
            wrong.append(case["name"])
    note = f"{len(free)} of them free: {sum(free)} accepted, {len(free) - sum(free)} refused"
    if wrong:
        note += f"; wrong: {name_some(wrong)}"
    seconds = perf_counter() - started
    return [Row(suite="json", passed=total - len(wrong), total=total, required=total, seconds=seconds, note=note)]


def is_accepted(document: bytes) -> bool:
    """Return whether a document is UTF-8 and strict JSON."""
    try:
        parse_strict(document.decode())
    except ValueError:
        return False
    return True
