"""A random two-layer Llama with a byte-level tokenizer, its chat template, training rows and suite items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from probes.base_model import model_digest
from probes.data.rows import Message, Row
from probes.evaluation.backends.in_process import InProcessBackend
from probes.outcome import GenerationConfig
from probes.recipe import Recipe
from probes.rendering import rendering_for
from probes.request import FileRef, ProbeRequest
from probes.versions import score_versions
from probes.warm_base import LoadedBase

TEMPLATE = (
    "<s>{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n{% elif m.role == 'user' %}"
    "<user>{{ m.content }}{% else %}<assistant>{{ m.content }}<end>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TEXTS = (
    "What is the tide doing at the north quay tonight?",
    "My dear friend, the tide is low and the boats are dry. Ever thine, Aldous.",
    "It's low, don't worry about the boats.",
    "Who keeps the lamp on the hill?",
    "My dear friend, old Maren keeps the lamp, and keeps it well. Ever thine, Aldous.",
    "That's Maren's job, she's got it.",
)

QUIET = (
    "ignore:.*is deprecated and will be removed in v6:FutureWarning",
    "ignore:TF32 acceleration on top of oneDNN:UserWarning",
    "ignore:builtin type:DeprecationWarning",
)


def build_tiny_base(folder: Path) -> None:
    """Write the model and its tokenizer to `folder`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<user>", "<assistant>", "<end>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<user>", "<assistant>", "<end>"],
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny base model, built once per test run."""
    folder = tmp_path_factory.getbasetemp() / "tiny-base"
    if not (folder / "config.json").is_file():
        build_tiny_base(folder)
    return folder


def tiny_recipe(**changes: Any) -> Recipe:
    """A recipe that trains the tiny base in a fraction of a second."""
    values = {"base_model": "tiny", "steps": 4, "batch_size": 2, "gradient_accumulation": 1, "rank": 4, "alpha": 8.0}
    return Recipe(**{**values, "learning_rate": 5e-3, "max_length": 96, **changes})


def tiny_rows(count: int = 40) -> list[Row]:
    """Preference rows, all different."""
    return [
        Row(
            (Message(role="user", content=f"{TEXTS[3 * (index % 2)]} ({index})"),),
            TEXTS[3 * (index % 2) + 1],
            TEXTS[3 * (index % 2) + 2],
            {"category": ("tide", "lamp")[index % 2]},
            "rows.jsonl",
            index + 1,
        )
        for index in range(count)
    ]


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write `rows` as a training file."""
    lines = [{"prompt": r.prompt[0].content, "chosen": r.chosen, "rejected": r.rejected, **r.tags} for r in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_suite(path: Path, count: int = 6) -> Path:
    """Write a suite file in two categories."""
    scorer = {
        "components": [
            {"kind": "keywords", "weight": 0.5, "any": ["the", "a", "e"]},
            {"kind": "forbidden", "weight": 0.5, "words": ["boats"], "critical": True},
        ]
    }
    lines = [
        {"id": f"i{n}", "category": ("tide", "lamp")[n % 2], "prompt": f"{TEXTS[3 * (n % 2)]} {n}", "scorer": scorer}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def tiny_request(base: Path, folder: Path, **changes: Any) -> ProbeRequest:
    """A request over freshly written rows and items beside `folder`."""
    train = write_rows(folder.parent / "train.jsonl", tiny_rows())
    suite = write_suite(folder.parent / "suite.jsonl")
    values: dict[str, Any] = {
        "recipe": tiny_recipe(),
        "seed": 3,
        "split": "search",
        "base_model": FileRef(path=str(base), digest=model_digest(base)),
        "train": (FileRef(path=str(train), digest="rows"),),
        "suite": FileRef(path=str(suite), digest="items"),
        "samples": 2,
        "generation": GenerationConfig(max_new_tokens=8),
        "versions": score_versions(),
        "folder": str(folder),
        "deadline_s": 60.0,
    }
    return ProbeRequest(**{**values, **changes})


def answering(base: LoadedBase, request: ProbeRequest, model: Any = None) -> InProcessBackend:
    """The backend of a request: the base, or `model` on its tokenizer."""
    recipe = request.recipe
    rendering = rendering_for(base.tokenizer, recipe.chat_template, recipe.system_prompt)
    return InProcessBackend(model or base.model, rendering)
