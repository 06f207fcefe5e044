from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import fmean

import pytest
from fakes_memory import write_night
from fakes_night import NightWriter, baseline
from fakes_session import fake_surroundings

from probes.aggregation import category_weights
from probes.errors import ConfigError
from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus
from runner.cli import main
from runner.folder import SessionFolder
from runner.nights.history import History, RankedRecipe, read_history
from runner.nights.history_markdown import history_markdown
from runner.nights.history_view import initials
from runner.nights.reading import read_night
from tracking.events import ProbeFinished, ProbePlan


def rankings(history: History) -> dict[str, list[RankedRecipe]]:
    (project,) = history.projects
    return {ranking.split: list(ranking.recipes) for ranking in project.rankings}


def test_baselines_of_one_recipe_count_together_and_finals_rank_by_their_mean(tmp_path: Path) -> None:
    write_night(tmp_path / "monday", day=10)
    write_night(tmp_path / "tuesday", "no_claim", day=11)
    ranked = rankings(read_history(tmp_path))
    held_out = ranked["held_out"]
    baseline = next(recipe for recipe in held_out if recipe.kind == "baseline")
    assert baseline.nights == ("monday", "tuesday")
    nights = [read_night(tmp_path / name) for name in baseline.nights]
    runs = [probe for night in nights for probe in night.runs("baseline", "confirm")]
    assert baseline.runs == len(runs)
    assert baseline.overall.value == pytest.approx(fmean(probe.overall or 0.0 for probe in runs))
    means = [recipe.overall.value or 0.0 for recipe in held_out]
    assert means == sorted(means, reverse=True)
    states = {recipe.label: recipe.state for recipe in held_out}
    assert states["final recipe of monday"] == "confirmed"
    assert states.get("final recipe of tuesday", "not confirmed") == "not confirmed"
    assert {recipe.kind for recipe in ranked["search"]} == {"baseline"}, "nothing was chosen on what ranks there"


