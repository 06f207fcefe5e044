"""Printed commands can be pasted into a shell, whatever a path holds."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tracking.commands import command

ROOT = Path(__file__).parents[2]
BARE = re.compile(r"nightlab [a-z]+( [a-z]+)?( --[a-z]+)? \{")
"""A command whose words are put together without our one function."""


@pytest.mark.parametrize("name", ["friday", "Проект mit Leerzeichen", "it's; rm -rf", "$HOME"])
def test_a_printed_command_is_read_by_a_shell_as_it_was_meant(name: str) -> None:
    folder = Path("/tmp") / name
    assert shlex.split(command("status", folder, "--watch")) == ["nightlab", "status", str(folder), "--watch"]


def test_a_plain_path_is_printed_plainly() -> None:
    assert command("stop", "results/friday-20260314") == "nightlab stop results/friday-20260314"


def test_no_message_puts_a_command_together_by_itself() -> None:
    sources = (
        path for part in ("runner", "tracking", "agent", "probes", "lanes") for path in (ROOT / part).rglob("*.py")
    )
    assert [str(path) for path in sources if BARE.search(path.read_text(encoding="utf-8"))] == []
