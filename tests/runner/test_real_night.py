"""A night over data that is not ours: the tests' own folder of it is named by NIGHTLAB_DATA, and nothing of it is kept.

Its folder `foundry` holds `pairs.jsonl` (preference rows) and `probe-prompts.jsonl` (items without a scorer, a few per
category).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tiny_base import QUIET

from runner.cli import main
from runner.surroundings import Surroundings, this_machine

PAIRS, ITEMS = "pairs.jsonl", "probe-prompts.jsonl"
ABSENT = "position_discrimination"
CONTEXT = 256

pytestmark = [pytest.mark.slow, *(pytest.mark.filterwarnings(text) for text in QUIET)]

SESSION = """
name = "real"
[model]
base = "base"
[data]
train = ["{folder}/pairs.jsonl"]
[suite]
items = ["{folder}/probe-prompts.jsonl"]
samples = 2
{scorer}
[suite.generation]
max_new_tokens = 40
[target]
category = "overall"
[guards]
categories = {guards}
margin = 10.0
[recipe]
learning_rate = 2e-3
rank = 8
batch_size = 2
gradient_accumulation = 1
max_length = 256
[probe]
steps = 12
deadline_s = 120
[budget]
probes = 14
confirm_probes = 6
[referee]
calibration_runs = 3
[launcher]
workers = 2
[tracking]
mlflow = false
"""
STYLE = """
[[suite.scorer.components]]
kind = "contractions"
weight = 0.4
[[suite.scorer.components]]
kind = "forbidden"
weight = 0.2
words = ["as an AI", "language model"]
critical = true
[[suite.scorer.components]]
kind = "keywords"
name = "first person"
weight = 0.2
any = ["I", "my"]
[[suite.scorer.components]]
kind = "regex"
name = "ends a sentence"
weight = 0.2
pattern = "[.!?]"
"""


@pytest.fixture(scope="module")
def data() -> Path:
    """The folder with the data; without one there is nothing to test."""
    named = os.environ.get("NIGHTLAB_DATA")
    if not named:
        pytest.skip("NIGHTLAB_DATA is not set: real pairs and prompts are not on this machine")
    folder = Path(named).resolve() / "foundry"
    missing = [name for name in (PAIRS, ITEMS) if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"{folder} has no {' and no '.join(missing)}")
    return folder


@pytest.fixture(scope="module")
def place(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny base model pre-trained on the text of the pairs."""
    folder = tmp_path_factory.mktemp("real-night")
    pretrain_base(read_lines(data / PAIRS), folder / "base")
    return folder


@pytest.fixture
def around(place: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """This machine, working in the temporary folder."""
    monkeypatch.chdir(place)
    return this_machine({**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"})


def test_a_guard_without_items_is_refused_with_file_category_and_cure(
    data: Path, place: Path, around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    session = write_session(place, data, (*categories(data), ABSENT), STYLE)
    for command in ("check", "run"):
        assert nightlab(around, command, str(session)) == 2
        said = capsys.readouterr().err
        for words in (f"guard `{ABSENT}` has no search items in {data / ITEMS}", "add items", "`guards.categories`"):
            assert words in said
    assert not list(place.glob("results/*"))


def test_items_without_a_scorer_are_refused_with_both_cures(
    data: Path, place: Path, around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    session = write_session(place, data, categories(data), "")
    assert nightlab(around, "check", str(session)) == 2
    said = capsys.readouterr().err
    first = read_lines(data / ITEMS)[0]["id"]
    for words in (f"{data / ITEMS}, line 1", f"`{first}`", "give the item a `scorer`", "`[suite.scorer]`"):
        assert words in said


def test_few_items_stop_a_real_night_unless_it_may_show_a_direction_only(
    data: Path, place: Path, around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in place.iterdir())
    session = write_session(place, data, categories(data), STYLE)
    assert nightlab(around, "check", str(session)) == 2
    assert "give a direction only, so the night could claim nothing" in capsys.readouterr().err
    out, allowed = place / "night", ("--set", "referee.allow_blind_guards=true")
    assert nightlab(around, "run", str(session), "--out", str(out), *allowed) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(out / "report.md")
    told = json.loads((out / "summary.json").read_text())
    assert told["stop_reason"] == "finished"
    assert told["claim"]["confirmed"] is False
    assert 8 <= told["probes"]["completed"] == told["probes"]["total"] <= 14
    assert told["decisions"]
    assert set(told["noise"]["category_sd"]) == set(categories(data))
    assert (out / "report.html").stat().st_size > 10_000
    assert {path.name for path in place.iterdir()} - {*before, session.name} == {out.name}


def nightlab(around: Surroundings, *arguments: str) -> int:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        main(arguments, around)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def write_session(place: Path, data: Path, guards: tuple[str, ...], scorer: str) -> Path:
    file = place / "session.toml"
    file.write_text(SESSION.format(folder=data, guards=list(guards), scorer=scorer))
    return file


def categories(data: Path) -> tuple[str, ...]:
    return tuple(sorted({row["category"] for row in read_lines(data / ITEMS)}))


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def pretrain_base(pairs: list[dict[str, Any]], folder: Path) -> None:
    """Write a two-layer Llama that has read the pairs a few times, with its tokenizer and chat template."""
    import torch

    from probes.miniature.plan import ModelShape, PretrainPlan
    from probes.miniature.pretrain import pretrain
    from probes.miniature.tokenizer import render_chat, train_tokenizer

    texts = [
        render_chat(turns[0]["content"], turns[-1]["content"])
        for pair in pairs
        for turns in (pair["chosen"], pair["rejected"])
    ]
    tokenizer = train_tokenizer(texts)
    cut = {"add_special_tokens": False, "truncation": True, "max_length": CONTEXT}
    rows = [tokenizer(text, **cut)["input_ids"] for text in texts]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = pretrain(rows, tokenizer, ModelShape(2, 2, 128), PretrainPlan(steps=120, batch_size=8))
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
