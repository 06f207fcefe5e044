"""How likely an adapter finds the suite's reference answers: companions of the scores, without sampling noise.

Teacher forcing, one forward pass per batch, nothing sampled and nothing shown to the scorers. Per category there are

- `likelihood/<category>`: mean over items of p⁴, where p is the probability per token (geometric mean) that the answer
  is one of the item's `chosen` references. It saturates like a score: what is nearly certain, or out of reach, counts
  little.
- `margin/<category>`: mean over items of the mean log-probability per token of the `chosen` references minus that of
  the `rejected` ones; only from items that have both.

Items without references give no companion. What each is worth is measured, never assumed (`make companions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp, log
from statistics import fmean
from typing import Any, NamedTuple, cast

import torch

from probes.evaluation.generation import Question, read_prompts
from probes.evaluation.suite import Item
from probes.rendering import Rendering

LIKELIHOOD, MARGIN = "likelihood/", "margin/"
SPAN = 4
"""Tokens whose joint probability `likelihood` is. One token's is nearly as flat as a logarithm and a long answer's is
zero; in between it went best with the scores (`results/LOG.md`)."""
MAX_ROWS = 64
MAX_LOGITS = 1 << 27
"""Numbers in a batch's logits, 512 MiB in float32: a big vocabulary makes batches of few rows."""


class Reading(NamedTuple):
    """The log-probability of one reference, its end of turn included."""

    total: float
    tokens: int

    @property
    def per_token(self) -> float:
        """Its mean over tokens."""
        return self.total / self.tokens


class _Asked(NamedTuple):
    """A prompt and its reference answers as tokens, each with its end of turn."""

    prompt: Sequence[int]
    answers: Sequence[Sequence[int]]

    @property
    def longest(self) -> int:
        """Tokens of the longest answer."""
        return max(map(len, self.answers))


def reference_companions(
    model: Any, rendering: Rendering, items: Sequence[Item], max_logits: int = MAX_LOGITS
) -> dict[str, float]:
    """Return companion name → value for the categories whose items have references; {} when none has.

    `model` is the base with its adapter, in evaluation mode. Prompts are rendered exactly as for generation.
    """
    with_answers = [item for item in items if item.chosen]
    asked = [_Asked(*rendering.row_ids(item.messages, (*item.chosen, *item.rejected))) for item in with_answers]
    values: dict[str, list[float]] = {}
    for item, readings in zip(with_answers, _read(model, asked, max_logits), strict=True):
        chosen, rejected = readings[: len(item.chosen)], readings[len(item.chosen) :]
        values.setdefault(LIKELIHOOD + item.category, []).append(likelihood(chosen))
        if rejected:
            margin = fmean(r.per_token for r in chosen) - fmean(r.per_token for r in rejected)
            values.setdefault(MARGIN + item.category, []).append(margin)
    return {name: fmean(own) for name, own in sorted(values.items())}


def likelihood(chosen: Sequence[Reading]) -> float:
    """Return p to the power `SPAN`, p the probability per token that the answer is one of the references, 0 … 1."""
    best = max(reading.total for reading in chosen)
    any_of = best + log(sum(exp(reading.total - best) for reading in chosen))
    return exp(min(0.0, SPAN * any_of / fmean(reading.tokens for reading in chosen)))


@torch.inference_mode()
def _read(model: Any, asked: Sequence[_Asked], max_logits: int) -> list[list[Reading]]:
    """Return the readings of each prompt's answers, in their order."""
    readings: list[list[Reading]] = [[] for _ in asked]
    for batch in _batches(asked, max_logits // int(model.config.vocab_size)):
        totals = iter(_read_batch(model, [asked[index] for index in batch]))
        for index in batch:
            readings[index] = [Reading(next(totals), len(answer)) for answer in asked[index].answers]
    return readings


def _batches(asked: Sequence[_Asked], most_positions: int) -> Iterator[list[int]]:
    """Yield indices, short prompts first, with about `MAX_ROWS` answers and `most_positions` tokens of them a batch."""
    batch: list[int] = []
    rows = longest = 0
    for index in sorted(range(len(asked)), key=lambda index: (len(asked[index].prompt), asked[index].longest, index)):
        rows, longest = rows + len(asked[index].answers), max(longest, asked[index].longest)
        if batch and (rows > MAX_ROWS or rows * longest > most_positions):
            yield batch
            batch, rows, longest = [], len(asked[index].answers), asked[index].longest
        batch.append(index)
    if batch:
        yield batch


def _read_batch(model: Any, asked: Sequence[_Asked]) -> list[float]:
    """Return the log-probability of every answer. A prompt is read once, then all its answers side by side."""
    device = next(model.parameters()).device
    questions = [Question(tuple(one.prompt), tuple(range(len(one.answers)))) for one in asked]
    first, cache, mask = read_prompts(model, questions, 0, device)
    answers = [answer for one in asked for answer in one.answers]
    longest = max(map(len, answers))
    tokens = torch.tensor([[*answer, *[0] * (longest - len(answer))] for answer in answers], device=device)
    counted = torch.tensor([[1] * len(a) + [0] * (longest - len(a)) for a in answers], device=device)
    parts = [_log_probabilities(first.unsqueeze(1), tokens[:, :1])]
    if longest > 1:
        mask = torch.cat([mask, counted[:, :-1]], dim=1)
        logits = model(
            input_ids=tokens[:, :-1],
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1)[:, -longest + 1 :],
            past_key_values=cache,
            use_cache=True,
        ).logits
        parts.append(_log_probabilities(logits, tokens[:, 1:]))
    totals = (torch.cat(parts, dim=1) * counted).sum(dim=1, dtype=torch.float64)
    return cast("list[float]", cast("Any", totals.cpu()).tolist())


def _log_probabilities(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each token in float32, row by row: a copy of all logits would double the memory."""
    rows = zip(logits, tokens, strict=True)
    return torch.stack([torch.log_softmax(row.float(), -1).gather(1, own.unsqueeze(1)).squeeze(1) for row, own in rows])
