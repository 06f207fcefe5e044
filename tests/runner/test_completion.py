"""Completion as a shell asks for it: through its own script, in a real shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.commands.completion import complete_folder, complete_session

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("friday", "thursday"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "ledger.jsonl").touch()
    (tmp_path / "results" / "notes").mkdir()
    for name in ("mine.toml", "mine.txt", "other.toml"):
        (tmp_path / name).touch()
    command = tmp_path / "bin" / "nightlab"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runner.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_shell(place: Path, shell: str, script: str) -> str:
    environ = {
        **os.environ, "PYTHONPATH": str(ROOT), "HOME": str(place), "ZDOTDIR": str(place),
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}[shell]
    done = subprocess.run([shell, *plain, "-c", script], capture_output=True, text=True, env=environ, cwd=place)
    assert not done.stderr, done.stderr
    return done.stdout


def test_folders_that_hold_a_session_are_completed(place: Path) -> None:
    assert complete_folder("") == complete_folder("res") == ["results/friday", "results/thursday"]
    assert complete_folder("results/t") == ["results/thursday"]
    assert complete_folder("results/n") == complete_folder("nowhere/") == []
    assert complete_folder(f"{place}/results/f") == [f"{place}/results/friday"]


def test_session_files_are_completed_unless_a_folder_may_be_meant(place: Path) -> None:
    assert complete_session("m") == ["mine.toml"]
    assert complete_session("") == [], "the shell's own completion shows files and folders"


BASH = """
source <(_NIGHTLAB_COMPLETE=source_bash nightlab)
COMP_WORDS=({words}) COMP_CWORD={word}
$(complete -p nightlab | sed 's/.*-F \\([^ ]*\\) .*/\\1/') nightlab
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("nightlab st", {"status", "stop"}),
        ("nightlab stop results/f", {"results/friday"}),
        ("nightlab run m", {"mine.toml"}),
        ("nightlab run --de", {"--detach"}),
        ("nightlab champion fr", {"freeze"}),
    ],
)
def test_bash_completes_verbs_options_sessions_and_folders(place: Path, typed: str, offered: set[str]) -> None:
    words = typed.split()
    printed = in_shell(place, "bash", BASH.format(words=typed, word=len(words) - 1))
    assert set(printed.split()) == offered


ZSH = """
autoload -U compinit; compinit -u -d "$ZDOTDIR/dump"
eval "$(_NIGHTLAB_COMPLETE=source_zsh nightlab)"
whence -w _nightlab_completion
words=({words}) CURRENT={word}
_arguments() {{ print -r -- "$@" }}
_nightlab_completion
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh on this machine")
def test_zsh_completes_verbs_and_folders(place: Path) -> None:
    printed = in_shell(place, "zsh", ZSH.format(words="nightlab st", word=2))
    assert printed.splitlines()[0] == "_nightlab_completion: function"
    assert '"status":' in printed
    assert '"stop":' in printed
    printed = in_shell(place, "zsh", ZSH.format(words="nightlab stop results/f", word=3))
    assert "results/friday" in printed


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_can_be_shown_and_installed(place: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")
    assert "_NIGHTLAB_COMPLETE" in in_shell(place, shell, "nightlab --show-completion; true")
    assert "completion installed" in in_shell(place, shell, "nightlab --install-completion; true")
    written = [
        path for path in place.rglob("*") if path.is_file() and "nightlab" in path.name and path.parent.name != "bin"
    ]
    assert written, "the script lies in the home folder"
