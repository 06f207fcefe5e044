"""The README's examples are read by the code they are examples of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer.core
import typer.main

from probes.evaluation.scorers.scorer import KINDS, Scorer
from runner.cli import app
from runner.overrides import load_session

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SESSION, *SECTIONS = re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_every_session_example_loads(section: str, tmp_path: Path) -> None:
    text = SESSION if "[suite]" not in section else SESSION.replace("[suite]\n", section)
    text += section if "[suite]" not in section else ""
    (tmp_path / "session.toml").write_text(text, encoding="utf-8")
    assert load_session(tmp_path / "session.toml").name == "ground-truth"


def test_every_item_example_has_a_scorer_that_is_read() -> None:
    items = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)]
    assert items
    for item in items:
        Scorer.model_validate(item["scorer"])


def test_every_kind_of_scorer_is_named_and_every_command_exists() -> None:
    assert {kind for kind in KINDS if f"`{kind}`" not in TEXT} == set()
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert set(re.findall(r"`nightlab ([a-z]+)", TEXT)) <= set(group.commands)
