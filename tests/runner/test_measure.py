"""One adapter in every serving mode: a real adapter on a tiny base, through the command line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes_llm_server import LLMServer, Step
from fakes_vllm import FakeVllm, serving_fake
from judged_probe import verdict_text
from tiny_base import QUIET, tiny_recipe, tiny_rows, write_rows, write_suite
from tiny_base import tiny_base as tiny_base

from probes.base_model import model_digest
from probes.errors import DataError, MeasurementError
from probes.evaluation.adapter_check import check_fit
from probes.request import FileRef
from probes.training.train import train
from probes.warm_base import load_base
from runner.cli import main
from runner.measure import MODES, measure_adapter, modes_of
from runner.overrides import load_session
from runner.surroundings import this_machine

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]

SESSION = """
name = "tiny"
[model]
base = "{base}"
[data]
train = ["rows.jsonl"]
[suite]
items = ["items.jsonl"]
samples = 2
generation = {{ max_new_tokens = 8 }}
[recipe]
rank = 4
"""


@pytest.fixture(scope="module")
def place(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import torch

    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("measure")
    base = load_base(tiny_base, "auto")
    train(base.model, base.tokenizer, tiny_rows(), tiny_recipe(steps=20, learning_rate=2e-2), 1, folder)
    write_rows(folder / "rows.jsonl", tiny_rows())
    write_suite(folder / "items.jsonl", 12)
    (folder / "session.toml").write_text(SESSION.format(base=tiny_base))
    yield folder
    torch.set_num_threads(threads)


def measured(place: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    with pytest.raises(SystemExit) as end:
        main(["measure", str(place / "session.toml"), str(place / "adapter"), "--json", *options])
    assert end.value.code == 0
    return json.loads(capsys.readouterr().out)


def test_every_mode_is_measured_and_held_against_the_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(place, capsys)
    assert [mode["mode"] for mode in found["modes"]] == list(MODES)
    first, merged, _, coarse = found["modes"]
    assert first["measured"]["serving_mode"] == "adapter_on_base"
    assert {mode["measured"]["adapter"] for mode in found["modes"]} == {found["adapter"]["digest"]}
    assert {mode["measured"]["canary"]["closest"] for mode in found["modes"]} == {"adapter"}
    assert {name: one["mean"] for name, one in merged["differences"].items()} == {"lamp": 0.0, "tide": 0.0}
    assert coarse["measured"]["answers"] != first["measured"]["answers"]
    for name, one in coarse["differences"].items():
        assert one["mean"] == pytest.approx(coarse["scores"][name] - first["scores"][name])


def test_modes_samples_seed_and_split_are_the_callers(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--mode", "merged", "--samples", "1", "--seed", "4"]
    one, again = measured(place, capsys, *options), measured(place, capsys, *options)
    (mode,), (same,) = one["modes"], again["modes"]
    assert (mode["mode"], mode["differences"]["lamp"]["mean"]) == ("merged", 0.0)
    assert mode["measured"]["answers"] == same["measured"]["answers"]
    (held_out,) = measured(place, capsys, *options, "--split", "held_out")["modes"]
    assert held_out["measured"]["answers"] != mode["measured"]["answers"]


def test_people_get_a_table(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["measure", str(place / "session.toml"), str(place / "adapter"), "--mode", "merged_int4", "--mode"]
    with pytest.raises(SystemExit):
        main([*arguments, "merged"])
    table = capsys.readouterr().out
    for words in ("merged_int4", "lamp", "critical failures", "difference from merged_int4", "rank 4"):
        assert words in table


def test_modes_are_known_and_named_once() -> None:
    assert modes_of(None) == MODES
    for names in (["gguf"], ["merged", "merged"]):
        with pytest.raises(Exception, match="`--mode` must be one of adapter_on_base, merged"):
            modes_of(names)


def edited(adapter: Path, folder: Path, **changes: object) -> Path:
    copy = Path(shutil.copytree(adapter, folder / "edited"))
    config = json.loads((copy / "adapter_config.json").read_text())
    (copy / "adapter_config.json").write_text(json.dumps({**config, **changes}))
    return copy


def test_an_adapter_of_another_kind_rank_or_base_is_refused_before_anything_is_loaded(
    place: Path, tiny_base: Path, tmp_path: Path
) -> None:
    adapter, base = place / "adapter", FileRef(path=str(tiny_base), digest=model_digest(tiny_base))
    assert check_fit(adapter, base).rank == 4
    for number, (changes, words) in enumerate(
        (
            ({"peft_type": "IA3"}, "is IA3 for CAUSAL_LM"),
            ({"task_type": "SEQ_CLS"}, "LORA for SEQ_CLS"),
            ({"r": 8}, "says rank 8"),
        )
    ):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(DataError, match=words):
            check_fit(edited(adapter, tmp_path / str(number), **changes), base)
    with pytest.raises(DataError, match=r"has no adapter_config\.json"):
        check_fit(tmp_path, base)
    other = Path(shutil.copytree(tiny_base, tmp_path / "classifier"))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "architectures": ["LlamaForSequenceClassification"]}))
    with pytest.raises(DataError, match="cannot continue a text"):
        check_fit(adapter, FileRef(path=str(other), digest="x"))
    probe = Path(shutil.copytree(adapter, tmp_path / "probe" / "adapter")).parent
    (probe / "request.json").write_text(json.dumps({"base_model": {"digest": "another", "path": "/there"}}))
    with pytest.raises(DataError, match=r"was trained on the base model another \(`/there`\)"):
        check_fit(probe / "adapter", base)


def test_the_command_refuses_with_exit_code_2(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["measure", str(place / "session.toml"), str(tmp_path)])
    assert end.value.code == 2
    assert "has no adapter_config.json" in capsys.readouterr().err


def test_a_running_server_that_serves_the_base_is_not_believed(place: Path) -> None:
    base = load_base(Path(load_session(place / "session.toml").model.base), "auto")
    from probes.evaluation.canary import next_logprobs

    fake = FakeVllm(lambda prompt: next_logprobs(base.model, [tuple(prompt)], 0)[0])
    with serving_fake(fake) as url:
        config = load_session(place / "session.toml", ["serving.backend=vllm", f"serving.base_url={url}"])
        with pytest.raises(MeasurementError, match="the base answered"):
            measure_adapter(config, place / "adapter", MODES[:1], 0, "search", this_machine(os.environ))
        with pytest.raises(Exception, match="serves adapters on their base only"):
            measure_adapter(config, place / "adapter", MODES, 0, "search", this_machine(os.environ))


def test_judged_and_executed_items_are_measured_too(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scorers = {
        "judged": {"kind": "judge", "weight": 1.0},
        "code": {"kind": "python_tests", "weight": 1.0, "tests": "assert f(1) == 2"},
    }
    rows = [
        {"id": f"{name}{n}", "category": name, "prompt": f"{name} {n}?", "scorer": {"components": [part]}}
        for name, part in scorers.items()
        for n in range(4)
    ]
    write_rows(tmp_path / "rows.jsonl", tiny_rows())
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with LLMServer([Step(verdict_text(7))]) as server:
        judge = f'[judge]\nprovider = "openai"\nmodel = "fake-judge"\nbase_url = "{server.url("openai")}"\n'
        text = (place / "session.toml").read_text().replace("[suite]", "[suite]\nunisolated_code = true")
        (tmp_path / "session.toml").write_text(text + judge)
        arguments = [str(tmp_path / "session.toml"), str(place / "adapter"), "--mode", "merged", "--json"]
        with pytest.raises(SystemExit) as end:
            main(["measure", *arguments])
    assert end.value.code == 0
    (mode,) = json.loads(capsys.readouterr().out)["modes"]
    assert mode["scores"] == {"code": 0.0, "judged": 7.0}
    assert (mode["judge"]["answers"], mode["judge"]["unscored"], mode["judge"]["cost_usd"]) == (4, 0, None)
    assert mode["success_rate"] is not None
