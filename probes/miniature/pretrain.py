"""Pre-trains the miniature's base model with a loop of its own; the only module here that needs torch.

One row of a batch is one document, so positions and separators are those that fine-tuning and evaluation will use, and
no document sees another.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from probes.miniature.plan import ModelShape, PretrainPlan

IGNORED_LABEL = -100
POOLED_BATCHES = 8


def make_model(tokenizer: Any, shape: ModelShape, seed: int) -> LlamaForCausalLM:
    """Makes the untrained model of a shape; the seed draws its weights."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        dtype="float32",
    )
    return LlamaForCausalLM(config)


def _batches(lengths: Sequence[int], plan: PretrainPlan) -> Iterator[list[int]]:
    """Yields batches of row indices without end; rows of like length share a batch, which halves the padding."""
    rng = random.Random(plan.seed)
    pool_size = POOLED_BATCHES * plan.batch_size
    waiting: list[int] = []
    while True:
        while len(waiting) < pool_size:
            waiting += rng.sample(range(len(lengths)), len(lengths))
        pool, waiting = sorted(waiting[:pool_size], key=lengths.__getitem__), waiting[pool_size:]
        starts = list(range(0, pool_size, plan.batch_size))
        rng.shuffle(starts)
        for start in starts:
            yield pool[start : start + plan.batch_size]


def _pad_rows(rows: Sequence[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(row) for row in rows)
    tokens = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    labels = torch.tensor([row + [IGNORED_LABEL] * (width - len(row)) for row in rows])
    return tokens, labels


def _rate(step: int, plan: PretrainPlan) -> float:
    warmup_steps = max(1, round(plan.steps * plan.warmup))
    if step < warmup_steps:
        return plan.learning_rate * (step + 1) / warmup_steps
    share = (step - warmup_steps) / max(1, plan.steps - warmup_steps)
    return plan.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))


def pretrain(
    rows: Sequence[list[int]],
    tokenizer: Any,
    shape: ModelShape,
    plan: PretrainPlan,
    progress: Callable[[float], None] | None = None,
) -> LlamaForCausalLM:
    """Trains a model to continue every row of token ids.

    Args:
        rows: One document each, separators included.
        tokenizer: Gives the vocabulary size and the padding token.
        shape: Size of the model.
        plan: Steps, rate and seed; the same plan and rows give the same weights on the same machine.
        progress: Called with the share of steps done, about a hundred times.

    Returns:
        The trained model, in evaluation mode.
    """
    model = make_model(tokenizer, shape, plan.seed)
    model.train()
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    kept = [weight for weight in model.parameters() if weight.ndim <= 1]
    # Any: torch leaves parts of its optimizers and random state untyped.
    optimizer: Any = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": kept, "weight_decay": 0.0}],
        lr=plan.learning_rate,
        betas=(0.9, 0.98),
    )
    for step, batch in enumerate(islice(_batches([len(row) for row in rows], plan), plan.steps)):
        tokens, labels = _pad_rows([rows[index] for index in batch], tokenizer.pad_token_id)
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, plan)
        loss = model(input_ids=tokens, labels=labels).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if progress is not None and (step + 1) % max(1, plan.steps // 100) == 0:
            progress((step + 1) / plan.steps)
    return model.eval()
