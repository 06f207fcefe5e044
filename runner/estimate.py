"""What a night should take and cost before any probe was run, from stated assumptions and nothing else.

    python -m runner.estimate SESSION.toml --parameters 8.2e9 --tflops 990 --row-tokens 600 --items 72 ...

A training step of LoRA costs 4 FLOP per parameter and token: 2 forward, 2 back through the frozen weights to the
adapters; DPO reads each row once more with the reference. Left out: attention over long rows, padding, waiting.
`nightlab probe` measures what this only reckons, and a finished night of the same name replaces it in the plan.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

from probes.errors import NightlabError
from probes.recipe import Recipe
from runner.config import CONTROL_PROBES, SessionConfig
from runner.overrides import load_session
from runner.tables import plain_table, show_view
from tracking.figures import MISSING

FLOP_PER_WEIGHT = {"orpo": 4, "sft": 4, "dpo": 6}
"""Per token of a step: forward and back through frozen weights, and the reference's forward pass."""
ANSWERS_PER_ROW = {"orpo": 2, "dpo": 2, "sft": 1}
HOUR_S = 3600


class Assumed(NamedTuple):
    """What the estimate rests on."""

    parameters: float
    """Weights of the base model."""
    tflops: float
    """The device's peak in the training's precision, in 10¹² operations a second."""
    share: float
    """Of that peak, reached by the training."""
    row_tokens: int
    """Mean tokens of prompt plus one answer."""
    items: int
    """Items that a probe answers: those of one half of the suite."""
    answer_tokens: int
    """Mean tokens of an answer."""
    tokens_per_s: float
    """Answer tokens that the server writes in a second, all requests together."""
    fixed_s: float
    """Of every probe: loading the adapter, the canary, scoring."""


class Estimate(NamedTuple):
    """Seconds of one probe, and how they come about."""

    step_tokens: int
    flop_per_step: float
    step_s: float
    train_s: float
    answer_s: float
    fixed_s: float

    @property
    def probe_s(self) -> float:
        """The whole probe."""
        return self.train_s + self.answer_s + self.fixed_s


def estimate(config: SessionConfig, assumed: Assumed) -> Estimate:
    """Return what one probe of a session should take."""
    recipe, steps = config.recipe, config.probe.steps
    tokens = _rows(recipe) * ANSWERS_PER_ROW[recipe.objective] * min(assumed.row_tokens, recipe.max_length)
    flop = FLOP_PER_WEIGHT[recipe.objective] * assumed.parameters * tokens
    step_s = flop / (assumed.tflops * 1e12 * assumed.share)
    written = assumed.items * config.suite.samples * min(assumed.answer_tokens, config.suite.generation.max_new_tokens)
    return Estimate(tokens, flop, step_s, steps * step_s, written / assumed.tokens_per_s, assumed.fixed_s)


def in_words(config: SessionConfig, assumed: Assumed, found: Estimate) -> list[str]:
    """Return the arithmetic, a line a step."""
    recipe = config.recipe
    answers, flop = ANSWERS_PER_ROW[recipe.objective], FLOP_PER_WEIGHT[recipe.objective]
    return [
        f"tokens of a step: {_rows(recipe)} rows x {answers} answers x {assumed.row_tokens} = {found.step_tokens:,}",
        f"a step: {flop} x {assumed.parameters:.3g} weights x {found.step_tokens:,} tokens = {found.flop_per_step:.3g} "
        f"FLOP, at {assumed.share:.0%} of {assumed.tflops:g} TFLOP/s {found.step_s:.2f} s",
        f"training: {config.probe.steps} steps x {found.step_s:.2f} s = {found.train_s:.0f} s",
        f"answers: {assumed.items} items x {config.suite.samples} x {assumed.answer_tokens} tokens at "
        f"{assumed.tokens_per_s:g} tokens/s = {found.answer_s:.0f} s",
        f"a probe: {found.train_s:.0f} + {found.answer_s:.0f} + {found.fixed_s:.0f} = {found.probe_s:.0f} s",
        "",
    ]


def _rows(recipe: Recipe) -> int:
    return recipe.batch_size * recipe.gradient_accumulation


def phases(config: SessionConfig, found: Estimate) -> Table:
    """Return what the phases of the night take and cost, all probes counted whole."""
    budget, referee = config.budget, config.referee
    controls = CONTROL_PROBES if referee.controls else 0
    search = budget.probes - controls - referee.calibration_runs - budget.confirm_probes
    named = {"controls": controls, "calibrate": referee.calibration_runs, "search": search}
    table = plain_table(("phase", "probes", "hours", "USD"))
    rate, workers = budget.rates.device_hour, config.launcher.workers or 1
    for name, probes in {**named, "confirm": budget.confirm_probes, "all": budget.probes}.items():
        hours = probes * found.probe_s / HOUR_S
        table.add_row(name, str(probes), f"{hours / workers:.1f}", MISSING if rate is None else f"{hours * rate:.2f}")
    return table


def main(
    session: Annotated[Path, typer.Argument(metavar="SESSION.toml", help="The session file.")],
    parameters: Annotated[float, typer.Option(min=1, help="Weights of the base model.")],
    tflops: Annotated[float, typer.Option(min=1e-3, help="The device's peak, 10^12 operations a second.")],
    row_tokens: Annotated[int, typer.Option(min=1, help="Mean tokens of prompt plus one answer.")],
    items: Annotated[int, typer.Option(min=1, help="Items of one half of the suite.")],
    answer_tokens: Annotated[int, typer.Option(min=1, help="Mean tokens of an answer.")],
    tokens_per_s: Annotated[float, typer.Option(min=1e-3, help="Answer tokens a second, all requests together.")],
    share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Of the peak, reached by the training.")] = 0.35,
    fixed_s: Annotated[float, typer.Option(min=0, help="Loading, canary and scoring of a probe, s.")] = 20.0,
) -> None:
    """Print the arithmetic and the plan that follows from it."""
    config = load_session(session)
    assumed = Assumed(parameters, tflops, share, row_tokens, items, answer_tokens, tokens_per_s, fixed_s)
    found = estimate(config, assumed)
    show_view([*in_words(config, assumed, found), phases(config, found)])


if __name__ == "__main__":
    try:
        typer.run(main)
    except NightlabError as error:
        print(f"nightlab: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
