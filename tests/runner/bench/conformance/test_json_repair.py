import json
import os
from pathlib import Path
from typing import Any

import pytest

from runner.bench.conformance.json_repair import CASES, repair_rows


def write_cases(folder: Path, *cases: dict[str, Any]) -> Path:
    (folder / CASES).parent.mkdir(parents=True)
    common = {"func": "repair_json", "test": "made_up", "kwargs": {}}
    rows = [{**common, "line": n, **case} for n, case in enumerate(cases)]
    (folder / CASES).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_case_that_the_library_gets_wrong_is_named(tmp_path: Path) -> None:
    good = {"input": "{'a': (1, 2),}", "kwargs": {"return_objects": True}, "expected": {"a": [1, 2]}}
    bad = {"input": "[1", "expected": "[2]"}
    library, _ = repair_rows(write_cases(tmp_path, good, bad))
    assert (library.passed, library.total, library.is_met, library.note) == (1, 2, False, "wrong: made_up:1")


def test_no_cut_is_read_as_another_verdict_and_the_library_alone_does_worse(tmp_path: Path) -> None:
    _, cuts = repair_rows(write_cases(tmp_path))
    assert cuts.total > 2000
    assert cuts.passed == cuts.total
    assert int(cuts.note.split()[4]) > 100


def test_the_librarys_own_cases_pass() -> None:
    folder = os.environ.get("NIGHTLAB_DATA")
    if folder is None:
        pytest.skip("NIGHTLAB_DATA is not set: no cases of json-repair")
    library, _ = repair_rows(Path(folder) / "conformance")
    assert (library.passed, library.total) == (218, 218)
