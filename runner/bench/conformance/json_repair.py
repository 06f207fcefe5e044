"""json-repair (mangiucugna, MIT): its own cases, and what the judge's ladder makes of verdicts that were cut off.

The first row holds the installed library to its own tests. The second cuts verdicts in several forms after every
character: a cut may leave no verdict or the whole one, never another. The library alone does worse on the same cuts,
which its note tells: that is why the ladder looks at the stop reason first and repairs last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from probes.errors import ModelReplyError
from probes.evaluation.judging.ladder import read_object
from probes.evaluation.judging.rubric import CRITICAL, OVERALL, PERSONA, SCALE, SCORES
from probes.evaluation.judging.verdict import Verdict, read_verdict
from runner.bench.conformance.row import Row, name_some, read_lines

CASES = Path("json_repair") / "cases.jsonl"


def repair_rows(folder: Path) -> list[Row]:
    """Return the rows of the library's cases and of the cuts."""
    return [_cases(folder), _cuts()]


def _cases(folder: Path) -> Row:
    import json_repair

    started, wrong, total = perf_counter(), list[str](), 0
    for case in read_lines(folder / CASES):
        total += 1
        function: Any = json_repair.loads if case["func"] == "loads" else json_repair.repair_json
        if _plain(function(case["input"], **case["kwargs"])) != case["expected"]:
            wrong.append(f"{case['test']}:{case['line']}")
    note = f"wrong: {name_some(wrong)}" if wrong else ""
    seconds = perf_counter() - started
    return Row(suite="json-repair", passed=total - len(wrong), total=total, required=total, seconds=seconds, note=note)


def _cuts() -> Row:
    started, total, wrong, library_wrong = perf_counter(), 0, 0, 0
    whole = read_verdict(_verdict(), PERSONA)
    for text in _forms():
        for end in range(len(text)):
            total += 1
            wrong += _read(text[:end]) not in (None, whole)
            library_wrong += _read_by_library(text[:end]) not in (None, whole)
    note = f"the library alone reads {library_wrong} cuts as another verdict"
    seconds = perf_counter() - started
    return Row(
        suite="judge ladder on cuts", passed=total - wrong, total=total, required=total, seconds=seconds, note=note
    )


def _verdict() -> dict[str, Any]:
    scores = {c.name: {"justification": f'It is "{c.name}", {{mostly}}.', "score": SCALE} for c in PERSONA.components}
    return {SCORES: scores, CRITICAL: {each.name: True for each in PERSONA.critical_failures}, OVERALL: 9.5}


def _forms() -> Iterator[str]:
    compact = json.dumps(_verdict())
    yield compact
    yield json.dumps(_verdict(), indent=2)
    yield f"```json\n{compact}\n```"
    yield f"Here is my verdict: {compact} It was not easy."
    yield str(_verdict())
    yield compact.replace("}}", "},}")


def _read(text: str) -> Verdict | None:
    try:
        return read_verdict(read_object(text, "stop", PERSONA.required).data, PERSONA)
    except ModelReplyError:
        return None


def _read_by_library(text: str) -> Verdict | None:
    from json_repair import repair_json

    data: Any = repair_json(text, return_objects=True)
    if not isinstance(data, dict):
        return None
    verdict = cast("dict[str, Any]", data)
    verdict.setdefault(CRITICAL, [])  # as code that trusts a repair reads it
    try:
        return read_verdict(verdict, PERSONA)
    except ModelReplyError:
        return None


def _plain(value: Any) -> Any:
    """Return a value as JSON would give it back: tuples are lists."""
    return json.loads(json.dumps(value))
