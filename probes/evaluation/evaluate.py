"""Evaluates a model on a suite: answers are sampled, written down, scored, and summarised per item."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from probes.evaluation.backends.backend import Backend, Response
from probes.evaluation.margins import reference_companions
from probes.evaluation.responses import RESPONSES_NAME
from probes.evaluation.scorers.exchange import Aids, Exchange
from probes.evaluation.suite import Item
from probes.evaluation.suites.results import SCORES_NAME
from probes.frozen import digest_of
from probes.outcome import ItemScores, SampleScore, TrainingSummary
from probes.rendering import Rendering
from probes.request import ProbeRequest

PARALLEL = max(1, min(8, (os.cpu_count() or 1) // 2))
"""Answers run as code side by side; each takes two processes that wait for one another."""


class Evaluation(NamedTuple):
    """What an evaluation found."""

    items: tuple[ItemScores, ...]
    answers: str
    """Digest of all answers, word for word and in order."""
    distinct_answers: int


def evaluate(
    backend: Backend, items: Sequence[Item], request: ProbeRequest, folder: Path, aids: Aids | None = None
) -> Evaluation:
    """Return the scores of every item; write `responses.jsonl` and `scores.jsonl` into `folder`."""
    responses = backend.respond(items, request.seed, request.samples, request.generation)
    _write_lines(folder / RESPONSES_NAME, [_response_row(response) for response in responses])
    parallel = request.judge.parallel if request.judge is not None else PARALLEL
    scores = score_responses(items, responses, aids, parallel)
    _write_lines(folder / SCORES_NAME, [score.model_dump(mode="json") for score in scores])
    said = [(response.text, [call.model_dump(mode="json") for call in response.tool_calls]) for response in responses]
    return Evaluation(summarize(items, scores), digest_of(said), len({digest_of(answer) for answer in said}))


def score_responses(
    items: Sequence[Item], responses: Sequence[Response], aids: Aids | None = None, parallel: int = 1
) -> list[SampleScore]:
    """Return the score of every response, in order; `parallel` of those that take a process or request side by side.

    The first costly one is alone, so that what it puts into a judge's prompt cache is there for the others.
    """
    by_id = {item.id: item for item in items}
    parsing = {by_id[response.item].category for response in responses if response.tool_calls}
    waiting = [n for n, response in enumerate(responses) if by_id[response.item].scorer.is_costly][1:]

    def score(number: int) -> SampleScore:
        item = by_id[responses[number].item]
        return _score(item, responses[number], aids, item.category in parsing)

    found = {number: score(number) for number in sorted({*range(len(responses))} - {*waiting})}
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="score")
    try:
        found |= zip(waiting, pool.map(score, waiting), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)
    return [found[number] for number in range(len(responses))]


def companions(
    model: Any, rendering: Rendering, items: Sequence[Item], request: ProbeRequest, training: TrainingSummary
) -> dict[str, float]:
    """Return what `ProbeOutcome.companions` holds: `model` with its adapter, nothing sampled or written."""
    signals = reference_companions(model, rendering, items)
    margins = [point.reward_margin for point in training.curve if point.reward_margin is not None]
    if margins:
        signals["reward_margin"] = fmean(margins[-max(1, len(margins) // 4) :]) / request.recipe.beta
    return signals


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
            answered=sum(score.answered for score in by_item[item.id]),
            cause=_commonest_cause(by_item[item.id]),
        )
        for item in items
    )


def is_answered(response: Response) -> bool:
    """Return whether there is anything to score: the backend did not fail, and text or a tool call came."""
    return response.stop_reason != "error" and bool(response.text.strip() or response.tool_calls)


def _commonest_cause(scores: Sequence[SampleScore]) -> str:
    """Return why most of the samples without points have none; empty when all have some."""
    causes = Counter(s.unscored or next(iter(s.causes.values()), "") for s in scores if not s.score)
    return causes.most_common(1)[0][0] if causes else ""


def exchange_of(item: Item, response: Response, aids: Aids | None, server_parses: bool = False) -> Exchange:
    """Return what scorers see of one answer."""
    return Exchange(
        text=response.text,
        stop_reason=response.stop_reason,
        tool_calls=response.tool_calls,
        messages=item.messages,
        tools=item.tools,
        references=item.chosen,
        aids=aids,
        item=item.id,
        sample=response.sample,
        server_parses=server_parses,
    )


def _score(item: Item, response: Response, aids: Aids | None, server_parses: bool) -> SampleScore:
    scored = item.scorer.score(exchange_of(item, response, aids, server_parses))
    return SampleScore(
        item=item.id,
        category=item.category,
        sample=response.sample,
        seed=response.seed,
        score=scored.score,
        unscored=scored.unscored,
        components=scored.components,
        critical_failures=scored.critical_failures,
        causes=scored.causes,
        answered=is_answered(response),
    )


def _response_row(response: Response) -> dict[str, Any]:
    calls = [call.model_dump(mode="json") for call in response.tool_calls]
    return {**response._asdict(), "tool_calls": calls}


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
