"""Batched sampled generation: adapter on base, several answers per prompt, one recorded seed per answer.

A decode loop of our own over the model's key-value cache: prompts are sorted by length and padded on the left, a
prompt is read once for all its samples, and finished answers leave the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

import torch
from transformers import DynamicCache

from probes.evaluation.sampling import choose_tokens, draw_uniforms
from probes.outcome import GenerationConfig

Finish = Literal["stop", "length"]

COMPACT_SHARE = 0.8
"""Finished answers leave the batch once at most this share of it is still being written."""


class Question(NamedTuple):
    """A prompt as tokens and the seeds of the answers wanted."""

    prompt: tuple[int, ...]
    seeds: tuple[int, ...]


class Answer(NamedTuple):
    """One generated answer."""

    tokens: tuple[int, ...]
    """Without the token that stopped it."""
    stop_reason: Finish


def generate(
    model: Any, questions: Sequence[Question], stop_ids: frozenset[int], pad_id: int, config: GenerationConfig
) -> list[list[Answer]]:
    """Return the answers to each question, in the order of its seeds.

    `model` is in evaluation mode. A batch holds whole questions, `config.batch_size` answers or a little fewer.
    """
    answers: list[list[Answer]] = [[] for _ in questions]
    order = sorted(range(len(questions)), key=lambda index: (-len(questions[index].prompt), index))
    for batch in _batches(order, questions, config.batch_size):
        results = _generate_batch(model, [questions[index] for index in batch], stop_ids, pad_id, config)
        for index, result in zip(batch, results, strict=True):
            answers[index] = result
    return answers


def _batches(order: Sequence[int], questions: Sequence[Question], size: int) -> list[list[int]]:
    batches: list[list[int]] = []
    room = 0
    for index in order:
        wanted = len(questions[index].seeds)
        if wanted > room:
            batches.append([])
            room = max(size, wanted)
        batches[-1].append(index)
        room -= wanted
    return batches


@torch.inference_mode()
def _generate_batch(
    model: Any, questions: Sequence[Question], stop_ids: frozenset[int], pad_id: int, config: GenerationConfig
) -> list[list[Answer]]:
    device = next(model.parameters()).device
    seeds = [seed for question in questions for seed in question.seeds]
    uniforms = draw_uniforms(seeds, config.max_new_tokens)
    stops = torch.tensor(sorted(stop_ids), device=device)
    logits, cache, mask = read_prompts(model, questions, pad_id, device)
    written = torch.full((len(seeds), config.max_new_tokens), -1, dtype=torch.long)
    rows = torch.arange(len(seeds))
    going = torch.ones(len(seeds), dtype=torch.bool)
    for step in range(config.max_new_tokens):
        tokens = choose_tokens(logits, uniforms[rows, step], config)
        written[rows[going], step] = tokens.cpu()[going]
        going &= ~torch.isin(tokens, stops).cpu()
        if step + 1 == config.max_new_tokens or not going.any():
            break
        if going.sum() <= COMPACT_SHARE * len(rows):
            kept = going.nonzero().squeeze(1).to(device)
            cache.batch_select_indices(kept)
            tokens, mask = tokens[kept], mask[kept]
            rows, going = rows[going], going[going]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        output = model(
            input_ids=tokens.unsqueeze(1),
            attention_mask=mask,
            position_ids=mask.sum(dim=1, keepdim=True) - 1,
            past_key_values=cache,
            use_cache=True,
        )
        logits, cache = output.logits[:, -1], output.past_key_values
    return _split_answers(written, questions, stop_ids)


def read_prompts(
    model: Any, questions: Sequence[Question], pad_id: int, device: torch.device
) -> tuple[torch.Tensor, Any, torch.Tensor]:
    """Return (next-token logits, cache, attention mask), one row per wanted answer; a prompt is read once."""
    longest = max(len(question.prompt) for question in questions)
    paddings = [longest - len(question.prompt) for question in questions]
    ids = [[pad_id] * padding + list(q.prompt) for padding, q in zip(paddings, questions, strict=True)]
    mask = torch.tensor([[0] * padding + [1] * (longest - padding) for padding in paddings], device=device)
    output = model(
        input_ids=torch.tensor(ids, device=device),
        attention_mask=mask,
        position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
        past_key_values=DynamicCache(config=model.config),
        use_cache=True,
        logits_to_keep=1,
    )
    owners = [row for row, question in enumerate(questions) for _ in question.seeds]
    copies = torch.tensor(owners, device=device)
    cache = output.past_key_values
    cache.batch_select_indices(copies)
    return output.logits[:, -1][copies], cache, mask[copies]


def _split_answers(
    written: torch.Tensor, questions: Sequence[Question], stop_ids: frozenset[int]
) -> list[list[Answer]]:
    rows = cast("list[list[int]]", cast("Any", written).tolist())
    answers = iter([_read_answer(row, stop_ids) for row in rows])
    return [[next(answers) for _ in question.seeds] for question in questions]


def _read_answer(row: Sequence[int], stop_ids: frozenset[int]) -> Answer:
    for position, token in enumerate(row):
        if token in stop_ids:
            return Answer(tuple(row[:position]), "stop")
    return Answer(tuple(row), "length")
