"""Diffs as form, and what they do to files."""

import difflib
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from probes.evaluation.scorers.diff import DiffApplies, DiffParses, diff_in, diff_problem
from probes.evaluation.scorers.diff_apply import apply_diff
from probes.evaluation.scorers.exchange import Exchange, Mark

BEFORE = "one\ntwo\nthree\nfour\nfive\n"
AFTER = "one\n2\nthree\nfour\nfive\n"
DIFF = "--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n one\n-two\n+2\n three\n four\n"
NEW = "--- /dev/null\n+++ b/sub/y\n@@ -0,0 +1 @@\n+hello\n"


def apply(diff: str, files: dict[str, str] | None = None, expected: dict[str, str | None] | None = None) -> Mark:
    keys: dict[str, Any] = {"files": {"x": BEFORE} if files is None else files, "expected": expected}
    return DiffApplies.model_validate({"kind": "diff_applies", "weight": 1.0, **keys}).mark(Exchange(diff))


def parses(answer: str) -> Mark:
    return DiffParses(kind="diff_parses", weight=1.0).mark(Exchange(answer))


def test_a_diff_is_found_in_a_fence_or_is_the_whole_answer() -> None:
    for answer in (
        DIFF,
        f"```diff\n{DIFF}```",
        f"So:\n```python\nx\n```\n```patch\n{DIFF}```\nDone.",
        f"```\n{DIFF}```",
    ):
        assert diff_in(answer) == DIFF
        assert parses(answer) == Mark(1.0)
    assert diff_in(DIFF.rstrip()) == DIFF
    assert diff_in("") == ""


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("Change two to 2.", "not a diff: it names no file"),
        ("diff --git a/x b/x", "not a diff: it changes nothing"),
        ("--- a/x\n+++ b/x\n", "not a diff: it changes nothing"),
        (DIFF.removesuffix(" four\n"), "not a valid diff: Hunk is shorter than expected"),
        (DIFF.replace("1,4 +1,4", "1,3 +1,2"), "not a valid diff: Hunk is longer than expected"),
        (DIFF.replace(" three", "three"), "not a valid diff: Hunk diff line expected: three"),
        ("@@ -1 +1 @@\n-a\n+b\n", "not a valid diff: Unexpected hunk found: @@ -1 +1 @@"),
        ("+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "not a valid diff: a file header lacks its other half"),
    ],
)
def test_what_unidiff_refuses_is_no_diff_and_says_why(answer: str, cause: str) -> None:
    assert parses(answer) == Mark(0.0, cause)


@pytest.mark.parametrize(
    "change",
    [
        "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
        "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
        "diff --git a/x b/x\nnew file mode 100644\n",
        "diff --git a/x b/x\ndeleted file mode 100644\n",
        "Binary files a/x and b/x differ\n",
        "Binary file x has changed\n",
    ],
)
def test_a_diff_without_hunks_can_change_something(change: str) -> None:
    assert diff_problem(change) == ""


HEADERS = st.sampled_from(
    (
        "--- a/x\n",
        "+++ b/x\n",
        "--- /dev/null\n",
        "@@ -1 +1 @@\n",
        "+x\n",
        "-y\n",
        " z\n",
        "\n",
        "diff --git a/x b/y\n",
        "new file mode 100644\n",
        "GIT binary patch\n",
        "Binary files a and b differ\n",
        "Binary file x has changed\n",
        "old mode 1\n",
        "rename from x\n",
        "\\ No newline at end of file\n",
        f"@@ -{'9' * 5000} +1 @@\n",
        "\r\n",
    )
)


@settings(max_examples=300, deadline=None)
@given(st.lists(HEADERS, max_size=9).map("".join))
def test_no_header_however_mixed_raises(diff: str) -> None:
    assert isinstance(diff_problem(diff), str)


def test_the_result_is_compared_with_what_is_expected() -> None:
    assert apply(DIFF, expected={"x": AFTER}) == Mark(1.0)
    assert apply(DIFF, expected=None) == Mark(1.0)
    wrong = apply(DIFF, expected={"x": AFTER.replace("five", "5")})
    assert wrong == Mark(0.0, "applied, `x` differs from what is expected in line 5")


