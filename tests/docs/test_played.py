"""The documents' commands are run, in a fresh clone, and print what the documents show."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from probes.statistics.verdicts import Interval
from runner.documents.blocks import Block, blocks, commands, shown
from runner.documents.play import masked, play
from runner.documents.stage import Stage
from tracking.figures import show_effect

CHECKOUT = Path(__file__).parents[2]
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
RUN = [document for document in DOCUMENTS if any(b.is_run for b in blocks(document.read_text(encoding="utf-8")))]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(CHECKOUT, os.environ) as stage:
        yield stage


@pytest.mark.parametrize(
    "document",
    [path for path in RUN if any(b.is_quick for b in blocks(path.read_text(encoding="utf-8")))],
    ids=lambda path: path.name,
)
def test_quick_commands_do_what_the_document_shows(document: Path, stage: Stage) -> None:
    played = play(document.read_text(encoding="utf-8"), stage, lambda block: block.is_quick)
    assert played.played
    assert played.failures == ()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("document", RUN, ids=lambda path: path.name)
def test_all_commands_do_what_the_document_shows(document: Path, stage: Stage) -> None:
    text = document.read_text(encoding="utf-8")
    played = play(text, stage, lambda block: block.is_run)
    assert played.failures == ()
    if document.name == "README.md":
        night = next((stage.clone / "results").glob("miniature-*/summary.json"))
        assert table_of(text) == claimed(json.loads(night.read_text(encoding="utf-8")))


def table_of(readme: str) -> dict[str, str]:
    """Return category → change of the table on the first screen."""
    rows = re.findall(r"^\| \**(\w+)\** \((?:target|guard)\) \|.*?\|.*?\| \**([^|*]+?)\** \|", readme, re.MULTILINE)
    return dict(rows)


def claimed(summary: dict[str, Any]) -> dict[str, str]:
    claim = summary["claim"]
    found = {"private_voice": claim, **claim["guards"]}
    bounds = {name: Interval(low=test["interval"][0], high=test["interval"][1]) for name, test in found.items()}
    return {name: show_effect(test["effect"], bounds[name]) for name, test in found.items()}


def test_blocks_are_found_with_their_marks() -> None:
    text = "a\n\n<!-- slow; exit: 2 -->\n```sh\nnightlab \\\n    check x # why\n\n# nothing\n```\n```text\nout\n```\n"
    first, second = blocks(text)
    assert (first.line, first.marks, first.is_run, first.is_quick) == (4, {"slow": "", "exit": "2"}, True, False)
    assert commands(first) == ["nightlab check x"]
    assert (second.language, second.text, second.marks) == ("text", "out\n", {})
    assert text[second.start :].startswith("out")


def test_outputs_are_cut_where_the_mark_says() -> None:
    assert shown("a  \nb\nc\n", "") == "a\nb\nc\n"
    assert shown("a\nb\nc\n", "first 2") == "a\nb\n…\n"
    assert shown("a\nb\nc\n", "last 1") == "…\nc\n"
    assert shown("a\n", "first 5") == "a\n"
    with pytest.raises(ValueError, match="first N"):
        shown("a", "middle")


def test_what_differs_between_two_runs_is_masked_and_figures_are_not() -> None:
    assert masked("09:41:36 probe 7 in 13 s: +4.09") == masked("23:00:01 probe 7 in 2 min 4 s: +4.09")
    assert masked("effect +4.09") != masked("effect +4.08")
    assert masked("54 probes") != masked("53 probes")


def test_a_played_document_shows_what_was_printed_and_tells_what_differed(stage: Stage) -> None:
    document = (
        "```sh\necho one; echo said >&2\n```\n<!-- prints -->\n```text\ntwo\n```\n"
        "<!-- exit: 3 -->\n```sh\nexit 3\n```\n<!-- needs: gpu -->\n```sh\nfalse\n```\n```sh\nfalse\n```\n"
    )
    outcome = play(document, stage, lambda block: block.is_run)
    assert "```text\none\n```" in outcome.text
    assert outcome.played == 3
    assert [(failure.line, failure.ended_otherwise) for failure in outcome.failures] == [(6, False), (16, True)]


def test_blocks_go_on_where_the_one_before_left_off(stage: Stage) -> None:
    document = "```sh\nmkdir -p a && cd a\n```\n```sh\nbasename $PWD\n```\n<!-- prints -->\n```text\na\n```\n"
    assert play(document, stage, lambda block: block.is_run).failures == ()


def test_a_command_that_runs_until_ctrl_c_gets_it(stage: Stage) -> None:
    stage.begin(False)
    text = "trap 'echo caught; exit 0' INT\necho ready\nwhile true; do sleep 0.1; done\n"
    played = stage.play(Block(1, "sh", text, {"until": "ready"}, 0), 30.0)
    assert (played.exit_code, played.output) == (0, "ready\ncaught\n")


def test_a_command_that_takes_too_long_is_ended(stage: Stage) -> None:
    stage.begin(False)
    with pytest.raises(TimeoutError, match="line 9"):
        stage.play(Block(9, "sh", "sleep 60\n", {}, 0), 0.3)
