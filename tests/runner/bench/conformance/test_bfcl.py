"""The Berkeley leaderboard's suite on questions made up here, and on the real ones where they are."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from probes.errors import DataError
from probes.evaluation.scorers.exchange import ToolCall
from runner.bench.conformance.bfcl import BAR, FOLDER, MUTATIONS, bfcl_rows, listed_calls, read_cases
from runner.bench.conformance.suites import SUITES

FUNCTION = {
    "name": "weather",
    "parameters": {
        "type": "dict",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "default": "C"},
            "place": {"type": "dict", "properties": {"floor": {"type": "integer"}}},
            "warm": {"type": "boolean"},
        },
        "required": ["city"],
    },
}
ANSWER = {
    "city": ["Rome", "Roma"],
    "unit": ["C", ""],
    "place": [{"floor": [3], "door": ["", 2]}, ""],
    "warm": ["", True],
}


def write_questions(folder: Path, answer: dict[str, Any]) -> None:
    (folder / FOLDER).mkdir()
    for category in ("simple_python", "multiple"):
        question = {"id": f"{category}_0", "function": [FUNCTION]}
        truth = {"id": f"{category}_0", "ground_truth": [{"weather": answer}]}
        (folder / FOLDER / f"BFCL_v4_{category}.json").write_text(json.dumps(question))
        (folder / FOLDER / f"possible_answer_BFCL_v4_{category}.json").write_text(json.dumps(truth))


def test_a_gold_has_every_argument_and_the_other_listed_values_come_one_at_a_time(tmp_path: Path) -> None:
    write_questions(tmp_path, ANSWER)
    (case,) = read_cases(tmp_path / FOLDER, "multiple")
    gold = {"city": "Rome", "unit": "C", "place": {"floor": 3, "door": 2}, "warm": True}
    assert case.gold == ToolCall(name="weather", arguments=gold)
    others = [call.arguments for call in listed_calls(case)]
    left = [{key: value for key, value in gold.items() if key != name} for name in ("unit", "place", "warm")]
    assert others == [gold | {"city": "Roma"}, *left]


def test_a_mutation_that_the_answers_allow_is_not_made(tmp_path: Path) -> None:
    write_questions(tmp_path, {"unit": ["C", ""], "warm": [True, False]})
    (case,) = read_cases(tmp_path / FOLDER, "multiple")
    for number in range(4):
        missing = MUTATIONS["missing argument"](case, number)
        assert missing is not None
        assert missing.arguments == {"unit": "C"}
        changed = MUTATIONS["wrong value"](case, number)
        assert changed is not None
        assert changed.arguments == {"unit": "C qx", "warm": True}


def test_answers_that_allow_anything_have_no_such_mutation(tmp_path: Path) -> None:
    write_questions(tmp_path, {"warm": [True, False, ""]})
    (free,) = read_cases(tmp_path / FOLDER, "multiple")
    assert MUTATIONS["missing argument"](free, 0) is None
    assert MUTATIONS["wrong value"](free, 0) is None


def test_every_row_is_met_on_a_question_that_is_right(tmp_path: Path) -> None:
    write_questions(tmp_path, ANSWER)
    rows = bfcl_rows(tmp_path)
    assert len(rows) == 4 + len(MUTATIONS)
    assert all(row.is_met and row.passed == row.total for row in rows), rows


def test_a_gold_that_the_scorer_must_refuse_is_named(tmp_path: Path) -> None:
    write_questions(tmp_path, {"unit": ["F"]})
    golds = bfcl_rows(tmp_path)[0]
    assert (golds.passed, golds.is_met, golds.note) == (0, False, "wrong: simple_python_0")


def test_a_folder_without_questions_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        bfcl_rows(tmp_path)


def test_the_real_questions_meet_the_bar() -> None:
    root = os.environ.get("NIGHTLAB_DATA")
    if root is None:
        pytest.skip("NIGHTLAB_DATA, the folder with conformance/bfcl, is not set")
    rows = {row.suite: row for row in SUITES["bfcl"](Path(root) / "conformance")}
    assert [rows[f"bfcl {name} golds"].total for name in ("simple_python", "multiple")] == [400, 200]
    assert all(rows[f"bfcl {name} refused"].total >= 590 for name in MUTATIONS)
    for row in rows.values():
        assert row.passed >= BAR * row.total, row.note
