"""The suite of diffs on ones made up here, and on the real ones where they are."""

import os
from pathlib import Path

import pytest

from probes.errors import DataError
from runner.bench.conformance.diffs import FOLDER, diff_rows, rebuild
from runner.bench.conformance.suites import SUITES

CHANGE = "--- a/x\n+++ b/x\n@@ -3,2 +3,2 @@\n three\n-four\n+4\n\\ No newline at end of file\n"
DIFFS = {
    "change.diff": CHANGE,
    "new.diff": "--- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+hello\n",
    "gone.diff": "--- a/z\n+++ /dev/null\n@@ -1 +0,0 @@\n-hello\n",
    "cut.diff": CHANGE.replace("-3,2", "-3,4"),
    "link.diff": "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+x\n",
}


def write_diffs(folder: Path, diffs: dict[str, str]) -> None:
    (folder / FOLDER).mkdir(parents=True)
    for name, diff in diffs.items():
        (folder / FOLDER / name).write_text(diff)


def test_files_are_rebuilt_from_their_hunks() -> None:
    from unidiff.patch import PatchSet

    case = rebuild("change.diff", CHANGE, list(PatchSet.from_string(CHANGE)))
    assert case.before == {"x": "filler 1\nfiller 2\nthree\nfour\n"}
    assert case.after == {"x": "filler 1\nfiller 2\nthree\n4"}
    inserted = "--- a/x\n+++ b/x\n@@ -1,0 +2 @@\n+b\n@@ -3 +4 @@\n-c\n+d\n"
    case = rebuild("inserted.diff", inserted, list(PatchSet.from_string(inserted)))
    assert case.before == {"x": "filler 1\nfiller 2\nc\n"}
    assert case.after == {"x": "filler 1\nb\nfiller 2\nd\n"}


def test_diffs_are_judged_applied_and_refused(tmp_path: Path) -> None:
    write_diffs(tmp_path, DIFFS)
    judged, applied, refused = diff_rows(tmp_path)
    assert (judged.passed, judged.total, judged.note) == (5, 5, "unidiff reads 4 of them")
    assert (applied.passed, applied.total) == (3, 3)
    assert (refused.passed, refused.total, refused.note) == (1, 1, "link.diff (a link)")


def test_a_folder_without_diffs_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no diffs"):
        diff_rows(tmp_path)


def test_the_real_diffs_are_judged_and_applied() -> None:
    root = os.environ.get("NIGHTLAB_DATA")
    if root is None:
        pytest.skip("NIGHTLAB_DATA, the folder with conformance/diffs, is not set")
    judged, applied, refused = SUITES["diffs"](Path(root) / "conformance")
    assert (judged.passed, judged.total) == (24, 24), judged.note
    assert (applied.passed, applied.total) == (13, 13), applied.note
    assert (refused.passed, refused.total) == (7, 7), refused.note
