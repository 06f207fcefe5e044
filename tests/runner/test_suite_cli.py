"""`nightlab suite`: what a user sees, the exit codes, and halves that are those of a session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import make_request
from fakes_session import fake_surroundings, write_lines
from fakes_shell import Shell

from probes.evaluation.score_forms import ScoreRow
from probes.evaluation.suite import read_suite, suite_digest
from probes.evaluation.suites.results import PromptResult, SuiteResults
from probes.recipe import Recipe
from probes.request import FileRef
from runner.overrides import load_session
from runner.suite_view import results_view
from runner.surroundings import gather_inputs
from runner.tables import show_view


class SuiteShell(Shell):
    """Runs `nightlab suite` on a small session's items."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(folder, capsys, "suite")
        self.items = str(folder / "items.jsonl")

    def rewrite(self, change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> None:
        """Change the items' file row by row."""
        rows = [json.loads(line) for line in Path(self.items).read_text().splitlines()]
        write_lines(Path(self.items), [change(number, row) for number, row in enumerate(rows)])


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> SuiteShell:
    found = SuiteShell(tmp_path, capsys)
    found.rewrite(lambda number, row: {**row, "prompt": f"Item {row['id']}?"})
    return found


def test_help_teaches_the_format_and_every_command(shell: SuiteShell) -> None:
    code, printed, _ = shell("--help")
    assert code == 0
    for words in ("check", "stats", "split", "JSON lines", "nightlab suite check items.jsonl --train"):
        assert words in printed


def test_a_sound_suite_passes_with_its_version(shell: SuiteShell) -> None:
    code, printed, _ = shell("check", shell.items)
    assert code == 0
    told = json.loads(shell("check", shell.items, "--json")[1])
    assert (told["valid"], told["items"], told["problems"]) == (True, 48, [])
    assert f"48 items, version {told['version']}: nothing is wrong" in printed


def test_mistakes_end_with_2_and_every_one_is_told(shell: SuiteShell) -> None:
    shell.rewrite(lambda number, row: row if number not in (3, 7) else {**row, "scorer": {"components": []}})
    code, printed, said = shell("check", shell.items)
    assert code == 2
    assert "nothing is wrong" not in printed
    assert "line 4: `scorer.components`" in said
    assert "line 8: `scorer.components`" in said
    code, printed, _ = shell("check", shell.items, "--json")
    assert (code, json.loads(printed)["version"], len(json.loads(printed)["problems"])) == (2, None, 2)


def test_a_session_is_checked_with_its_own_scorer_and_training_rows(shell: SuiteShell) -> None:
    shell.rewrite(lambda number, row: {k: v for k, v in row.items() if number or k != "scorer"})
    assert shell("check", shell.items)[0] == 2
    rules = '[suite.scorer]\ncomponents = [{ kind = "contractions", weight = 1.0 }]\n'
    session = Path(shell.session)
    session.write_text(session.read_text() + rules)
    assert shell("check", shell.session)[0] == 0
    shell.rewrite(lambda number, row: {**row, "prompt": "question 7"} if number == 5 else row)
    code, _, said = shell("check", shell.session)
    assert code == 2
    assert "`ground_truth-5` asks what training row" in said
    code, _, said = shell("check", shell.session, shell.items)
    assert (code, "give it alone" in said) == (2, True)


def test_training_rows_named_on_the_command_line_are_searched_for_leaks(shell: SuiteShell) -> None:
    assert shell("check", shell.items, "--train", str(shell.folder / "rows.jsonl"))[0] == 0
    shell.rewrite(lambda number, row: {**row, "prompt": "QUESTION 12"} if number == 40 else row)
    code, _, said = shell("check", shell.items, "--train", str(shell.folder / "rows.jsonl"))
    assert code == 2
    assert "rows.jsonl, line 13 teaches" in said


def test_statistics_show_counts_scorers_and_what_is_unclassified(shell: SuiteShell) -> None:
    shell.rewrite(lambda number, row: {**row, "source": "letters"} if number < 12 else row)
    code, printed, _ = shell("stats", shell.items)
    assert code == 0
    lines = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert lines["ground_truth"] == ["ground_truth", "16", "16"]
    assert lines["all"] == ["all", "48", "48"]
    assert "scorers: keywords 48" in printed
    assert "tag source: letters 12 (25%), unclassified 36 (75%)" in printed
    told = json.loads(shell("stats", shell.items, "--json")[1])
    assert (told["items"], told["counts"]["private_voice"]) == (48, {"easy": 16})


def test_a_split_is_the_one_a_session_makes_byte_for_byte(shell: SuiteShell) -> None:
    config = load_session(Path(shell.session), ["seed=3", "suite.held_out=0.25"])
    inputs = gather_inputs(config, shell.folder / "suite", fake_surroundings(shell.folder))
    out = shell.folder / "halves"
    code, printed, _ = shell("split", shell.items, "--held-out", "0.25", "--seed", "3", "--out", str(out))
    assert code == 0
    for name, ref in (("search", inputs.search), ("held_out", inputs.held_out)):
        assert (out / f"{name}.jsonl").read_bytes() == Path(ref.path).read_bytes()
        assert f"version {ref.digest}" in printed
    assert (len(read_suite([out / "search.jsonl"])), len(read_suite([out / "held_out.jsonl"]))) == (36, 12)
    assert "4*" in printed, "too few to claim anything"
    before = (out / "search.jsonl").read_bytes()
    code, _, said = shell("split", shell.items, "--out", str(out))
    assert (code, "is not overwritten" in said) == (2, True)
    assert (out / "search.jsonl").read_bytes() == before


def test_a_session_brings_its_own_share_and_seed(shell: SuiteShell) -> None:
    session = Path(shell.session)
    session.write_text("seed = 3\n" + session.read_text().replace("samples = 1", "samples = 1\nheld_out = 0.25"))
    for name, arguments in (("a", (shell.session,)), ("b", (shell.items, "--held-out", "0.25", "--seed", "3"))):
        assert shell("split", *arguments, "--out", str(shell.folder / name))[0] == 0
    assert (shell.folder / "a/search.jsonl").read_bytes() == (shell.folder / "b/search.jsonl").read_bytes()
    session.write_text(session.read_text().replace("held_out = 0.25", 'held_out = ["items.jsonl"]'))
    code, _, said = shell("split", shell.session, "--out", str(shell.folder / "c"))
    assert (code, "is split already" in said) == (2, True)
    code, _, said = shell("split", shell.items, "--held-out", "0.01", "--out", str(shell.folder / "d"))
    assert (code, "leaves no items for `held_out.jsonl`" in said) == (2, True)
    assert not (shell.folder / "d").exists()


def test_a_probes_prompts_are_shown_best_and_worst_with_both_forms_of_a_judged_score(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def prompt(name: str, score: float | None, answered: int, cause: str = "") -> PromptResult:
        fields: dict[str, Any] = {"item": name, "category": "voice", "difficulty": "hard", "critical": 0}
        return PromptResult(
            **fields, score=score, samples=3, scored=0 if score is None else 3, answered=answered, cause=cause
        )

    prompts = (prompt("good", 9.5, 3), prompt("bad", 1.25, 2, "no voice"), prompt("lost", None, 0, "no answer: gone"))
    judged = (ScoreRow(name="voice", raw=None, corrected=7.1),)
    results = SuiteResults(version="abc", split="held_out", prompts=prompts, judged=judged)
    show_view(results_view(results, most=1))
    printed = capsys.readouterr().out
    assert "a probe of 3 held-out items, version abc: answered 5/9 samples (56 %), scored 6/9" in printed
    good, bad = (line.split() for line in printed.splitlines() if line.startswith(("good", "bad")))
    assert good == ["good", "voice", "hard", "3/3", "3/3", "0/3", "9.50"]
    assert bad[-1] == "1.25"
    assert "why: bad: no voice" in printed
    assert "unscored: lost: no answer: gone" in printed
    assert ["voice", "N/A", "7.10"] in [line.split() for line in printed.splitlines()]


def test_a_probes_folder_shows_breaks_disagreeing_scorers_and_forms_of_calls(shell: SuiteShell) -> None:
    words = {"kind": "keywords", "weight": 0.5, "any": ["lamp"]}
    both = {"components": [words, {"kind": "character_break", "weight": 0.5}]}
    calls = {"components": [{"kind": "tool_calls", "weight": 1.0, "expected": [{"name": "weather"}]}]}
    shell.rewrite(lambda number, row: {**row, "scorer": calls if row["category"] == "ground_truth" else both})
    items = read_suite([shell.items])
    place = shell.folder / "probe"
    place.mkdir()
    suite = FileRef(path="/s.jsonl", digest=suite_digest(items))
    request = make_request(Recipe(base_model="m"), 0, "search").model_copy(update={"suite": suite})
    (place / "request.json").write_text(request.model_dump_json())
    marks = [{"tool_calls": 0.0} if item.category == "ground_truth" else {"keywords": 1.0} for item in items]
    marks = [{**one, "character_break": 1.0} if "keywords" in one else one for one in marks]
    broken = next(n for n, item in enumerate(items) if item.id == "private_voice-3")
    marks[broken]["character_break"] = 0.0
    causes: list[dict[str, str]] = [{} for _ in items]
    causes[broken] = {"character_break": "breaks character: 'As an AI'"}
    rows: list[dict[str, Any]] = [
        {"item": item.id, "category": item.category, "sample": 0, "seed": 0, "score": 5.0, "components": own,
         "causes": why}
        for item, own, why in zip(items, marks, causes, strict=True)
    ]  # fmt: skip
    write_lines(place / "scores.jsonl", rows)
    said = {"sample": 0, "seed": 0, "text": "It is warm.", "stop_reason": "stop", "tool_calls": []}
    write_lines(place / "responses.jsonl", [{**said, "item": item.id} for item in items])

    code, printed, _ = shell("stats", shell.items, "--scores", str(place))
    assert code == 0
    lines = [line.split() for line in printed.splitlines()]
    assert ["private_voice-3", "private_voice", "1/1"] in lines
    assert "by category: private_voice 1/16, verified_response 0/16" in printed
    assert ["private_voice-3", "private_voice", "0.00", "1.00", "1.00"] in lines
    assert "character_break and keywords differ on 1 of 32 items" in printed
    assert printed.count("why: private_voice-3: breaks character: 'As an AI'") >= 2
    assert ["ground_truth", "0", "0", "16"] in lines

    told = json.loads(shell("stats", shell.items, "--scores", str(place), "--json")[1])["scores"]
    assert told["tool_calls"] == {"ground_truth": {"structured": 0, "text": 0, "none": 16}}
    assert [one["item"] for one in told["breaks"]["character_break"] if one["breaks"]] == ["private_voice-3"]
    assert [one["distance"] for one in told["disagreements"][0]["apart"]] == [1.0]
    named = ("stats", shell.items, "--against", "keywords", "tool_calls")
    code, _, said_why = shell(*named, "--scores", str(place))
    assert (code, "must name two components that marked the same samples" in said_why) == (2, True)
    code, _, said_why = shell(*named)
    assert (code, "name its folder with `--scores`" in said_why) == (2, True)
