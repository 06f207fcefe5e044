"""`nightlab measure`: one adapter measured in several serving modes on the same items, with the differences shown.

The same adapter can be worth 8.5 points on its base and 1.7 in a quantised file; this shows it before anything ships.
The base is loaded once in this process; with `[serving] backend = "vllm"` each mode gets a server of its own, one after
the other. Nothing is trained, and nothing is kept unless asked for.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from probes.aggregation import Weights
from probes.errors import ConfigError
from probes.evaluation.adapter_check import check_fit
from probes.evaluation.backends.config import LORA_RANKS, ServingMode
from probes.evaluation.backends.vllm_client import KEY_VARIABLE
from probes.outcome import AdapterFacts, ProbeOutcome, ProbeStatus
from probes.request import ProbeRequest, Split
from probes.statistics.intervals import student
from probes.statistics.verdicts import Interval
from runner.config import SessionConfig
from runner.folder import SessionFolder
from runner.planning import RequestMaker
from runner.serving.command import Served
from runner.serving.open import keyed, own_server, serving_dtype
from runner.serving.plan import ServingPlan, plan_serving
from runner.surroundings import Surroundings, gather_inputs

MODES: tuple[ServingMode, ...] = ("adapter_on_base", "merged", "merged_int8", "merged_int4")


class ModeResult(NamedTuple):
    """The adapter in one mode."""

    mode: ServingMode
    outcome: ProbeOutcome
    weights: Weights | None = None
    """Category → its share of the overall; None: all count the same."""

    @property
    def overall(self) -> float | None:
        """The mean of the categories by weight."""
        return self.outcome.overall(self.weights)


class Comparison(NamedTuple):
    """An adapter in every mode that was asked for, the first being what the others are held against."""

    adapter: AdapterFacts
    results: tuple[ModeResult, ...]

    def difference(self, result: ModeResult, category: str) -> tuple[float, Interval] | None:
        """Return mean difference from the first mode and its interval over items; None where an item has no score."""
        first = {item.item: item.mean for item in self.results[0].outcome.items}
        gaps: list[float] = []
        for item in result.outcome.items:
            if item.category == category:
                before = first[item.item]
                if item.mean is None or before is None:
                    return None
                gaps.append(item.mean - before)
        return student(gaps)


def modes_of(names: Sequence[str] | None) -> tuple[ServingMode, ...]:
    """Return the modes named on the command line, all of them by default.

    Raises:
        ConfigError: one is unknown or named twice.
    """
    if not names:
        return MODES
    known: dict[str, ServingMode] = {mode: mode for mode in MODES}
    if not set(names) <= known.keys() or len(set(names)) < len(names):
        raise ConfigError(f"`--mode` must be one of {', '.join(MODES)}, each at most once, got {', '.join(names)}")
    return tuple(known[name] for name in names)


def measure_adapter(
    config: SessionConfig, adapter: Path, modes: Sequence[ServingMode], seed: int, split: Split, around: Surroundings
) -> Comparison:
    """Measure the adapter in a folder in each of `modes`.

    Raises:
        DataError: the adapter does not fit the session's base model.
        MeasurementError: something else than the adapter answered.
        LaunchError: a server does not come up.
    """
    if config.serving.base_url is not None and any(mode != MODES[0] for mode in modes):
        raise ConfigError(
            "a server that already runs serves adapters on their base only; take `serving.base_url` out, so that each "
            "mode gets a server of its own, or measure `--mode adapter_on_base`"
        )
    around = keyed(config, around)
    with tempfile.TemporaryDirectory(prefix="nightlab-measure-") as scratch:
        folder = SessionFolder(Path(scratch))
        inputs = gather_inputs(config, folder.suite, around)
        facts = check_fit(adapter, inputs.base_model)
        plan = plan_serving(config.serving, around.environ)
        make_request = RequestMaker(config, inputs, folder, plan)
        bench = _Bench(config, adapter, facts, around, plan, Path(scratch))
        requests = [
            make_request(config.recipe, seed, split).model_copy(
                update={"serving_mode": mode, "folder": str(Path(scratch) / mode)}
            )
            for mode in modes
        ]
        return Comparison(facts, tuple(bench.measure(requests)))


class _Bench(NamedTuple):
    """What all modes share."""

    config: SessionConfig
    adapter: Path
    facts: AdapterFacts
    around: Surroundings
    plan: ServingPlan
    scratch: Path

    def measure(self, requests: Sequence[ProbeRequest]) -> list[ModeResult]:
        import torch
        from transformers.utils.logging import disable_progress_bar

        from probes.evaluation.attached import attached
        from probes.evaluation.suite import read_suite
        from probes.warm_base import load_base

        torch.set_num_threads(1)  # as in a worker
        disable_progress_bar()
        warnings.simplefilter("ignore", FutureWarning)  # among libraries
        precision = self.config.recipe.precision
        base = load_base(Path(requests[0].base_model.path), precision)
        items = read_suite([requests[0].suite.path])
        results: list[ModeResult] = []
        with attached(base.model, self.adapter) as model:
            for request in requests:
                with self.around.console.status(f"measuring {request.serving_mode}"), self._server(request):
                    outcome = self._ask(request, model, base.tokenizer, items)
                    results.append(ModeResult(request.serving_mode, outcome, request.weights))
        return results

    def _ask(self, request: ProbeRequest, model: Any, tokenizer: Any, items: Any) -> ProbeOutcome:
        from probes.evaluation.aids import open_aids
        from probes.evaluation.backends.open import Subject, describe, opened
        from probes.evaluation.evaluate import evaluate
        from probes.rendering import rendering_for

        started = perf_counter()
        rendering = rendering_for(tokenizer, request.recipe.chat_template, request.recipe.system_prompt)
        folder = Path(request.folder)
        folder.mkdir()
        subject = Subject(model, rendering, items, (self.adapter, self.facts.digest))
        environ = self.around.environ
        with (
            open_aids(request, items, folder, environ) as aids,
            opened(request, subject, environ.get(KEY_VARIABLE)) as answering,
        ):
            found = evaluate(answering.backend, items, request, folder, aids)
            judge = aids.judge.usage() if aids.judge is not None else None
        return ProbeOutcome(
            key=request.key,
            status=ProbeStatus.COMPLETED,
            items=found.items,
            adapter=self.facts,
            measured=describe(request, rendering, answering, self.facts.digest, found),
            judge=judge,
            seconds=perf_counter() - started,
        )

    @contextmanager
    def _server(self, request: ProbeRequest) -> Generator[None]:
        """Have the server of a mode up, where there is one to start."""
        if not self.config.serving.starts_server:
            yield
            return
        from probes.evaluation.attached import save_merged

        base, template = Path(request.base_model.path), self.config.recipe.chat_template
        dtype = serving_dtype(self.config, self.around)
        chosen = template if template not in ("tokenizer", "none") else None
        with ExitStack() as stack:
            rank: int | None = next(rank for rank in LORA_RANKS if rank >= self.facts.rank)
            if request.serving_mode != MODES[0]:
                base, rank = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.scratch))), None
                original = Path(request.base_model.path)
                save_merged(original, self.adapter, request.serving_mode, self.config.recipe.precision, base)
            served = Served(base, dtype, rank, chosen)
            stack.enter_context(own_server(self.config, self.plan, served, self.scratch / "logs", self.around))
            yield


def comparison_json(comparison: Comparison, seed: int) -> dict[str, Any]:
    """Return a comparison for machines."""
    return {
        "adapter": comparison.adapter.model_dump(mode="json"),
        "seed": seed,
        "modes": [
            {
                "mode": result.mode,
                "measured": result.outcome.measured.model_dump(mode="json") if result.outcome.measured else None,
                "scores": result.outcome.category_means(),
                "overall": result.overall,
                "success_rate": result.outcome.success_rate(),
                "critical_failures": result.outcome.critical_failures(),
                "judge": result.outcome.judge.model_dump(mode="json") if result.outcome.judge else None,
                "differences": {
                    name: {"mean": found[0], "interval": found[1].model_dump(mode="json")}
                    for name in result.outcome.category_means()
                    if (found := comparison.difference(result, name)) is not None
                },
                "seconds": result.outcome.seconds,
            }
            for result in comparison.results
        ],
    }
