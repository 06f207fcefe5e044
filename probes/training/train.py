"""Trains one adapter from a recipe: rows in, adapter and summary out, the base model left as it was."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch

from probes.data.composition import composition
from probes.data.curriculum import order_rows
from probes.data.mix import apply_mix
from probes.data.rows import Row
from probes.outcome import AdapterFacts, TrainingSummary
from probes.recipe import Recipe, steps_for
from probes.rendering import Rendering, rendering_for
from probes.statistics.early_stop import StopRule
from probes.training.adapter import borrowed, load_test, save_adapter
from probes.training.curve import Curve, TrainingDiverged, TrainingEnded
from probes.training.log import TrainingLog
from probes.training.objectives import build_trainer, trainer_arguments
from probes.training.precision import fast_products
from probes.training.progress import Progress
from probes.training.tokenized import TokenizedRow, cut, prepared

ADAPTER_FOLDER = "adapter"


class Trained(NamedTuple):
    """A finished training while its adapter still sits on the base model."""

    model: Any
    """The PEFT model: base plus adapter, in evaluation mode."""
    summary: TrainingSummary
    adapter: AdapterFacts


def train(model: Any, tokenizer: Any, rows: Sequence[Row], recipe: Recipe, seed: int, folder: Path) -> TrainingSummary:
    """Train, save `folder/adapter` and `folder/training_log.jsonl`, and leave `model` bit for bit as it was.

    Raises:
        TrainingDiverged: see `probes.training.curve`.
        DataError: a row does not fit the objective, or the saved adapter fails its load test.
    """
    with trained(model, tokenizer, rows, recipe, seed, folder) as result:
        return result.summary


@contextmanager
def trained(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Row],
    recipe: Recipe,
    seed: int,
    folder: Path,
    stop_rule: StopRule | None = None,
) -> Generator[Trained]:
    """As `train`, but hand over the adapted model before the adapter is taken off again.

    Raises:
        TrainingHopeless: `stop_rule` ended the training.
    """
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    mixed = apply_mix(rows, recipe.mix, seed)
    steps = steps_for(len(mixed), recipe)
    ordered = training_order(mixed, recipe, seed, steps * recipe.batch_size * recipe.gradient_accumulation)
    rendering = rendering_for(tokenizer, recipe.chat_template, recipe.system_prompt)
    dataset = prepared(tokenize(ordered, rendering, recipe.max_length), recipe.objective)
    log = TrainingLog(folder, steps, len(mixed), composition(mixed))
    progress = Progress(log, Curve(steps), recipe.beta, stop_rule)
    with closing(log), borrowed(model):
        arguments = trainer_arguments(recipe, steps, seed, folder)
        trainer = build_trainer(model, tokenizer, dataset, recipe, arguments, progress)
        try:
            with fast_products(recipe.precision):
                trainer.train()
            adapted = cast("Any", trainer).model
            _check_finite(adapted)
        except TrainingEnded as error:
            error.summary = _summarize(mixed, steps, progress, started)
            raise
        adapted.eval()
        save_adapter(adapted, folder / ADAPTER_FOLDER)
        facts = load_test(folder / ADAPTER_FOLDER, recipe.rank)
        yield Trained(adapted, _summarize(mixed, steps, progress, started), facts)


def _summarize(mixed: Sequence[Row], steps: int, progress: Progress, started: float) -> TrainingSummary:
    points = progress.curve.points
    done = progress.steps_done
    return TrainingSummary(
        steps_done=done,
        steps_planned=steps,
        final_loss=points[-1].loss if points else None,
        reward_margin=points[-1].reward_margin if points else None,
        seconds=time.perf_counter() - started,
        seconds_per_step=progress.seconds / done if done else None,
        peak_memory_gib=peak_memory_gib(),
        rows=len(mixed),
        composition=composition(mixed),
        curve=points,
    )


def training_order(mixed: Sequence[Row], recipe: Recipe, seed: int, count: int) -> list[Row]:
    """Return the `count` rows of a training in the order in which they are seen; pass p is ordered by seed + p."""
    ordered: list[Row] = []
    passes = 0
    while len(ordered) < count:
        ordered.extend(order_rows(mixed, recipe.curriculum, seed + passes))
        passes += 1
    return ordered[:count]


def tokenize(rows: Sequence[Row], rendering: Rendering, max_length: int) -> Iterator[TokenizedRow]:
    """Yield `rows` as tokens, at most `max_length` long; a row seen again is not tokenized again."""
    known: dict[int, TokenizedRow] = {}
    for row in rows:
        if id(row) not in known:
            answers = [row.chosen] if row.rejected is None else [row.chosen, row.rejected]
            prompt, following = rendering.row_ids(row.prompt, answers)
            rejected = tuple(following[1]) if len(following) > 1 else None
            known[id(row)] = cut(TokenizedRow(tuple(prompt), tuple(following[0]), rejected), max_length)
        yield known[id(row)]


def peak_memory_gib() -> float:
    """Return the largest memory this process has held: on the device where there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _check_finite(adapted: Any) -> None:
    """Refuse an adapter whose last step, which no later loss could show, was not a number."""
    for name, weights in adapted.named_parameters():
        if weights.requires_grad and not bool(torch.isfinite(weights).all()):
            raise TrainingDiverged(f"adapter weights of `{name}` are not finite after the last step")
