"""`nightlab champion` on real session folders, with workers that only pretend to train."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
from pathlib import Path

import pytest
from fakes_night import make_night
from fakes_session import SESSION, fake_surroundings, write_session

from runner.champion import FOLLOWS
from runner.cli import main
from runner.invalidate import invalidate_night
from runner.overrides import load_session
from runner.session import start_night
from tracking.champions import ChampionBook
from tracking.ledger import Ledger, read_events
from tracking.night import NightRecord


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project whose finished night claims something."""
    folder = tmp_path_factory.mktemp("project")
    config = load_session(write_session(folder), ["launcher.workers=1"])
    end = start_night(config, folder / "results/friday", fake_surroundings(folder))
    assert end.night.claim is not None
    assert end.night.claim.confirmed
    return folder


class Shell:
    """Runs `nightlab champion` in a copy of the project."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.results = folder / "results"
        self.book = ChampionBook(self.results)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(("champion", *arguments, "--results", str(self.results)), fake_surroundings(self.folder, USER="ada"))
        printed, said = self._capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, printed, said

    def promote(self, session: str = "friday", *more: str, role: str = "production") -> tuple[int, str, str]:
        return self("promote", str(self.results / session), "--role", role, "--reason", "holds every guard", *more)

    def refused(self, *arguments: str) -> str:
        before = self.book.entries()
        code, _, said = self(*arguments)
        assert code == 2
        assert self.book.entries() == before
        return said

    def add_night(self, name: str, story: str) -> None:
        with Ledger(self.results / name / "ledger.jsonl") as ledger:
            for event in make_night(story):  # pyright: ignore[reportArgumentType]
                ledger.append(event)


@pytest.fixture
def shell(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    shutil.copytree(finished, tmp_path / "project")
    return Shell(tmp_path / "project", capsys)


def night(shell: Shell) -> NightRecord:
    return NightRecord.replay(read_events(shell.results / "friday/ledger.jsonl"))


def test_a_confirmed_night_takes_a_role_with_who_why_and_its_figures(shell: Shell) -> None:
    code, printed, _ = shell.promote()
    assert code == 0
    assert "production" in printed
    assert "holds every guard" in printed
    told = json.loads(shell("show", "production", "--json")[1])
    record = night(shell)
    assert record.claim is not None
    assert told["champion"]["claim"] == record.claim.model_dump(mode="json")
    assert told["champion"]["recipe"] == record.working_recipe.model_dump(mode="json")  # pyright: ignore[reportOptionalMemberAccess]
    assert told["promoted"]["by"] == "ada"
    assert (told["confirmed"], told["frozen"], told["since"]) == (True, False, None)
    assert json.loads(shell("list", "--json")[1]) == [told]
    shown = shell("show", "production")[1]
    for words in ("promoted by ada", "guard ground_truth", "held", told["champion"]["ledger"]):
        assert words in shown
    assert "UNCONFIRMED" not in shown


def test_promoting_the_same_night_again_adds_nothing(shell: Shell) -> None:
    assert "already" not in shell.promote()[1]
    code, printed, _ = shell.promote()
    assert code == 0
    assert "friday holds production already" in printed
    assert len(shell.book.entries()) == 1


def test_a_promotion_says_what_it_replaced_and_what_that_was_worth(shell: Shell) -> None:
    shell.add_night("saturday", "claim")
    assert "replaces" not in shell.promote("saturday")[1]
    printed = shell.promote("friday")[1]
    assert "replaces synthetic-20260314: private_voice +1.24 [+0.71, +1.77]" in printed


def test_a_freeze_that_is_refused_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell(tmp_path / "new", capsys)
    for verb in ("freeze", "unfreeze"):
        assert "nobody holds" in shell.refused(verb, "production", "--reason", "in use")
    assert not shell.results.exists()
    assert "there is no folder" in shell.refused("list")


def test_without_a_name_in_the_environment_the_system_says_who_decided(shell: Shell) -> None:
    words = ("champion", "promote", str(shell.results / "friday"), "--role", "production", "--reason", "r")
    with pytest.raises(SystemExit):
        main((*words, "--results", str(shell.results)), fake_surroundings(shell.folder, USER="", LOGNAME=""))
    assert shell.book.holders()["production"].promoted.who == pwd.getpwuid(os.getuid()).pw_name


def test_the_reports_advice_to_promote_runs_as_it_is_printed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shell.folder)
    report = (shell.results / "friday/report.md").read_text(encoding="utf-8")
    advice = next(line for line in report.splitlines() if line.startswith("Tomorrow: Promote"))
    name, verb, *words = shlex.split(advice.partition("“")[2].partition("”")[0])
    assert (name, verb) == ("nightlab", "champion")
    assert shell(*words)[0] == 0
    promoted = shell.book.holders()["production"].promoted
    assert promoted.champion.folder == "friday"
    assert promoted.reason.startswith(night(shell).target)


def test_the_shown_recipe_starts_the_next_night_when_it_is_pasted(shell: Shell) -> None:
    shell.promote()
    shown = shell("show", "production")[1]
    block = shown[shown.index("[recipe]") :]
    head, tail = SESSION.split("[recipe]")
    rest = tail[tail.index("[lanes.hyperparameters") :]
    pasted = shell.folder / "next.toml"
    pasted.write_text(f"{head}{block}\n{rest}")
    config = load_session(pasted)
    champion = shell.book.holders()["production"].champion
    assert config.recipe.model_dump(exclude=set(FOLLOWS)) == champion.recipe.model_dump(exclude=set(FOLLOWS))
    assert config.recipe != load_session(shell.folder / "session.toml").recipe


def test_a_session_that_measures_otherwise_is_told_where(shell: Shell) -> None:
    shell.promote()
    same = shell.folder / "session.toml"
    assert "their scores can be compared" in shell("show", "production", "--session", str(same))[1]
    other = shell.folder / "other.toml"
    other.write_text(SESSION.replace("steps = 5", "steps = 9").replace("samples = 1", "samples = 2"))
    shown = shell("show", "production", "--session", str(other))[1]
    assert "step budget 5 against 9" in shown
    assert "samples 1 against 2" in shown
    told = json.loads(shell("show", "production", "--session", str(other), "--json")[1])
    assert {each["name"] for each in told["differences"]} == {"step budget", "samples"}


def test_a_frozen_role_is_replaced_only_after_the_freeze_is_taken_off(shell: Shell) -> None:
    shell.add_night("saturday", "claim")
    shell.promote()
    assert shell("freeze", "production", "--reason", "in use until the release")[0] == 0
    said = shell.refused("promote", str(shell.results / "saturday"), "--role", "production", "--reason", "newer")
    for words in ("frozen on friday", "by ada", "in use until the release", "champion unfreeze production"):
        assert words in said
    assert "frozen already" in shell.refused("freeze", "production", "--reason", "twice")
    assert shell("unfreeze", "production", "--reason", "released")[0] == 0
    assert "is not frozen" in shell.refused("unfreeze", "production", "--reason", "twice")
    assert shell.promote("saturday")[0] == 0
    shown = shell("show", "production")[1]
    assert "from synthetic-20260314" in shown
    assert "promoted friday" in shown, "what went before is told"
    assert "in use until the release" in shown


def test_a_freeze_holds_one_role_and_no_other(shell: Shell) -> None:
    shell.promote()
    shell("freeze", "production", "--reason", "in use")
    assert shell.promote(role="judge-voice")[0] == 0
    assert [(role, holder.freeze is not None) for role, holder in shell.book.holders().items()] == [
        ("production", True),
        ("judge-voice", False),
    ]


def test_an_unconfirmed_night_needs_to_be_asked_for_and_is_marked_forever(shell: Shell) -> None:
    shell.add_night("saturday", "guard_fails")
    said = shell.refused("promote", str(shell.results / "saturday"), "--role", "production", "--reason", "why not")
    assert "claims nothing that could be promoted" in said
    assert "--unconfirmed" in said
    assert shell.promote("saturday", "--unconfirmed")[0] == 0
    assert "UNCONFIRMED" in shell("list")[1]
    shell.promote("friday")
    listed, shown = shell("list")[1], shell("show", "production")[1]
    assert "UNCONFIRMED" not in listed
    assert "promoted synthetic-20260314 (UNCONFIRMED): holds every guard" in shown


@pytest.mark.parametrize("more", [(), ("--unconfirmed",)])
@pytest.mark.parametrize("story", ["interrupted", "failed"])
def test_an_unfinished_night_is_refused_whatever_is_asked(shell: Shell, story: str, more: tuple[str, ...]) -> None:
    shell.add_night("saturday", story)
    said = shell.refused("promote", str(shell.results / "saturday"), "--role", "production", "--reason", "r", *more)
    assert "has not ended" in said
    assert "nightlab resume" in said


@pytest.mark.parametrize("more", [(), ("--unconfirmed",)])
def test_a_withdrawn_claim_is_refused_whatever_is_asked(shell: Shell, more: tuple[str, ...]) -> None:
    invalidate_night(shell.results / "friday", "#12", "the wrong server answered", fake_surroundings(shell.folder))
    said = shell.refused("promote", str(shell.results / "friday"), "--role", "production", "--reason", "r", *more)
    assert "withdrawn" in said
    assert "the wrong server answered" in said


def test_a_claim_withdrawn_after_its_promotion_is_told(shell: Shell) -> None:
    shell.promote()
    invalidate_night(shell.results / "friday", "#12", "the wrong server answered", fake_surroundings(shell.folder))
    for command in (("list",), ("show", "production")):
        assert "its claim was withdrawn since" in shell(*command)[1]
    shutil.rmtree(shell.results / "friday")
    assert "is gone" in shell("list")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "productoin"), ("nobody holds the role `productoin`", "did you mean `production`?")),
        (("freeze", "judge-voice", "--reason", "r"), ("nobody holds", "champion promote DIR --role judge-voice")),
        (("promote", "nowhere", "--role", "production", "--reason", "r"), ("holds no session",)),
        (("promote", "nowhere", "--role", "In Use", "--reason", "r"), ("`In Use`", "small letters")),
        (("promote", "nowhere", "--role", "production", "--reason", "  "), ("--reason", "got 0")),
        (("freeze", "production", "--reason", "x" * 401), ("--reason", "got 401")),
    ],
)
def test_bad_input_is_refused_with_the_cure(shell: Shell, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    shell.promote()
    said = shell.refused(*arguments)
    assert all(word in said for word in words), said


def test_without_any_role_the_list_says_how_to_give_one(shell: Shell) -> None:
    code, printed, _ = shell("list")
    assert code == 0
    assert "nightlab champion promote DIR --role ROLE --reason TEXT" in printed
    assert not shell.book.path.exists()
    assert json.loads(shell("list", "--json")[1]) == []


@pytest.mark.parametrize("command", ["list", "show", "promote", "freeze", "unfreeze"])
def test_help_gives_an_example_of_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["champion", command, "--help"])
    assert caught.value.code == 0
    assert f"nightlab champion {command}" in capsys.readouterr().out.split("Options")[0].split("Usage", 1)[1][20:]
