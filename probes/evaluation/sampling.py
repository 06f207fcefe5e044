"""Seeded choice of the next token, one stream of random numbers per answer.

Every answer draws from its own stream and a token is found by inverting the cumulative distribution, so an answer
depends on its own logits and seed and on nothing else that happens to be in the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from probes.outcome import GenerationConfig


def sample_seed(train_seed: int, item: str, sample: int) -> int:
    """Return the seed of one answer: 63 bits of SHA-256 over what identifies it."""
    digest = hashlib.sha256(f"answer {train_seed} {sample} {item}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def draw_uniforms(seeds: Sequence[int], count: int) -> torch.Tensor:
    """Return [answers, count] numbers in [0, 1), each row from its own seed and the same at any `count`."""
    rows: list[torch.Tensor] = []
    generator = torch.Generator()
    for seed in seeds:
        generator.manual_seed(seed)
        rows.append(torch.rand(count, generator=generator, dtype=torch.float64))
    return torch.stack(rows)


def choose_tokens(logits: torch.Tensor, uniforms: torch.Tensor, config: GenerationConfig) -> torch.Tensor:
    """Return one token per row of `logits` [rows, vocabulary]: temperature, then top-k, then top-p.

    Temperature 0 is greedy. `top_p` keeps the fewest tokens whose probability reaches it, at least one.
    """
    if config.temperature == 0.0:
        return logits.argmax(dim=-1)
    vocabulary = logits.shape[-1]
    kept = min(config.top_k, vocabulary) if config.top_k else vocabulary
    values, tokens = torch.topk(logits.float() / config.temperature, kept, dim=-1)
    probabilities = torch.softmax(values.double(), dim=-1)
    cumulative = probabilities.cumsum(dim=-1)
    if config.top_p < 1.0:
        # A token stays when those before it have not reached top_p yet.
        stays = (cumulative - probabilities) < config.top_p
        probabilities = probabilities * stays
        cumulative = probabilities.cumsum(dim=-1)
    targets = uniforms.to(cumulative.device) * cumulative[:, -1]
    chosen = (cumulative <= targets.unsqueeze(1)).sum(dim=-1).clamp(max=kept - 1)
    return tokens.gather(1, chosen.unsqueeze(1)).squeeze(1)
