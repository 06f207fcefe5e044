"""Evaluates an adapted model on a suite: answers are sampled, written down, scored, and summarised per item."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from probes.evaluation.generation import Question, StopReason, generate
from probes.evaluation.margins import reference_companions
from probes.evaluation.sampling import sample_seed
from probes.evaluation.suite import Item
from probes.outcome import GenerationConfig, ItemScores, SampleScore, TrainingSummary
from probes.rendering import Rendering, rendering_for
from probes.request import ProbeRequest

RESPONSES_NAME = "responses.jsonl"
SCORES_NAME = "scores.jsonl"


class Response(NamedTuple):
    """One sampled answer as text."""

    item: str
    sample: int
    seed: int
    text: str
    stop_reason: StopReason


def evaluate(
    model: Any, tokenizer: Any, items: Sequence[Item], request: ProbeRequest, folder: Path
) -> tuple[ItemScores, ...]:
    """Return the scores of every item; write `responses.jsonl` and `scores.jsonl` into `folder`.

    `model` is the base with its adapter, in evaluation mode. Prompts are rendered exactly as in training.
    """
    rendering = rendering_for(tokenizer, request.recipe.chat_template, request.recipe.system_prompt)
    responses = respond(model, rendering, items, request.seed, request.samples, request.generation)
    _write_lines(folder / RESPONSES_NAME, [response._asdict() for response in responses])
    by_id = {item.id: item for item in items}
    scores = [_score(by_id[response.item], response) for response in responses]
    _write_lines(folder / SCORES_NAME, [score.model_dump(mode="json") for score in scores])
    return summarize(items, scores)


def companions(
    model: Any, tokenizer: Any, items: Sequence[Item], request: ProbeRequest, training: TrainingSummary
) -> dict[str, float]:
    """Return what `ProbeOutcome.companions` holds, for the model that `evaluate` got; nothing is sampled or written."""
    rendering = rendering_for(tokenizer, request.recipe.chat_template, request.recipe.system_prompt)
    signals = reference_companions(model, rendering, items)
    margins = [point.reward_margin for point in training.curve if point.reward_margin is not None]
    if margins:
        signals["reward_margin"] = fmean(margins[-max(1, len(margins) // 4) :]) / request.recipe.beta
    return signals


def respond(
    model: Any,
    rendering: Rendering,
    items: Sequence[Item],
    seed: int,
    samples: int,
    config: GenerationConfig,
) -> list[Response]:
    """Return `samples` answers to each item, in suite order; an answer's seed derives from `seed`, item and sample."""
    seeds = [tuple(sample_seed(seed, item.id, sample) for sample in range(samples)) for item in items]
    questions = [
        Question(tuple(rendering.prompt_ids(item.messages)), own) for item, own in zip(items, seeds, strict=True)
    ]
    tokenizer = rendering.tokenizer
    pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    answers = generate(model, questions, rendering.stop_ids, int(pad_id), config)
    responses: list[Response] = []
    for item, own_seeds, own_answers in zip(items, seeds, answers, strict=True):
        for sample, (own_seed, answer) in enumerate(zip(own_seeds, own_answers, strict=True)):
            text = tokenizer.decode(answer.tokens, skip_special_tokens=True)
            responses.append(Response(item.id, sample, own_seed, text, answer.stop_reason))
    return responses


def summarize(items: Sequence[Item], scores: Sequence[SampleScore]) -> tuple[ItemScores, ...]:
    """Return the samples of each item together, in suite order."""
    by_item: dict[str, list[SampleScore]] = {item.id: [] for item in items}
    for score in scores:
        by_item[score.item].append(score)
    return tuple(
        ItemScores(
            item=item.id,
            category=item.category,
            difficulty=item.difficulty,
            scores=tuple(score.score for score in by_item[item.id]),
            critical_failures=sum(bool(score.critical_failures) for score in by_item[item.id]),
        )
        for item in items
    )


def _score(item: Item, response: Response) -> SampleScore:
    scored = item.scorer.score(response.text)
    return SampleScore(
        item=item.id,
        category=item.category,
        sample=response.sample,
        seed=response.seed,
        score=scored.score,
        unscored=scored.unscored,
        components=scored.components,
        critical_failures=scored.critical_failures,
    )


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
