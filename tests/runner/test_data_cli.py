"""`nightlab data`: what a user sees, the exit codes, and a manifest that becomes a session's mix."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from fakes_session import write_lines
from fakes_shell import Shell

from probes.data.manifest import load_manifest
from runner.overrides import load_session

MANIFEST = {
    "name": "letters twice",
    "global_repeat": 1,
    "rules": [
        {"name": "letters", "repeat": 1, "match": {"source_any": ["letters"], "prompt_contains_any": ["question 2?"]}},
        {"name": "nothing", "repeat": 0, "match": {"source_any": ["gone"]}},
    ],
}


class DataShell(Shell):
    """Runs `nightlab data` on a small session's rows."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(folder, capsys, "data")
        self.rows, self.manifest = str(folder / "rows.jsonl"), str(folder / "mix.json")
        Path(self.manifest).write_text(json.dumps(MANIFEST))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> DataShell:
    return DataShell(tmp_path, capsys)


def test_rows_are_counted_by_tag_with_what_is_not_said(shell: DataShell) -> None:
    code, printed, _ = shell("stats", shell.rows)
    assert code == 0
    assert f"{shell.rows}: 60 pairs" in printed
    assert "tag source: letters 30 (50%), talk 30 (50%), unclassified 0 (0%)" in printed
    assert "contractions per answer: 0.0 chosen, 0.0 rejected\n" in printed
    assert "no row says in a tag `generator`" in printed


def test_a_session_stands_for_its_rows_its_mix_and_its_seed(shell: DataShell) -> None:
    told = json.loads(shell("stats", shell.session, "--json")[1])
    alone = json.loads(shell("stats", shell.rows, "--json")[1])
    assert told["plain"] == alone["plain"]
    with Path(shell.session).open("a") as file:
        file.write('\n[[recipe.mix.rules]]\nname = "talk"\ntags = {source = ["talk"]}\nweight = 0.5\n')
    code, printed, _ = shell("stats", shell.session)
    assert code == 0
    assert re.search(r"talk +30 +15 +15\n", printed)
    assert "mix: 45 rows from 60, as asked" in printed


def test_a_manifest_is_reconciled_and_printed_as_the_mix_of_a_session(shell: DataShell) -> None:
    code, printed, _ = shell("stats", shell.rows, "--manifest", shell.manifest)
    assert code == 0
    assert re.search(r"letters +31 +62 +62\n", printed)
    assert "mix: 91 rows from 60, as asked" in printed
    assert "nothing" not in printed
    block = shell("mix", shell.manifest)[1]
    with Path(shell.session).open("a") as file:
        file.write(f"\n{block}")
    assert load_session(Path(shell.session), ()).recipe.mix == load_manifest(shell.manifest)


def test_a_fraction_of_a_copy_leaves_a_gap_that_is_told(shell: DataShell) -> None:
    with Path(shell.session).open("a") as file:
        file.write('\n[[recipe.mix.rules]]\nname = "talk"\ntags = {source = ["talk"]}\nweight = 0.51\n')
    printed = shell("stats", shell.session)[1]
    assert re.search(r"mix: 4[56] rows from 60, [+-]0\.\d against what was asked", printed)


def test_surface_contrast_is_explained_where_it_would_be_learnt_first(shell: DataShell) -> None:
    rows = [{"prompt": f"Q{i}?", "chosen": f"I do not know {i}.", "rejected": f"I don't, it's {i}."} for i in range(40)]
    write_lines(Path(shell.rows), rows)
    printed = " ".join(shell("stats", shell.rows)[1].split())
    assert "0.0 chosen, 2.0 rejected; so far apart on the surface, a rising reward margin may say no more" in printed


def test_words_of_the_data_give_no_terminal_any_order(shell: DataShell) -> None:
    hostile = "[red]\x1b[2J\rnone\u202e"
    rows = [{"prompt": f"Q{i}?", "chosen": "A.", "rejected": "B.", "category": hostile} for i in range(40)]
    write_lines(Path(shell.rows), rows)
    Path(shell.manifest).write_text(
        json.dumps({"rules": [{"name": hostile, "repeat": 1, "match": {"metadata_any": {"category": [hostile]}}}]})
    )
    code, printed, _ = shell("stats", shell.rows, "--manifest", shell.manifest)
    assert code == 0
    assert "[red] [2J none" in printed
    assert not set(printed) & {"\x1b", "\r", "\u202e"}
    Path(shell.manifest).write_text(
        json.dumps({"rules": [{"name": hostile, "repeat": 1, "match": {"source_any": ["gone"]}}]})
    )
    code, _, said = shell("stats", shell.rows, "--manifest", shell.manifest)
    assert code == 2
    assert not set(said) & {"\x1b", "\r", "\u202e"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("stats", "{session}", "{rows}"), "is a session and names its rows and its objective itself"),
        (("stats", "{session}", "--objective", "sft"), "is a session and names its rows and its objective itself"),
        (("stats", "gone.jsonl"), "training file gone.jsonl does not exist"),
        (("stats", "{rows}", "--manifest", "gone.json"), "manifest gone.json cannot be read"),
        (("mix", "gone.json"), "manifest gone.json cannot be read"),
    ],
)
def test_bad_input_ends_with_2_and_its_cure(shell: DataShell, arguments: tuple[str, ...], complaint: str) -> None:
    named = [word.format(session=shell.session, rows=shell.rows) for word in arguments]
    code, printed, said = shell(*named)
    assert (code, printed) == (2, "")
    assert complaint in said


def test_real_pairs_show_the_contrast_they_are_known_for(shell: DataShell) -> None:
    root = os.environ.get("NIGHTLAB_DATA")
    if not root:
        pytest.skip("NIGHTLAB_DATA is not set: real preference pairs are not on this machine")
    pairs = str(next(Path(root).rglob("pairs.jsonl")))
    told = json.loads(shell("stats", pairs, "--generator", "rejected_source", "--own", "base", "--json")[1])
    assert told["contrast"]["chosen"] < 0.1
    assert told["contrast"]["rejected"] > 5
    assert told["authors"]["on_policy"] == pytest.approx(39 / 64)
