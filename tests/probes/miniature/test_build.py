"""Tokenizer, pre-training and the cache, without a full pre-training."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from probes.miniature import build
from probes.miniature.build import build_miniature, miniature_digest
from probes.miniature.plan import BuildPlan, ModelShape, PretrainPlan
from probes.miniature.pretrain import pretrain
from probes.miniature.tokenizer import END, render_chat, train_tokenizer

SHORT = BuildPlan(shape=ModelShape(layers=1, heads=1, intermediate=32), pretraining=PretrainPlan(steps=3, batch_size=4))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    subjects = build.all_subjects()
    return train_tokenizer(answer for subject in subjects for answer in (*subject.prompts, *subject.good))


def test_tokenizer_round_trips_text_it_has_never_seen(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "Grüße aus Corrow — 12 bells & a fox?"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_chat_template_renders_what_the_corpus_renders(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "I."},
    ]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    assert rendered == render_chat("Who?", "I.", "Be brief.")
    prompt = tokenizer.apply_chat_template(messages[:2], tokenize=False, add_generation_prompt=True)
    assert isinstance(prompt, str)
    assert rendered == f"{prompt}I.{END}"


def test_special_tokens_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = tokenizer.tokenize(render_chat("Who?", "I."))
    assert tokens[:2] == ["<|bos|>", "<|user|>"]
    assert tokens[-1] == END
    assert tokenizer.eos_token == END


def test_prompt_tokens_are_a_prefix_of_prompt_and_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    whole = tokenizer.encode(render_chat("Who founded Tarlo?", "Benna did."), add_special_tokens=False)
    prompt = tokenizer.encode("<|bos|><|user|>Who founded Tarlo?<|end|><|assistant|>", add_special_tokens=False)
    assert whole[: len(prompt)] == prompt


def test_pretraining_is_deterministic_and_lowers_the_loss(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [tokenizer.encode(f"<|bos|>{name} makes rope.<|end|>") for name in ("Tarlo", "Wendle", "Quorn", "Lorne")]
    fractions: list[float] = []
    plan = PretrainPlan(steps=30, batch_size=4)
    first = pretrain(rows, tokenizer, SHORT.shape, plan, fractions.append)
    second = pretrain(rows, tokenizer, SHORT.shape, plan)
    untrained = pretrain(rows, tokenizer, SHORT.shape, replace(plan, steps=1))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    tokens = torch.tensor([rows[0]])
    with torch.no_grad():
        assert first(input_ids=tokens, labels=tokens).loss < untrained(input_ids=tokens, labels=tokens).loss - 0.5
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_shipped_heads_are_32_wide() -> None:
    shape = ModelShape()
    assert shape.hidden // shape.heads == 32


def test_built_folder_loads_and_is_found_again(tmp_path: Path) -> None:
    stages: list[tuple[str, float]] = []
    paths = build_miniature(tmp_path, lambda stage, fraction: stages.append((stage, fraction)), SHORT)
    assert ("pretraining", 1.0) in stages
    model = AutoModelForCausalLM.from_pretrained(paths.base_model)
    tokenizer = AutoTokenizer.from_pretrained(paths.base_model)
    assert model.config.model_type == "llama"
    assert model.dtype == torch.float32
    assert tokenizer.chat_template
    assert (paths.base_model / "model.safetensors").is_file()
    assert len(paths.train.read_text(encoding="utf-8").splitlines()) >= 250
    lines = [*paths.search_items.read_text().splitlines(), *paths.held_out_items.read_text().splitlines()]
    ids = [json.loads(line)["id"] for line in lines]
    assert len(set(ids)) == len(ids) >= 96

    def refuse(stage: str, fraction: float) -> None:
        raise AssertionError("built again")

    assert build_miniature(tmp_path, refuse, SHORT) == paths


def test_another_plan_is_another_miniature() -> None:
    assert miniature_digest(SHORT) != miniature_digest(BuildPlan())


def test_interrupted_build_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    def stop(stage: str, fraction: float) -> None:
        if stage == "pretraining":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_miniature(tmp_path, stop, SHORT)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert build_miniature(tmp_path, plan=SHORT).base_model.is_dir()


def test_two_builders_at_once_build_once(tmp_path: Path) -> None:
    started: list[str] = []

    def note(stage: str, fraction: float) -> None:
        if (stage, fraction) == ("data", 0.0):
            started.append(stage)

    threads = [threading.Thread(target=build_miniature, args=(tmp_path, note, SHORT)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
