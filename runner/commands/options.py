"""What the verbs of the command line share: arguments and options, exit codes, the machine they run on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probes.errors import ConfigError
from probes.words import printable
from runner.commands.completion import complete_folder, complete_session

if TYPE_CHECKING:
    from runner.surroundings import Surroundings

UNEXPECTED, INTERRUPTED = 4, 130

BEFORE, NIGHT, MORNING, INSTRUMENTS = "Before the night", "The night", "The morning", "Instruments"
"""Panels of `nightlab --help`."""

SessionFile = Annotated[
    Path,
    typer.Argument(
        metavar="SESSION.toml", help="The session file.", show_default=False, autocompletion=complete_session
    ),
]
SessionDir = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A session folder, e.g. `results/friday`.",
        show_default=False,
        autocompletion=complete_folder,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key: `--set recipe.learning_rate=1e-4`; may be repeated. A bare word is text.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def surroundings(context: typer.Context) -> Surroundings:
    """Return the surroundings `main` was given, else this machine's."""
    from runner.surroundings import this_machine

    given: Surroundings | None = context.obj
    return given or this_machine(os.environ)


def refuse(problems: Sequence[str]) -> None:
    """Stop where a check found problems.

    Raises:
        ConfigError: it did.
    """
    if problems:
        raise ConfigError("\n".join(problems))


def print_json(value: Any) -> None:
    """Print a value for machines."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """Tell the user something on standard error; what it quotes of data gives no terminal any order."""
    print(f"nightlab: {printable(text)}", file=sys.stderr)
