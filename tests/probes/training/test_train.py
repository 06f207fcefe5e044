import copy
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_base import QUIET, tiny_recipe, tiny_rows

from probes.data.rows import Row
from probes.recipe import Curriculum, Objective
from probes.rendering import rendering_for
from probes.training.adapter import borrowed
from probes.training.curve import TrainingDiverged
from probes.training.log import read_summary
from probes.training.objectives import build_trainer, trainer_arguments
from probes.training.progress import Progress
from probes.training.tokenized import prepared
from probes.training.train import tokenize, train, trained, training_order
from probes.warm_base import LoadedBase

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "adapter" / "adapter_model.safetensors").read_bytes()).hexdigest()


def fingerprint(model: Any) -> dict[str, Any]:
    weights = {name: hashlib.sha256(t.numpy().tobytes()).hexdigest() for name, t in model.state_dict().items()}
    modules = [(name, type(module)) for name, module in model.named_modules()]
    trainable = [name for name, weight in model.named_parameters() if weight.requires_grad]
    public = sorted(name for name in vars(model) if not name.startswith("_"))
    return {
        "weights": weights,
        "modules": modules,
        "trainable": trainable,
        "public": public,
        "config": copy.deepcopy(model.config.to_dict()),
        "generation": copy.deepcopy(model.generation_config.to_dict()),
    }


@pytest.mark.parametrize("objective", ["orpo", "dpo", "sft"])
def test_each_objective_trains_saves_and_gives_the_base_back(
    base: LoadedBase, tmp_path: Path, objective: Objective
) -> None:
    before = fingerprint(base.model)
    recipe = tiny_recipe(objective=objective)
    with trained(base.model, base.tokenizer, tiny_rows(), recipe, 1, tmp_path) as result:
        adapter, summary = result.adapter, result.summary
        assert fingerprint(base.model)["modules"] != before["modules"]
    assert fingerprint(base.model) == before
    assert adapter.rank == 4
    assert adapter.delta_norm > 0
    assert (summary.steps_done, summary.steps_planned, summary.completion) == (4, 4, 1.0)
    assert summary.rows == 40
    assert summary.composition["category"] == {"lamp": 20, "tide": 20}
    assert (summary.reward_margin is None) == (objective == "sft")
    assert all(math.isfinite(point.loss) for point in summary.curve)
    assert summary.seconds_per_step is not None
    lines = [json.loads(line) for line in (tmp_path / "training_log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines[1:]] == [1, 2, 3, 4]
    stored = read_summary(tmp_path)
    assert stored is not None
    assert (stored.curve, stored.rows, stored.steps_done) == (summary.curve, 40, 4)


def test_the_same_seed_gives_the_same_adapter_bit_for_bit_and_another_seed_does_not(
    base: LoadedBase, tmp_path: Path
) -> None:
    recipe = tiny_recipe(dropout=0.1)
    for name, seed in (("first", 5), ("other", 6), ("again", 5)):
        train(base.model, base.tokenizer, tiny_rows(), recipe, seed, tmp_path / name)
    assert digest(tmp_path / "first") == digest(tmp_path / "again")
    assert digest(tmp_path / "first") != digest(tmp_path / "other")


def test_dropout_of_the_recipe_is_in_effect(base: LoadedBase, tmp_path: Path) -> None:
    for dropout in (0.0, 0.3):
        train(base.model, base.tokenizer, tiny_rows(), tiny_recipe(dropout=dropout), 5, tmp_path / str(dropout))
    assert digest(tmp_path / "0.0") != digest(tmp_path / "0.3")


@pytest.mark.parametrize("objective", ["orpo", "dpo", "sft"])
def test_batches_arrive_in_the_curriculums_order(base: LoadedBase, tmp_path: Path, objective: Objective) -> None:
    recipe = tiny_recipe(objective=objective, curriculum=Curriculum(order="shuffle"))
    rows = training_order(tiny_rows(), recipe, 3, 8)
    dataset = prepared(tokenize(rows, rendering_for(base.tokenizer, "tokenizer"), 96), objective)
    with borrowed(base.model):
        arguments = trainer_arguments(recipe, 4, 3, tmp_path)
        callback: Any = Progress.__new__(Progress)
        trainer = build_trainer(base.model, base.tokenizer, dataset, recipe, arguments, callback)
        column = "chosen_input_ids" if objective == "orpo" else "input_ids"
        seen = [row for batch in trainer.get_train_dataloader() for row in batch[column][:2]]
    texts = [base.tokenizer.decode(ids, skip_special_tokens=True) for ids in seen]
    assert [row.prompt[0].content in text for row, text in zip(rows, texts, strict=True)] == [True] * 8


def test_further_passes_are_ordered_anew_and_contain_every_row() -> None:
    rows = tiny_rows(5)
    order = training_order(rows, tiny_recipe(), 3, 12)
    lines = [row.line for row in order]
    assert sorted(lines[:5]) == sorted(lines[5:10]) == [1, 2, 3, 4, 5]
    assert lines[:5] != lines[5:10]
    assert lines == [row.line for row in training_order(rows, tiny_recipe(), 3, 12)]


def test_a_loss_that_is_no_number_ends_training_as_diverged_at_once(base: LoadedBase, tmp_path: Path) -> None:
    model = copy.deepcopy(base.model)
    model.lm_head.weight.data.fill_(float("inf"))
    before = fingerprint(model)
    with pytest.raises(TrainingDiverged, match=r"was (nan|inf) at step 1") as caught:
        train(model, base.tokenizer, tiny_rows(), tiny_recipe(), 1, tmp_path)
    summary = caught.value.summary
    assert summary is not None
    assert (summary.steps_done, summary.steps_planned, summary.final_loss) == (1, 4, None)
    assert fingerprint(model) == before
    assert not (tmp_path / "adapter").exists()


def test_training_after_a_failed_one_is_as_on_a_fresh_base(base: LoadedBase, tmp_path: Path) -> None:
    train(base.model, base.tokenizer, tiny_rows(), tiny_recipe(objective="dpo"), 2, tmp_path / "before")
    broken = [Row(row.prompt, row.chosen, None, row.tags, row.file, row.line) for row in tiny_rows()]
    with pytest.raises(Exception, match="rejected"):
        train(base.model, base.tokenizer, broken, tiny_recipe(), 1, tmp_path / "broken")
    train(base.model, base.tokenizer, tiny_rows(), tiny_recipe(objective="dpo"), 2, tmp_path / "after")
    assert digest(tmp_path / "before") == digest(tmp_path / "after")


def test_float32_is_strict_and_leaves_no_setting_behind(base: LoadedBase, tmp_path: Path) -> None:
    matmul = torch.backends.mkldnn.matmul
    before = matmul.fp32_precision
    train(base.model, base.tokenizer, tiny_rows(), tiny_recipe(precision="float32", steps=1), 1, tmp_path)
    assert matmul.fp32_precision == before
