"""HumanEval (OpenAI, MIT) in the sandbox: the reference solutions must all pass, and two known cheats never."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from probes.errors import DataError
from probes.sandbox.limits import Verdict
from probes.sandbox.sandbox import Sandbox
from runner.bench.conformance.row import Row, name_some

CASES = Path("humaneval") / "HumanEval.jsonl.gz"
SIDE_BY_SIDE = 2
SECONDS = 60.0
"""All reference solutions together, on two cores."""

_ALWAYS_EQUAL = """
class Equal(int):
    def same(self, *others): return True
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = same
    def itself(self, *others): return self
    __add__ = __radd__ = __sub__ = __rsub__ = __abs__ = __round__ = __getitem__ = __call__ = itself
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __hash__(self): return 0
def {entry_point}(*args, **kwargs):
    return Equal()
"""
Solve = Callable[[dict[str, Any]], str]


def humaneval_rows(folder: Path) -> list[Row]:
    """Return a row for the reference solutions, one for their time, and one for each cheat."""
    tasks = read_tasks(folder / CASES)
    sandbox = Sandbox()
    canonical = _row(
        sandbox, tasks, "canonical", lambda task: task["prompt"] + task["canonical_solution"], may_pass=True
    )
    in_time = Row(
        suite=f"humaneval canonical under {SECONDS:g} s",
        passed=int(canonical.seconds < SECONDS),
        total=1,
        required=1,
        seconds=canonical.seconds,
        note=f"{SIDE_BY_SIDE} side by side",
    )
    return [
        canonical,
        in_time,
        _row(sandbox, tasks, "sys.exit(0)", lambda task: "import sys\nsys.exit(0)\n", may_pass=False),
        _row(sandbox, tasks, "always equal", lambda task: _ALWAYS_EQUAL.format(**task), may_pass=False),
    ]


def read_tasks(path: Path) -> list[dict[str, Any]]:
    """Return the tasks of the published file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        text = gzip.decompress(path.read_bytes()).decode()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}; name the folder of cases with `--data`") from error
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _row(sandbox: Sandbox, tasks: list[dict[str, Any]], name: str, solve: Solve, *, may_pass: bool) -> Row:
    def test(task: dict[str, Any]) -> Verdict:
        return sandbox.run_python_tests(solve(task), task["entry_point"], task["test"], prelude=task["prompt"])

    started = perf_counter()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        verdicts = dict(zip((task["task_id"] for task in tasks), pool.map(test, tasks), strict=True))
    wrong = [
        f"{task} ({verdict.reason or 'passed'})" for task, verdict in verdicts.items() if verdict.passed is not may_pass
    ]
    return Row(
        suite=f"humaneval {name}",
        passed=sum(verdict.passed is True for verdict in verdicts.values()),
        total=len(tasks),
        required=len(tasks) if may_pass else 0,
        allowed=None if may_pass else 0,
        seconds=perf_counter() - started,
        note=f"not as it must be: {name_some(wrong)}" if wrong else "",
    )