def test_a_copied_night_counts_no_probe_twice(tmp_path: Path) -> None:
    events = write_night(tmp_path / "monday", day=10)
    once = rankings(read_history(tmp_path))
    (tmp_path / "copy" / "suite").mkdir(parents=True)
    for name in ("search.jsonl", "held_out.jsonl"):
        (tmp_path / "copy" / "suite" / name).write_bytes((tmp_path / "monday" / "suite" / name).read_bytes())
    (tmp_path / "copy" / "ledger.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in events))
    twice = rankings(read_history(tmp_path))
    for split, recipes in once.items():
        assert [recipe.runs for recipe in twice[split]] == [recipe.runs for recipe in recipes]


def test_other_items_are_another_project_and_a_session_names_its_own(tmp_path: Path) -> None:
    write_night(tmp_path / "monday", day=10)
    write_night(tmp_path / "other", item="another", day=9)
    history = read_history(tmp_path)
    assert [[night.name for night in project.nights] for project in history.projects] == [["other"], ["monday"]]
    (only,) = read_history(tmp_path / "monday").projects
    assert [night.name for night in only.nights] == ["monday"]


def test_a_night_that_cannot_be_read_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    write_night(tmp_path / "monday", day=10)
    broken = SessionFolder(tmp_path / "broken")
    broken.create()
    broken.ledger.write_text('{"kind": "nonsense"}\n')
    history = read_history(tmp_path)
    assert len(history.projects) == 1
    assert history.unread[0].startswith("broken: ledger")
    with pytest.raises(ConfigError, match="holds no session"):
        read_history(tmp_path / "monday" / "suite")


def test_the_same_ledgers_give_the_same_bytes_whatever_else_lies_there(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        for name, day in (("monday", 10), ("tuesday", 11)):
            write_night(tmp_path / folder / name, "claim" if day == 10 else "nothing", day=day)
    (tmp_path / "two" / "notes.txt").write_text("mine")
    one, two = (history_markdown(read_history(tmp_path / folder)) for folder in ("one", "two"))
    assert one == two
    assert str(tmp_path) not in one
    assert "| monday" in one
    assert "final recipe of monday" in one


def test_text_from_data_is_text_in_markdown(tmp_path: Path) -> None:
    write_night(tmp_path / "<script>alert(1)|x", day=10)
    text = history_markdown(read_history(tmp_path))
    assert "<script>" not in text.replace("\\<script>", "")
    assert "\\|x" in text


SEVEN = {
    "base": (100, 100, 33.3, 71.4),
    "successful-demo": (87.5, 100, 33.3, 67.9),
    "30B base": (87.5, 50, 50, 60.7),
    "qwen-tool-format": (100, 75, 16.7, 57.1),
    "glaive": (70.8, 66.7, 33.3, 53.6),
    "diverse-python": (29.2, 100, 33.3, 51.2),
    "tool-synthetic": (62.5, 0, 33.3, 32.1),
}
"""Pun-10: percent of 2 code, 2 reasoning and 3 tool prompts, and their mean over prompts."""


def write_scores(folder: Path, number: int, percents: tuple[float, ...]) -> None:
    """Write a night of one baseline probe that scored these percents."""
    counts = {"code": 2, "reasoning": 2, "tools": 3}
    writer = NightWriter()
    writer.start()
    (started,) = (event for event in writer.events if event.kind == "session_started")
    request = writer.request(baseline().replace(learning_rate=0.001 * (number + 1)), number, "search")
    request = request.model_copy(update={"weights": category_weights("prompts", counts)})
    items = tuple(
        ItemScores(item=f"{name}-{i}", category=name, difficulty="easy", scores=(percent / 10,))
        for (name, count), percent in zip(counts.items(), percents, strict=True)
        for i in range(count)
    )
    outcome = ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, items=items)
    plan = ProbePlan(number=1, phase="calibrate", arm="baseline", replicate=0, request=request)
    finished = ProbeFinished(at=started.at, plan=plan, outcome=outcome)
    (folder / "suite").mkdir(parents=True)
    for name in ("search.jsonl", "held_out.jsonl"):
        (folder / "suite" / name).write_text("{}\n")
    lines = (event.model_dump_json() + "\n" for event in (started, finished))
    (folder / "ledger.jsonl").write_text("".join(lines))


def test_seven_nights_reproduce_the_cumulative_table_of_the_source(tmp_path: Path) -> None:
    for number, name in enumerate(random.Random(0).sample(list(SEVEN), len(SEVEN))):
        write_scores(tmp_path / name, number, SEVEN[name][:3])
    found = rankings(read_history(tmp_path))["search"]
    assert [recipe.label.removeprefix("baseline of ") for recipe in found] == list(SEVEN)
    for recipe, row in zip(found, SEVEN.values(), strict=True):
        assert 10 * (recipe.overall.value or 0.0) == pytest.approx(row[3], abs=0.06)


def test_heads_are_initials_and_never_two_alike() -> None:
    names = ("ground_truth", "great_tales", "private_voice", "code", "codex")
    assert initials(names) == {
        "code": "COD", "codex": "COD2", "great_tales": "GT", "ground_truth": "GT2", "private_voice": "PV",
    }  # fmt: skip


def test_the_command_shows_writes_and_tells_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_night(tmp_path / "results" / "monday", day=10)
    monkeypatch.chdir(tmp_path)

    def shell(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main(("history", *arguments), fake_surroundings(tmp_path))
        assert isinstance(caught.value.code, int)
        return caught.value.code, capsys.readouterr().out

    code, printed = shell("--write")
    assert (code, "confirmed" in printed) == (0, True)
    assert "PV private_voice" in printed
    written = (tmp_path / "results" / "history.md").read_text()
    assert shell("results/monday", "--write")[0] == 0
    assert (tmp_path / "results" / "history.md").read_text() == written
    told = json.loads(shell("--json")[1])
    assert told["projects"][0]["nights"][0]["claim"]["confirmed"] is True
    assert told["projects"][0]["rankings"][0]["recipes"][0]["overall"]["value"] > 0
    assert shell("nowhere")[0] == 2
