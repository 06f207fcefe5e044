"""Runs one probe request in this process: train, evaluate, and turn whatever happens into a `ProbeOutcome`."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from probes.data.rows import Row, read_rows
from probes.errors import MeasurementError, NightlabError
from probes.evaluation.aids import ProbeAids, open_aids
from probes.evaluation.backends.open import Subject, describe, opened
from probes.evaluation.evaluate import companions, evaluate
from probes.evaluation.suite import Item, read_suite
from probes.outcome import ProbeOutcome, ProbeStatus
from probes.rendering import rendering_for
from probes.request import REQUEST_NAME, ProbeRequest
from probes.training.broken import broken
from probes.training.curve import TrainingEnded, TrainingHopeless
from probes.training.precision import fast_products
from probes.training.train import ADAPTER_FOLDER, Trained, trained
from probes.warm_base import WarmBase

OUTCOME_NAME = "outcome.json"
LOG_NAME = "worker.log"
TAIL_LINES = 40

_MEMORY_SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def run_request(request: ProbeRequest, warm: WarmBase) -> ProbeOutcome:
    """Return the outcome of `request`; everything the probe writes lies in `request.folder`, `outcome.json` last."""
    started = time.perf_counter()
    folder = Path(request.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / REQUEST_NAME, request.model_dump_json(indent=1))
        with _captured(folder / LOG_NAME):
            outcome = _guarded(request, warm, folder, started)
        if outcome.status not in (ProbeStatus.COMPLETED, ProbeStatus.STOPPED_EARLY):
            outcome = outcome.model_copy(update={"log_tail": tail(folder / LOG_NAME)})
        write_atomically(folder / OUTCOME_NAME, outcome.model_dump_json(indent=1))
    except OSError as error:
        message = f"the probe's folder `{folder}` cannot be written: {error}"
        return ProbeOutcome(key=request.key, status=ProbeStatus.CRASHED, message=message, seconds=_since(started))
    return outcome


def _guarded(request: ProbeRequest, warm: WarmBase, folder: Path, started: float) -> ProbeOutcome:
    try:
        return _run(request, warm, folder, started)
    except TrainingEnded as error:
        is_hopeless = isinstance(error, TrainingHopeless)
        return ProbeOutcome(
            key=request.key,
            status=ProbeStatus.STOPPED_EARLY if is_hopeless else ProbeStatus.DIVERGED,
            training=error.summary,
            message=str(error),
            seconds=_since(started),
        )
    except Exception as error:  # a failed probe is a result
        is_ours = isinstance(error, NightlabError)
        # What we raise on purpose says all there is to say; where it was raised is of use only for the rest.
        told = f"{type(error).__name__}: {error}\n" if is_ours else traceback.format_exc()
        os.write(2, told.encode(errors="replace"))
        status = ProbeStatus.OUT_OF_MEMORY if _is_out_of_memory(error) else ProbeStatus.CRASHED
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        is_mismeasured = isinstance(error, MeasurementError)
    # Outside the handler, where the traceback no longer keeps the failed training's memory alive.
    if not is_ours:
        warm.drop()
    return ProbeOutcome(
        key=request.key, status=status, is_mismeasured=is_mismeasured, message=message, seconds=_since(started)
    )


def _run(request: ProbeRequest, warm: WarmBase, folder: Path, started: float) -> ProbeOutcome:
    base = warm.get(Path(request.base_model.path), request.base_model.digest, request.recipe.precision)
    items = read_suite([request.suite.path])
    with open_aids(request, items, folder, os.environ) as aids:
        if request.control == "base":
            return _measure(request, base.model, base.tokenizer, items, aids, None, folder, started)
        recipe = request.recipe
        rows: Sequence[Row] = read_rows([file.path for file in request.train], recipe.objective)
        if request.control == "broken":
            rows, recipe = broken(rows, recipe)
        with trained(base.model, base.tokenizer, rows, recipe, request.seed, folder, request.stop_rule) as result:
            return _measure(request, result.model, base.tokenizer, items, aids, result, folder, started)


def _measure(
    request: ProbeRequest,
    model: Any,
    tokenizer: Any,
    items: Sequence[Item],
    aids: ProbeAids,
    training: Trained | None,
    folder: Path,
    started: float,
) -> ProbeOutcome:
    """Ask `model` the items; `training` is None for the base alone."""
    measuring = time.perf_counter()
    rendering = rendering_for(tokenizer, request.recipe.chat_template, request.recipe.system_prompt)
    adapter = (folder / ADAPTER_FOLDER, training.adapter.digest) if training is not None else None
    with opened(request, Subject(model, rendering, items, adapter)) as answering:
        found = evaluate(answering.backend, items, request, folder, aids)
    evaluation_seconds = _since(measuring)
    signals: dict[str, float] = {}
    if training is not None:
        with fast_products(request.recipe.precision):
            signals = companions(model, rendering, items, request, training.summary)
    return ProbeOutcome(
        key=request.key,
        status=ProbeStatus.COMPLETED,
        items=found.items,
        training=training.summary if training else None,
        adapter=training.adapter if training else None,
        measured=describe(request, rendering, answering, training.adapter.digest if training else None, found),
        companions=signals,
        companion_seconds=_since(measuring) - evaluation_seconds if training else None,
        judge=aids.judge.usage() if aids.judge is not None else None,
        evaluation_seconds=evaluation_seconds,
        seconds=_since(started),
    )


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that `path` either has all of it, on disk, or does not change."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, empty where there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


@contextmanager
def _captured(path: Path) -> Generator[None]:
    """Send what this process prints, libraries in C included, to `path`."""
    with path.open("ab") as log:
        sys.stdout.flush()
        sys.stderr.flush()
        saved = [(stream, os.dup(stream)) for stream in (1, 2)]
        try:
            for stream, _ in saved:
                os.dup2(log.fileno(), stream)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in saved:
                os.dup2(copy, stream)
                os.close(copy)


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _MEMORY_SIGNS)


def _since(start: float) -> float:
    return time.perf_counter() - start
