"""The conformance command on cases made up here, and the JSON suite on the real ones where they are."""

import base64
import json
import os
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from runner.bench.conformance.__main__ import main
from runner.bench.conformance.json_suite import CASES, json_rows
from runner.bench.conformance.row import Row, name_some
from runner.bench.conformance.suites import SUITES

app = Typer()
app.command()(main)


def write_cases(folder: Path, cases: list[tuple[str, bytes, str]]) -> None:
    (folder / CASES).parent.mkdir(parents=True)
    rows = [{"name": name, "b64": base64.b64encode(text).decode(), "expect": expect} for name, text, expect in cases]
    (folder / CASES).write_text("".join(json.dumps(row) + "\n" for row in rows))


GOOD = [
    ("y", b"[1]", "accept"),
    ("n", b"[NaN]", "reject"),
    ("latin", b'["\xe9"]', "reject"),
    ("i", b"[1e999]", "either"),
]


def test_free_documents_pass_with_either_verdict_and_are_counted_apart(tmp_path: Path) -> None:
    write_cases(tmp_path, GOOD)
    (row,) = json_rows(tmp_path)
    assert (row.passed, row.total, row.is_met) == (4, 4, True)
    assert row.note == "1 of them free: 0 accepted, 1 refused"


def test_a_wrong_verdict_is_named_and_the_command_ends_with_1(tmp_path: Path) -> None:
    write_cases(tmp_path, [*GOOD, ("comma.json", b"[1,]", "accept")])
    out = tmp_path / "out" / "rows.json"
    done = CliRunner().invoke(app, ["--data", str(tmp_path), "--only", "json", "--out", str(out)])
    assert done.exit_code == 1
    (row,) = json.loads(out.read_text())
    assert (row["suite"], row["passed"], row["total"], row["is_met"]) == ("json", 4, 5, False)
    assert row["note"].endswith("wrong: comma.json")
    assert "comma.json" in done.stdout


def test_the_command_ends_with_0_when_every_bar_is_met_and_with_2_for_a_wrong_name_or_folder(tmp_path: Path) -> None:
    write_cases(tmp_path / "cases", GOOD)
    out = ["--out", str(tmp_path / "rows.json")]
    assert CliRunner().invoke(app, ["--data", str(tmp_path / "cases"), "--only", "json", *out]).exit_code == 0
    lost = CliRunner().invoke(app, ["--data", str(tmp_path), "--only", "json", *out])
    assert lost.exit_code == 2
    assert "cannot be read" in lost.stderr
    unknown = CliRunner().invoke(app, ["--data", str(tmp_path), "--only", "jsno", *out])
    assert unknown.exit_code == 2
    assert "jsno" in unknown.stderr


@pytest.mark.parametrize(
    ("passed", "total", "required", "allowed", "met"),
    [
        (3, 3, 3, None, True),
        (2, 3, 3, None, False),
        (0, 3, 0, 0, True),
        (1, 3, 0, 0, False),
        (0, 0, 0, None, False),
    ],
)
def test_a_bar_is_a_floor_a_ceiling_or_both_and_no_cases_meet_none(
    passed: int, total: int, required: int, allowed: int | None, met: bool
) -> None:
    row = Row(suite="s", passed=passed, total=total, required=required, allowed=allowed, seconds=0.0)
    assert row.is_met is met


def test_only_the_first_names_are_said() -> None:
    assert name_some([]) == ""
    assert name_some(["a", "b"]) == "a, b"
    assert name_some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_every_real_json_document_gets_its_verdict() -> None:
    root = os.environ.get("NIGHTLAB_DATA")
    if root is None:
        pytest.skip("NIGHTLAB_DATA, the folder with conformance/json_test_suite, is not set")
    (row,) = SUITES["json"](Path(root) / "conformance")
    assert (row.passed, row.total) == (318, 318), row.note
