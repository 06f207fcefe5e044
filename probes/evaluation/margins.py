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


class _Sequence(NamedTuple):
    """A prompt and one reference answer."""

    prompt: Sequence[int]
    answer: Sequence[int]

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.answer)


def reference_companions(
    model: Any, rendering: Rendering, items: Sequence[Item], max_logits: int = MAX_LOGITS
) -> dict[str, float]:
    """Return companion name → value for the categories whose items have references; {} when none has.

    `model` is the base with its adapter, in evaluation mode. Prompts are rendered exactly as for generation.
    """
    asked = [item for item in items if item.chosen]
    sequences: list[_Sequence] = []
    for item in asked:
        prompt, answers = rendering.row_ids(item.messages, (*item.chosen, *item.rejected))
        sequences += [_Sequence(prompt, answer) for answer in answers]
    readings = iter(_read(model, sequences, max_logits))
    values: dict[str, list[float]] = {}
    for item in asked:
        chosen = [next(readings) for _ in item.chosen]
        rejected = [next(readings) for _ in item.rejected]
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
def _read(model: Any, sequences: Sequence[_Sequence], max_logits: int) -> list[Reading]:
    """Return the readings of `sequences`, in their order; batches hold sequences of about one length."""
    readings: dict[int, Reading] = {}
    for batch in _batches(sequences, max_logits // int(model.config.vocab_size)):
        totals = _read_batch(model, [sequences[index] for index in batch])
        for index, total in zip(batch, totals, strict=True):
            readings[index] = Reading(total, len(sequences[index].answer))
    return [readings[index] for index in range(len(sequences))]


def _batches(sequences: Sequence[_Sequence], most_positions: int) -> Iterator[list[int]]:
    """Yield indices, shortest sequences first, at most `MAX_ROWS` and about `most_positions` with logits a batch."""
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(sequences)), key=lambda index: (sequences[index].length, index)):
        own = len(sequences[index].answer) + 1
        longest = max(longest, own)
        if batch and (len(batch) == MAX_ROWS or (len(batch) + 1) * longest > most_positions):
            yield batch
            batch, longest = [], own
        batch.append(index)
    if batch:
        yield batch


def _read_batch(model: Any, sequences: Sequence[_Sequence]) -> list[float]:
    """Return the log-probability of each answer. Padded on the left, so that all answers end in the last column."""
    device = next(model.parameters()).device
    longest = max(sequence.length for sequence in sequences)
    answers = max(len(sequence.answer) for sequence in sequences)
    padding = [longest - sequence.length for sequence in sequences]
    ids = [[0] * pad + [*s.prompt, *s.answer] for pad, s in zip(padding, sequences, strict=True)]
    mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in padding], device=device)
    tokens = torch.tensor(ids, device=device)
    logits = model(
        input_ids=tokens,
        attention_mask=mask,
        position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=answers + 1,
    ).logits[:, :-1]
    wanted = tokens[:, -answers:]
    counted = torch.tensor([[0.0] * (answers - len(s.answer)) + [1.0] * len(s.answer) for s in sequences])
    totals = (_log_probabilities(logits, wanted).cpu() * counted).sum(dim=1, dtype=torch.float64)
    return cast("list[float]", cast("Any", totals).tolist())


def _log_probabilities(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each token in float32, row by row: a copy of all logits would double the memory."""
    rows = zip(logits, tokens, strict=True)
    return torch.stack([torch.log_softmax(row.float(), -1).gather(1, own.unsqueeze(1)).squeeze(1) for row, own in rows])
