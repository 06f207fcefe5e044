from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_base, write_lines, write_session

from probes.errors import ConfigError, DataError
from runner.cli import main
from runner.init.answers import Answers, JudgeName, Suite, TrainingData
from runner.init.questions import Conversation, Flags, ask_all
from runner.init.session_text import session_text
from runner.overrides import load_session

Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    write_session(tmp_path).unlink()
    shutil.rmtree(tmp_path / "base")
    write_base(tmp_path / "base", width=16)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(arguments, fake_surroundings(tmp_path))
        printed, said = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, printed, said

    return run


ALL = ("--model", "base", "--data", "rows.jsonl", "--suite", "items.jsonl", "--hours", "2.5", "--target")


def test_flags_alone_write_a_session_that_its_check_accepts(shell: Shell, tmp_path: Path) -> None:
    code, printed, _ = shell("init", "mine.toml", *ALL, "private_voice", "--device-hour", "2.5")
    assert code == 0
    assert "mine.toml is written." in printed
    assert "the night can conclude" in printed
    assert printed.rstrip().endswith("Next: nightlab run mine.toml")
    config = load_session(tmp_path / "mine.toml")
    assert (config.name, config.target.category, config.budget.hours) == ("mine", "private_voice", 2.5)
    assert config.budget.rates.device_hour == 2.5
    assert config.data.train == (str(tmp_path / "rows.jsonl"),)
    text = (tmp_path / "mine.toml").read_text()
    assert str(tmp_path) not in text, "what lies beside the file is named relative to it"
    assert "60 rows" in text
    assert config.model.chat_template == "none", "the base model's tokenizer has none"
    assert "20 passes over your data" in text, "300 steps of 4 rows over 60"


def test_a_file_that_is_there_is_never_overwritten_without_force(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("precious")
    code, _, said = shell("init", "mine.toml", *ALL, "auto", "--no-check")
    assert (code, "not overwritten" in said) == (2, True)
    assert (tmp_path / "mine.toml").read_text() == "precious"
    assert shell("init", "mine.toml", *ALL, "auto", "--no-check", "--force")[0] == 0
    assert load_session(tmp_path / "mine.toml").target.category == "auto"


def few_items(folder: Path) -> None:
    lines = (folder / "items.jsonl").read_text().splitlines()
    (folder / "items.jsonl").write_text("".join(f"{line}\n" for line in lines[::4]))


def test_a_night_that_could_not_conclude_is_said_and_the_file_is_kept(shell: Shell, tmp_path: Path) -> None:
    few_items(tmp_path)
    code, printed, said = shell("init", "mine.toml", *ALL, "private_voice")
    assert code == 2
    assert "mine.toml is written." in printed
    assert "add held-out items" in said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--model", "./gone"), "base model folder `gone` does not exist"),
        (("--model", "no model!"), "a model folder or a hub name"),
        (("--data", "gone.jsonl"), "does not exist"),
        (("--data", "items.jsonl"), "`messages` is missing"),
        (("--suite", "gone.jsonl"), "gone.jsonl cannot be read"),
        (("--suite", "rows.jsonl"), "`id` is missing"),
        (("--target", "private_voyce"), "did you mean `private_voice`"),
        (("--hours", "tonight"), "`--hours` must be a number, got `tonight`"),
        (("--hours", "0"), "`--hours` must be above 0"),
        (("--device-hour", "-1"), "`--device-hour` must be 0 or more"),
        (("--judge", "me"), "`--judge` must be provider:model"),
        (("--name", "a b"), "`--name` must be up to 64"),
    ],
)
def test_a_wrong_answer_is_refused_with_its_rule(shell: Shell, flags: Sequence[str], words: str) -> None:
    given = dict(zip(ALL[::2], (*ALL[1::2], "auto"), strict=True)) | dict(zip(flags[::2], flags[1::2], strict=True))
    code, printed, said = shell("init", "mine.toml", *(part for pair in given.items() for part in pair))
    assert (code, printed) == (2, "")
    assert words in said
    assert not Path("mine.toml").exists()


def test_without_a_terminal_every_missing_answer_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "nothing").touch()
    with (tmp_path / "nothing").open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        code, _, said = shell("init", "mine.toml", "--model", "base")
        assert (code, "was not told --data" in said) == (2, True)
        code, _, said = shell("init", "mine.toml", *ALL[:6], "--yes", "--no-check")
    assert code == 0
    config = load_session(tmp_path / "mine.toml")
    assert (config.target.category, config.budget.hours) == ("auto", 8.0)


NOTHING_SAID = Flags()


class Script:
    """A user who says what was written down for them."""

    def __init__(self, *lines: str) -> None:
        self.lines, self.asked, self.told = list(lines), list[str](), list[str]()

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.lines.pop(0)

    def answers(self, *, stem: str = "session", flags: Flags = NOTHING_SAID) -> Answers:
        return ask_all(flags, Conversation(self.ask, self.told.append), stem)


def test_a_wrong_answer_is_asked_for_again(shell: Shell, tmp_path: Path) -> None:
    user = Script("gone/for/good", "base", "rows.jsonl", "gone.jsonl", "items.jsonl", "wit", "", "no", "", "")
    found = user.answers()
    assert not user.lines
    assert (found.name, found.target, found.hours, found.device_hour) == ("base", "auto", 8.0, None)
    assert found.model == str(tmp_path / "base")
    assert "60 preference pairs: objective orpo" in user.told[1]
    assert any("does not exist" in line for line in user.told)
    assert sum(question.startswith("Hours the") for question in user.asked) == 2


