"""HumanEval's rows on tasks made up here, and on the published ones where they are."""

import gzip
import json
import os
from pathlib import Path

import pytest
from sandboxes import needs_isolation

from probes.errors import DataError
from runner.bench.conformance.humaneval import CASES, humaneval_rows

pytestmark = needs_isolation

ENCODED = {
    "task_id": "Own/0",
    "prompt": "def shift(s):\n    return s[1:] + s[:1]\n\ndef back(s):\n    ''' Undo `shift`. '''\n",
    "canonical_solution": "    return s[-1:] + s[:-1]\n",
    "test": "def check(candidate):\n    for s in ('', 'a', 'abc'):\n        assert candidate(shift(s)) == s\n",
    "entry_point": "back",
}
MEAN = {
    "task_id": "Own/1",
    "prompt": "from typing import List\n\ndef mean(xs: List[float]) -> float:\n    ''' Mean. '''\n",
    "canonical_solution": "    return sum(xs) / len(xs)\n",
    "test": "def check(candidate):\n    assert abs(candidate([1.0, 2.0]) - 1.5) < 1e-6\n",
    "entry_point": "mean",
}


def write_tasks(folder: Path, *tasks: dict[str, str]) -> None:
    (folder / CASES).parent.mkdir(parents=True)
    (folder / CASES).write_bytes(gzip.compress("".join(json.dumps(task) + "\n" for task in tasks).encode()))


def test_reference_solutions_pass_and_no_cheat_does(tmp_path: Path) -> None:
    write_tasks(tmp_path, ENCODED, MEAN)
    rows = {row.suite: row for row in humaneval_rows(tmp_path)}
    assert {name: (row.passed, row.total) for name, row in rows.items()} == {
        "humaneval canonical": (2, 2),
        "humaneval canonical under 60 s": (1, 1),
        "humaneval sys.exit(0)": (0, 2),
        "humaneval always equal": (0, 2),
    }
    assert all(row.is_met for row in rows.values())


def test_a_reference_that_fails_and_a_cheat_that_passes_miss_the_bar_by_name(tmp_path: Path) -> None:
    write_tasks(
        tmp_path,
        {**MEAN, "canonical_solution": "    return 0\n"},
        {**ENCODED, "test": "def check(candidate):\n    candidate(1) or 1\n", "task_id": "Own/2"},
    )
    canonical, _, _, always_equal = humaneval_rows(tmp_path)
    assert not canonical.is_met
    assert "Own/1 (failed: assert abs(" in canonical.note
    assert (always_equal.passed, always_equal.is_met) == (1, False)
    assert "Own/2 (passed)" in always_equal.note


def test_a_folder_without_tasks_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"HumanEval\.jsonl\.gz cannot be read"):
        humaneval_rows(tmp_path)


@pytest.mark.slow
def test_the_published_tasks_meet_every_bar() -> None:
    root = os.environ.get("NIGHTLAB_DATA")
    if root is None:
        pytest.skip("NIGHTLAB_DATA is not set: HumanEval is not on this machine")
    for row in humaneval_rows(Path(root) / "conformance"):
        assert row.is_met, row
        assert row.total in (164, 1)
