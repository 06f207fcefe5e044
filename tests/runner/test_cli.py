from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes_session import CATEGORIES, fake_surroundings, write_base, write_items, write_lines, write_rows, write_session

from probes.errors import LaunchError
from runner.cli import main
from runner.folder import SessionFolder

HEAVY = ("torch", "transformers", "trl", "peft", "mlflow", "optuna", "polars", "langgraph")


class Shell:
    """Runs the command line in this process, with workers that train nothing."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.session = str(write_session(folder))
        self.out = str(folder / "out")

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(arguments, fake_surroundings(self.folder))
        printed, said = self._capsys.readouterr()
        code = caught.value.code
        assert isinstance(code, int)
        return code, printed, said


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, runner.cli; print([m for m in {HEAVY} if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


VERBS = (
    *("init", "check", "simulate", "probe"),
    *("run", "resume", "status", "stop"),
    *("report", "compare", "history", "invalidate", "ui", "champion"),
    *("measure", "audit", "data", "suite"),
)


def test_help_shows_every_command_of_the_contract(shell: Shell) -> None:
    code, printed, _ = shell("--help")
    assert code == 0
    for command in VERBS:
        assert f" {command} " in printed
    assert "nightlab run" in printed
    assert shell()[0] == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_teaches_by_an_example_and_loses_no_word(shell: Shell, verb: str) -> None:
    code, printed, _ = shell(verb, "--help")
    assert code == 0
    examples = [line.split() for line in printed.splitlines() if line.strip().startswith(f"nightlab {verb} ")]
    assert examples
    assert "results/-" not in printed, "angle brackets outside of code are taken for HTML"
    assert "results/ " not in printed


def test_a_night_prints_report_and_claim_and_its_life_goes_on(shell: Shell) -> None:
    code, printed, said = shell("run", shell.session, "--out", shell.out, "--set", "budget.probes=30")
    assert code == 0
    lines = printed.splitlines()
    assert lines[0] == str(Path(shell.out) / "report.md")
    assert len(lines) == 2
    assert "session finished" in said

    code, printed, _ = shell("status", shell.out, "--json")
    told = json.loads(printed)
    assert (code, told["state"], told["stop_reason"]) == (0, "finished", "finished")
    assert told["probes"]["completed"] == 31, "two control probes cost a quarter each"

    code, printed, _ = shell("status", shell.out)
    assert "finished" in printed
    assert "c01" in printed

    (Path(shell.out) / "report.md").unlink()
    code, printed, _ = shell("report", shell.out)
    assert (code, Path(printed.splitlines()[0]).is_file()) == (0, True)

    code, _, said = shell("run", shell.session, "--out", shell.out)
    assert code == 2
    assert "already holds a session (finished)" in said


def test_check_prints_power_and_the_searched_space(shell: Shell) -> None:
    code, printed, _ = shell("check", shell.session)
    assert code == 0
    for words in ("private_voice", "resolvable", "learning_rate", "the night can conclude"):
        assert words in printed
    _, printed, _ = shell("check", shell.session, "--set", "recipe.curriculum.sources=[]")
    assert "[recipe.curriculum]" in printed, "brackets are text, not markup"
    code, printed, _ = shell("check", shell.session, "--json")
    told = json.loads(printed)
    assert told["valid"] is True
    assert told["power"]["categories"][0]["items_search"] == 8
    assert not (shell.folder / "out").exists()


def test_check_refuses_a_guard_that_cannot_resolve_its_margin(shell: Shell) -> None:
    code, _, said = shell("check", shell.session, "--set", "guards.margins.ground_truth=0.1")
    assert code == 2
    for words in ("guard `ground_truth` cannot resolve its margin of 0.1", "budget.confirm_probes"):
        assert words in said
    allowed = ("--set", "guards.margins.ground_truth=0.1", "--set", "referee.allow_blind_guards=true")
    code, printed, _ = shell("check", shell.session, *allowed)
    assert code == 0
    assert "warning: guard `ground_truth` cannot resolve" in printed
    code, _, said = shell("run", shell.session, "--out", shell.out, "--set", "guards.margins.ground_truth=0.1")
    assert code == 2
    assert not Path(shell.out).exists()


def test_dry_run_shows_plan_and_config_and_trains_nothing(shell: Shell) -> None:
    code, printed, _ = shell("run", shell.session, "--dry-run", "--set", "seed=7")
    assert code == 0
    for words in ("calibrate", "2 workers", "seed = 7", "[recipe]"):
        assert words in printed
    assert not (shell.folder / "results").exists()


def test_probe_prints_scores_and_the_same_seed_gives_the_same(shell: Shell) -> None:
    code, printed, _ = shell("probe", shell.session, "--seed", "3")
    assert code == 0
    assert all(name in printed for name in (*CATEGORIES, "overall"))
    first, second, other = (
        json.loads(shell("probe", shell.session, "--seed", seed, "--json")[1]) for seed in ("3", "3", "4")
    )
    assert first["scores"] == second["scores"]
    assert first["key"] != other["key"]
    better = json.loads(shell("probe", shell.session, "--set", "recipe.learning_rate=1e-2", "--json")[1])
    assert better["overall"] > first["overall"]


def test_a_probe_that_fails_says_so(shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["probe", shell.session], fake_surroundings(tmp_path, FAKE_CRASH_ONCE=str(tmp_path / "once")))
    assert caught.value.code == 4
    assert "crashed: the worker ended with exit code 9" in capsys.readouterr().err


def no_rejected(folder: Path) -> None:
    write_rows(folder / "rows.jsonl", drop="rejected")


def broken_line(folder: Path) -> None:
    with (folder / "rows.jsonl").open("a") as file:
        file.write('{"prompt": "half\n')


def no_weights(folder: Path) -> None:
    (folder / "base" / "model.safetensors").unlink()


def no_base(folder: Path) -> None:
    (folder / "base").rename(folder / "elsewhere")


def duplicate_ids(folder: Path) -> None:
    text = (folder / "items.jsonl").read_text()
    (folder / "items.jsonl").write_text(text + text.splitlines()[0] + "\n")


def other_categories(folder: Path) -> None:
    write_items(folder / "items.jsonl", categories=("private_voice", "verified_response"))


def narrow_base(folder: Path) -> None:
    (folder / "base").rename(folder / "wide")
    write_base(folder / "base", width=2)


def few_rows(folder: Path) -> None:
    write_rows(folder / "rows.jsonl", count=39)


@pytest.mark.parametrize(
    ("spoil", "setting", "words"),
    [
        (None, "recipe.lerning_rate=1", "did you mean `learning_rate`"),
        (None, "recipe.rank=many", "must be a whole number"),
        (None, "recipe.learning_rate=5", "`recipe.learning_rate` must be ≤ 1, got 5"),
        (None, "data.train=['gone.jsonl']", "gone.jsonl does not exist"),
        (None, "suite.items=['gone.jsonl']", "gone.jsonl cannot be read"),
        (broken_line, "", "rows.jsonl, line 61"),
        (no_rejected, "", "rejected"),
        (few_rows, "", "at least 40 rows, got 39"),
        (no_weights, "", "no *.safetensors weights"),
        (no_base, "model.base=./base", "does not exist"),
        (narrow_base, "", "must be at most 2"),
        (lambda folder: write_lines(folder / "items.jsonl", []), "", "the suite has no items"),
        (duplicate_ids, "", "`id` must be unique"),
        (None, "target.category=wit", "the target `wit` has no search items"),
        (other_categories, "guards.categories=['ground_truth']", "guard `ground_truth` has no search items in"),
        (None, "guards.categories=['private_voice']", "cannot be its own guard"),
        (None, "guards.margins.wit=1", "guard margin `wit` has no search items"),
        (None, "budget.probes=9", "`budget.probes` must be at least 19"),
        (None, "budget.confirm_probes=5", "`budget.confirm_probes` must be ≥ 6, got 5"),
        (None, "model.chat_template=gone.jinja", "gone.jinja"),
        (None, "suite.held_out=['items.jsonl']", "must be unique"),
        (None, "data.train=[]", "`data.train` must name at least one"),
        (None, "alarm.command=['/nonexistent/x']", "got `/nonexistent/x`: nobody would be called"),
        (None, "alarm.command=['./page-me']", "by its whole path or by its name on PATH"),
        (None, "tracking.uri=ftp://x", "got the scheme `ftp`"),
        (None, "recipe.curriculum={order='source_first', sources=['recordz']}", "match no training row"),
    ],
)
def test_bad_input_ends_before_any_probe(
    shell: Shell, spoil: Callable[[Path], None] | None, setting: str, words: str
) -> None:
    if spoil is not None:
        spoil(shell.folder)
    settings = ("--set", setting) if setting else ()
    assert shell("check", shell.session, *settings)[0] == 2
    code, _, said = shell("run", shell.session, "--out", shell.out, *settings)
    assert words in said
    assert code == 2
    assert "Traceback" not in said
    assert not Path(shell.out).exists()


@pytest.mark.parametrize("verb", ["check", "probe"])
def test_an_order_that_no_row_supports_is_bad_input_before_a_worker_trains(shell: Shell, verb: str) -> None:
    write_rows(shell.folder / "rows.jsonl", drop="difficulty")
    code, _, said = shell(verb, shell.session, "--set", "recipe.curriculum.order=easy_first")
    assert code == 2
    assert "needs the `difficulty` tag" in said
    assert "Traceback" not in said


def test_a_guard_without_items_names_file_category_and_cure(shell: Shell) -> None:
    _, _, said = shell("check", shell.session, "--set", "guards.categories=['position']")
    assert f"guard `position` has no search items in {shell.folder / 'items.jsonl'}" in said
    assert "take it out of `guards.categories`" in said


@pytest.mark.parametrize("setting", ["seed=0", "guards.categories=['ground_truth']"])
@pytest.mark.parametrize(("share", "side"), [(0.5, "no search items"), (0.3, "no held-out items")])
def test_a_guard_must_have_items_on_both_sides(shell: Shell, setting: str, share: float, side: str) -> None:
    items = shell.folder / "items.jsonl"
    lines = items.read_text().splitlines()
    items.write_text("".join(f"{line}\n" for line in lines if "ground_truth" not in line or "ground_truth-0" in line))
    code, _, said = shell("check", shell.session, "--set", setting, "--set", f"suite.held_out={share}")
    assert code == 2
    assert f"guard `ground_truth` has {side} in {items}" in said
    assert "`guards.categories`" in said


@pytest.mark.parametrize("command", ["status", "resume", "report"])
def test_a_folder_without_a_session_is_bad_input(shell: Shell, command: str) -> None:
    code, _, said = shell(command, str(shell.folder))
    assert code == 2
    assert "holds no session" in said


def test_a_broken_ledger_stops_with_its_place(shell: Shell) -> None:
    folder = SessionFolder(Path(shell.out))
    folder.create()
    folder.ledger.write_text('{"kind": "nonsense"}\n')
    code, _, said = shell("status", shell.out)
    assert code == 4
    assert "line 1" in said


def test_an_environment_that_is_not_ready_is_3(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["probe", shell.session], fake_surroundings(shell.folder, FAKE_START="fails"))
    assert caught.value.code == LaunchError.exit_code == 3
    assert "no such device" in capsys.readouterr().err


def test_unknown_options_are_bad_input(shell: Shell) -> None:
    assert shell("run", shell.session, "--fast")[0] == 2