def test_the_miniature_is_asked_for_neither_data_nor_suite() -> None:
    user = Script("", "private_voice", "0.5", "2")
    found = user.answers(stem="first")
    assert (found.name, found.data, found.suite, found.device_hour) == ("first", None, None, 2.0)


def test_a_suite_without_scorers_asks_for_a_judge_and_the_file_names_it(shell: Shell, tmp_path: Path) -> None:
    items = [{"id": f"{c}{i}", "category": c, "prompt": f"Item {i}?"} for c in "ab" for i in range(16)]
    write_lines(tmp_path / "items.jsonl", items)
    flags = Flags(None, "base", ("rows.jsonl",), ("items.jsonl",), "a", "8")
    found = Script("openai:gpt-5-mini").answers(flags=flags)
    assert found.judge == JudgeName("openai", "gpt-5-mini")
    file = tmp_path / "judged.toml"
    file.write_text(session_text(found, file))
    config = load_session(file)
    assert config.judge is not None
    assert config.judge.model == "gpt-5-mini"
    assert config.suite.scorer is not None
    with pytest.raises(ConfigError, match="--judge"):
        ask_all(flags, Conversation(None, print), "judged")


def test_rows_without_rejected_answers_are_for_sft(shell: Shell, tmp_path: Path) -> None:
    write_lines(tmp_path / "sft.jsonl", [{"prompt": f"Q{i}?", "completion": f"A{i}."} for i in range(50)])
    found = Script().answers(flags=Flags(None, "base", ("sft.jsonl",), ("items.jsonl",), "auto", "1"))
    assert found.data is not None
    assert found.data.objective == "sft"
    file = tmp_path / "sft.toml"
    file.write_text(session_text(found, file))
    assert load_session(file).recipe.objective == "sft"
    write_lines(tmp_path / "few.jsonl", [{"prompt": "Q?", "completion": "A."}])
    with pytest.raises(DataError, match="at least 40 rows"):
        Script().answers(flags=Flags(None, "base", ("few.jsonl",), ("items.jsonl",), "auto", "1"))


def some_answers(folder: Path, **changes: object) -> Answers:
    data = TrainingData((folder / 'rows "one".jsonl', Path("/elsewhere/rows.jsonl")), "orpo", 1273)
    suite = Suite((folder / "items.jsonl",), {"ground_truth": 16, "private_voice": 16}, needs_judge=True)
    judge = JudgeName("anthropic", "claude-haiku-4-5")
    full = Answers("mine", "Qwen/Qwen3-8B", data, suite, "private_voice", 7.5, judge, 2.5)
    return full._replace(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"device_hour": None, "judge": None, "target": "auto"},
        {"model": "miniature", "data": None, "suite": None, "judge": None, "target": "overall"},
    ],
)
def test_every_commented_setting_is_valid_as_it_stands(tmp_path: Path, changes: dict[str, object]) -> None:
    file = tmp_path / "mine.toml"
    text = session_text(some_answers(tmp_path, **changes), file)
    off = re.compile(r"^# (?=[a-z_]+ = |\[)", re.MULTILINE)
    assert len(off.findall(text)) >= 10
    for shown in (text, off.sub("", text)):
        file.write_text(shown)
        config = load_session(file)
        assert config.name == "mine"
    assert config.lanes.hyperparameters["rank"] is not None
    assert config.tracking.experiment == "nightlab"
    assert all(len(line) <= 120 for line in text.splitlines())


def test_paths_and_names_are_text_whatever_is_in_them(tmp_path: Path) -> None:
    told = tomllib.loads(session_text(some_answers(tmp_path), tmp_path / "mine.toml"))
    assert told["data"]["train"] == ['rows "one".jsonl', "/elsewhere/rows.jsonl"]
    assert told["model"]["base"] == "Qwen/Qwen3-8B"


AT_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "runner.cli", *sys.argv[1:]])
"""


def test_a_person_at_a_terminal_is_asked_and_ctrl_c_writes_nothing(tmp_path: Path) -> None:
    write_session(tmp_path).unlink()
    command = [sys.executable, "-c", AT_A_TERMINAL, "init", "mine.toml", "--no-check"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "NO_COLOR": "1"}

    def talk(lines: Sequence[bytes]) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environ)
        os.close(theirs)
        shown, waiting, limit = b"", list(lines), time.monotonic() + 60
        while time.monotonic() < limit:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    shown += os.read(ours, 4096)
                except OSError:
                    break
            elif waiting and shown.endswith(b": "):  # and nothing follows: it waits for an answer
                shown += b"(answered)"
                os.write(ours, waiting.pop(0))
        os.close(ours)
        return process.wait(10), shown.decode()

    code, shown = talk([b"base\n", b"\x03"])
    assert (code, "nothing was written" in shown) == (130, True)
    assert not (tmp_path / "mine.toml").exists()
    code, shown = talk([b"base\n", b"rows.jsonl\n", b"items.jsonl\n", b"\n", b"4\n", b"\n"])
    assert code == 0, shown
    assert "Training data" in shown
    assert load_session(tmp_path / "mine.toml").budget.hours == 4.0