def test_files_may_come_go_and_stay_and_nothing_else() -> None:
    delete = "--- a/x\n+++ /dev/null\n@@ -1,5 +0,0 @@\n" + "".join(f"-{line}\n" for line in BEFORE.split())
    assert apply(DIFF + NEW, expected={"x": AFTER, "sub/y": "hello\n"}) == Mark(1.0)
    assert apply(delete, expected={"x": None}) == Mark(1.0)
    assert apply(NEW, files={}, expected={"sub/y": "hello\n"}) == Mark(1.0)
    assert apply(DIFF, expected={"x": None}).cause == "applied, `x` should not be there"
    assert apply(DIFF, expected={"x": AFTER, "y": ""}).cause == "applied, `y` is missing"
    assert apply(DIFF + NEW, expected={"x": AFTER}).cause == "applied, `sub/y` should not be there"
    assert apply(DIFF, files={"x": BEFORE, "z": "z"}, expected={"x": AFTER}) == Mark(1.0)
    rename = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
    assert apply(rename, expected={"x": None, "y": BEFORE}) == Mark(1.0)


def test_a_hunk_that_was_cut_short_applies_and_is_wrong() -> None:
    whole = "--- a/x\n+++ b/x\n@@ -1,5 +1,5 @@\n one\n-two\n+2\n three\n-four\n+4\n five\n"
    cut = whole.removesuffix("-four\n+4\n five\n")
    assert diff_problem(cut) != ""
    assert apply(cut, expected={"x": "one\n2\nthree\n4\nfive\n"}).cause.endswith("in line 4")
    assert apply(whole, expected={"x": "one\n2\nthree\n4\nfive\n"}) == Mark(1.0)


@pytest.mark.parametrize(
    "diff",
    [
        DIFF.replace("1,4 +1,4", "1,9 +1,7"),
        DIFF.replace("a/x", "x").replace("b/x", "x"),
        "Here:\n\n" + DIFF,
        DIFF.replace("a/x", "a/x\t2013-10-13 23:53:13 +0000"),
        f'diff --git "a/x" "b/x"\n{DIFF}',
    ],
)
def test_counts_prefixes_and_words_before_are_forgiven(diff: str) -> None:
    assert apply(diff, expected={"x": AFTER}) == Mark(1.0)


def test_counts_are_forgiven_in_a_diff_of_several_files_too() -> None:
    both = DIFF.replace("1,4 +1,4", "1,9 +1,9") + DIFF.replace("/x", "/y").replace("1,4 +1,4", "1,2 +1,2")
    assert apply(both, files={"x": BEFORE, "y": BEFORE}, expected={"x": AFTER, "y": AFTER}) == Mark(1.0)


@pytest.mark.parametrize(
    ("diff", "cause"),
    [
        (DIFF.replace("-two", "-too"), "does not apply: patch failed: x:1"),
        (DIFF.replace("/x", "/z"), "does not apply: z: No such file or directory"),
        ("@@", 'does not apply: No valid patches in input (allow with "--allow-empty")'),
    ],
)
def test_what_does_not_fit_the_file_does_not_apply(diff: str, cause: str) -> None:
    assert apply(diff) == Mark(0.0, cause)


def test_hunks_without_context_are_placed_by_their_numbers() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -1,0 +2 @@\n+between\n@@ -4 +5 @@\n-four\n+4\n"
    assert apply(diff, expected={"x": "one\nbetween\ntwo\nthree\n4\nfive\n"}) == Mark(1.0)
    assert apply(diff.replace("-four", "-for")).value == 0.0


def escape(old: str, new: str) -> str:
    return f"--- {old}\n+++ {new}\n@@ -0,0 +1 @@\n+hello\n"


