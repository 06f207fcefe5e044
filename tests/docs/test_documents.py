"""What the documents show is read, looked up and run by the code they are about."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import typer.core
import typer.main

from probes.evaluation.scorers.scorer import KINDS, Scorer
from runner.cli import app
from runner.documents.blocks import MARKS, NEEDS, Block, blocks, commands
from runner.overrides import load_session
from runner.reference import reference, slug

CHECKOUT = Path(__file__).parents[2]
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
SESSION = CHECKOUT / "docs" / "sessions" / "eight_billion.toml"
NIGHTLAB = typer.main.get_command(app)
LANGUAGES = {"sh", "toml", "json", "text"}


class Shown(NamedTuple):
    """A block and where it stands."""

    document: Path
    block: Block

    def __str__(self) -> str:
        return f"{self.document.name}:{self.block.line}"


ALL = [Shown(document, block) for document in DOCUMENTS for block in blocks(document.read_text(encoding="utf-8"))]
COMMANDS = [shown for shown in ALL if shown.block.language == "sh"]


def group(command: click.Command) -> dict[str, click.Command]:
    return command.commands if isinstance(command, typer.core.TyperGroup) else {}


def leaf(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words after `nightlab` name, and the words left."""
    command, rest = NIGHTLAB, list(words)
    while group(command):
        if not rest or rest[0].startswith("-") or not re.fullmatch(r"[a-z]+", rest[0]):
            return command, rest
        assert rest[0] in group(command), f"nightlab has no `{' '.join(words)}`"
        command = group(command)[rest.pop(0)]
    return command, rest


def nightlab_calls(line: str) -> Iterator[list[str]]:
    """Yield the words after each `nightlab` of a command line."""
    words = shlex.split(line, comments=True)
    for start, word in enumerate(words):
        if word == "nightlab" or word.endswith("/nightlab"):
            ends = (n for n, w in enumerate(words) if n > start and w in ("|", "&&", ";", ">", "||"))
            yield words[start + 1 : next(ends, len(words))]


def test_every_mark_and_language_is_known() -> None:
    for shown in ALL:
        assert set(shown.block.marks) <= set(MARKS), shown
        assert shown.block.language in LANGUAGES, shown
        needs = shown.block.marks.get("needs")
        assert needs is None or set(needs.split(", ")) <= set(NEEDS), shown


def test_outputs_are_those_of_the_commands_right_before_them() -> None:
    for document in DOCUMENTS:
        found = blocks(document.read_text(encoding="utf-8"))
        for before, block in zip([None, *found], found, strict=False):
            if "prints" in block.marks:
                assert before is not None, f"{document.name}:{block.line}"
                assert before.language == "sh", f"{document.name}:{block.line}"


@pytest.mark.parametrize("shown", COMMANDS, ids=str)
def test_every_command_is_one_that_nightlab_takes(shown: Shown) -> None:
    for line in commands(shown.block):
        for words in nightlab_calls(line):
            command, rest = leaf(words)
            if group(command):
                assert set(rest) <= {"--help", "-h"} | {o for p in command.params for o in p.opts}, line
                continue
            parser = command.make_parser(click.Context(command))
            parser.parse_args(list(rest))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_named_in_a_sentence_exists(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`(nightlab [a-z][^`]*)`", prose):
        command, rest = leaf(code.split()[1:])
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in rest if re.match(r"--[a-z]", word)} <= known, code
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", prose)) <= targets
    for module in re.findall(r"`python -m ([a-z_.]+)", prose):
        path = CHECKOUT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        name, _, anchor = target.partition("#")
        assert "://" not in name, f"{document.name} leads out of the project: {target}"
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), f"{document.name}: {target}"
        assert path.is_relative_to(CHECKOUT)
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{document.name}: {target}"


@pytest.mark.parametrize("shown", [s for s in ALL if s.block.language == "toml"], ids=str)
def test_every_session_example_loads(shown: Shown, tmp_path: Path) -> None:
    """A part of a session file is put into the one of 8 billion, whose tables of the same name it replaces."""
    given = tomllib.loads(shown.block.text)
    path = tmp_path / "session.toml"
    if "name" in given:
        path.write_text(shown.block.text, encoding="utf-8")
        assert load_session(path).name == given["name"]
        return
    import tomli_w

    whole = tomllib.loads(SESSION.read_text(encoding="utf-8"))
    path.write_text(tomli_w.dumps({**whole, **given}), encoding="utf-8")
    config = load_session(path).model_dump(exclude_unset=True)
    assert set(given) <= set(config)


@pytest.mark.parametrize("shown", [s for s in ALL if s.block.language == "json"], ids=str)
def test_every_row_and_item_example_is_read(shown: Shown) -> None:
    for line in re.split(r"\n(?=\{)", shown.block.text.strip()):
        row = json.loads(line)
        if "scorer" in row:
            Scorer.model_validate(row["scorer"])
        else:
            assert {"prompt", "chosen", "rejected"} <= set(row) or "messages" in row


def test_every_kind_of_scorer_is_named() -> None:
    together = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    assert {kind for kind in KINDS if f"`{kind}`" not in together} == set()


def test_every_document_is_reached_from_the_readme() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert {f"docs/{document.name}" for document in DOCUMENTS[1:]} <= set(re.findall(r"\]\((docs/[^)#]+)", readme))


def test_the_reference_of_the_session_file_is_up_to_date() -> None:
    assert (CHECKOUT / "docs" / "session-file.md").read_text(encoding="utf-8") == reference(), "run `make docs`"