ESCAPES = [
    escape("/dev/null", "b/../../out"),
    escape("/dev/null", "/tmp/nightlab-out"),
    escape("/dev/null", "b//tmp/nightlab-out"),
    escape("/dev/null", '"b/\\056\\056/out"'),
    escape("/dev/null", "b/.git/hooks/pre-commit"),
    escape("/dev/null", "b/sub/.GIT/config"),
    escape("a/../../etc/passwd", "b/x"),
    "diff --git a/x b/../out\nnew file mode 100644\n" + escape("/dev/null", "b/../out"),
    "diff --git a/x b/x\nsimilarity index 100%\nrename from x\nrename to ../out\n",
    "diff --git a/x b/x\nsimilarity index 100%\ncopy from ../../etc/passwd\ncopy to y\n",
    "diff --git a/l b/l\nnew file mode 120000\n" + escape("/dev/null", "b/l"),
    "diff --git a/l b/l\nold mode 100644\nnew mode 120000\n",
    "diff --git a/l b/l\nindex 1111111..2222222 120000\n" + DIFF,
    "diff --git a/m b/m\nnew file mode 160000\n" + escape("/dev/null", "b/m"),
    "diff --git a/x b/x\nindex 1..2\nGIT binary patch\nliteral 0\nHcmV?d00001\n\n",
    DIFF + escape("/dev/null", "b/../out"),
]


@pytest.mark.parametrize("diff", ESCAPES)
def test_what_would_leave_the_folder_is_refused_before_git_sees_it(diff: str) -> None:
    applied = apply_diff("/no/git/here", diff, {"x": BEFORE})
    assert applied.problem.startswith("refused: ")
    assert applied.files == {}


def test_nothing_is_written_outside_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for diff in (*ESCAPES, DIFF, NEW):
        apply(diff)
    assert list(tmp_path.iterdir()) == []
    assert not Path("/tmp/nightlab-out").exists()


def test_a_removed_comment_is_no_header() -> None:
    before = "-- /etc/passwd\nselect 1\n"
    diff = "--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n--- /etc/passwd\n select 1\n"
    assert apply(diff, files={"x": before}, expected={"x": "select 1\n"}) == Mark(1.0)


def test_the_users_git_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".gitconfig").write_text("[apply]\n\twhitespace = error-all\n[core]\n\tautocrlf = true\n")
    (tmp_path / ".git").mkdir()
    for name, value in (("HOME", tmp_path), ("GIT_DIR", tmp_path / ".git"), ("GIT_CONFIG_COUNT", "x")):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    trailing = DIFF.replace("+2\n", "+2  \n")
    assert apply(trailing, expected={"x": AFTER.replace("2\n", "2  \n")}) == Mark(1.0)


def test_without_git_nothing_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert apply(DIFF) == Mark(None, "git is not installed: install it, or drop `diff_applies` from the item's scorer")


@pytest.mark.slow
def test_a_git_that_hangs_is_killed_and_nothing_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    mark = apply(DIFF)
    assert mark.value is None
    assert "did not end within 10 s" in mark.cause


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a//x", ".git/config", "./x", ""])
def test_an_items_own_paths_stay_in_the_folder(path: str) -> None:
    with pytest.raises(ValidationError, match="name files relative to one folder"):
        apply(DIFF, files={path: ""})
    with pytest.raises(ValidationError, match="name files relative to one folder"):
        apply(DIFF, expected={path: ""})


def test_a_file_is_no_folder() -> None:
    with pytest.raises(ValidationError, match="the folder of another"):
        apply(DIFF, files={"x": "", "x/y": ""})


def test_git_agrees_with_difflib_on_diffs_that_difflib_makes() -> None:
    rng = random.Random(11)
    for _ in range(25):
        before = [f"{rng.randrange(20)}\n" for _ in range(rng.randint(3, 20))]
        after = [line for line in before if rng.random() > 0.2]
        after.insert(rng.randint(0, len(after)), "new\n")
        diff = "".join(difflib.unified_diff(before, after, "a/x", "b/x"))
        assert diff_problem(diff) == ""
        assert apply(diff, {"x": "".join(before)}, {"x": "".join(after)}) == Mark(1.0), diff
