"""What the companions are worth, by brute force: `make companions`.

Measures the baseline of a session and its single changes over all lanes, then holds every companion against the scores:
do lucky runs of one recipe have lucky companions (within), do changes move both (across), and how well would one
probe's companion tell what a change does to the score. Also what measuring them costs, and what early stopping by the
training curve would have done to the same probes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev, variance
from typing import Annotated, NamedTuple

import typer

from agent.early_stop import HOPELESS_SDS
from lanes.open import open_lanes
from probes.aggregation import Weights
from probes.outcome import ProbeOutcome
from probes.recipe import Recipe
from probes.statistics.correlation import Correlation, Pair, across, prediction_sd, within
from probes.statistics.early_stop import FinishedCurve, false_stops, stop_rule
from probes.statistics.runs import OVERALL
from runner.landscape import Bench, Out, run_app, single_changes
from runner.overrides import load_session
from runner.planning import plan_night
from runner.stopping import RATES, stops_table
from runner.surroundings import this_machine
from tracking.figures import show, show_interval

FIRST_SEED = 100
"""Other seeds than those of `runner.landscape`, on which the companions were chosen."""
KINDS = ("likelihood/", "margin/", "reward_margin")
app = typer.Typer(add_completion=False, help=__doc__)


class Measured(NamedTuple):
    """One recipe and its scored probes."""

    recipe: Recipe
    outcomes: Sequence[ProbeOutcome]


@app.command()
def main(
    session: Path,
    out: Out,
    baselines: Annotated[int, typer.Option(min=4, help="Probes of the baseline.")] = 24,
    seeds: Annotated[int, typer.Option(min=2, help="Probes of each change.")] = 6,
    most_per_lane: Annotated[int, typer.Option(min=1, help="Changes per lane.")] = 10,
) -> None:
    """Measure a session's baseline and single changes, and print what each companion tells of the scores."""
    config = load_session(session)
    bench = Bench(config, out, this_machine(os.environ))
    lanes = open_lanes(config.lanes, config.recipe, bench.inputs.tags, config.agent.picker)
    target = plan_night(config, bench.inputs, config.name, config.target.category).target
    recipes = [want.recipe for want in single_changes(lanes, config.recipe, most_per_lane)]
    groups = bench.measure([config.recipe], baselines, "search", [FIRST_SEED])
    # No seed is used twice: recipes move together under one seed, and replicates would not be independent.
    firsts = [FIRST_SEED + baselines + seeds * i for i in range(len(recipes))]
    groups += bench.measure(recipes, seeds, "search", firsts)
    rows = [Measured(recipe, own) for recipe, own in zip([config.recipe, *recipes], groups, strict=True) if own]
    metrics = [*sorted(bench.inputs.search_items), OVERALL]
    title = f"{len(groups[0])} baseline probes, {len(recipes)} single changes with {seeds} each, target {target}"
    weights = bench.inputs.weights
    parts = (
        f"# {config.name}: {title}",
        companions_table(rows, metrics, weights),
        cost_line(rows),
        _stops(rows, target, weights),
    )
    text = "\n\n".join(parts) + "\n"
    (out / "companions.md").write_text(text, encoding="utf-8")
    typer.echo(text)


def companions_table(rows: Sequence[Measured], metrics: Sequence[str], weights: Weights | None = None) -> str:
    """Return one line per companion and metric; the baseline is the first row.

    The errors are those with which one probe tells a change's effect: by its score, and by its companion along the line
    through all changes. A companion whose error is no smaller than the effects' own sd tells nothing.
    """
    lines = [
        "| companion | metric | within recipes [90 %] | across changes [90 %] | effects' sd | error of one score "
        "| error of one companion |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        for metric in metrics:
            groups = [_pairs(row.outcomes, kind, metric, weights) for row in rows]
            if all(groups):
                lines.append(f"| {kind.strip('/')} | {metric} | {' | '.join(_cells(groups))} |")
    return "\n".join(lines)


def cost_line(rows: Sequence[Measured]) -> str:
    """Return what measuring the companions took, as a share of a probe."""
    outcomes = [outcome for row in rows for outcome in row.outcomes]
    shares = [o.companion_seconds / o.seconds for o in outcomes if o.companion_seconds is not None and o.seconds]
    if not shares:
        return "No probe says what its companions cost."
    seconds = fmean(o.companion_seconds for o in outcomes if o.companion_seconds is not None)
    return (
        f"Cost: {seconds:.2f} s of {fmean(o.seconds for o in outcomes):.2f} s a probe, {fmean(shares):.1%} (mean of "
        f"{len(shares)} probes)."
    )


def _stops(rows: Sequence[Measured], target: str, weights: Weights | None) -> str:
    """Return what early stopping would have done to these recipes, each held against all others."""
    scores = [score for outcome in rows[0].outcomes if (score := _score(outcome, target, weights)) is not None]
    floor = fmean(scores) - HOPELESS_SDS * stdev(scores)
    curves = [curve for row in rows for curve in _curves(row, target, weights)]
    rules = {rate: stop_rule(curves, rate, floor) for rate in RATES}
    return stops_table({rate: rule and false_stops(curves, rule) for rate, rule in rules.items()})


def _curves(row: Measured, target: str, weights: Weights | None) -> list[FinishedCurve]:
    return [
        FinishedCurve(row.recipe.fingerprint, outcome.training.curve, row.recipe.beta, score)
        for outcome in row.outcomes
        if outcome.training is not None and (score := _score(outcome, target, weights)) is not None
    ]


def _cells(groups: Sequence[Sequence[Pair]]) -> list[str]:
    """Return correlations and errors; effects are differences from the baseline's mean, which is taken as known."""
    base = _mean(groups[0])
    effects = [(x - base[0], y - base[1]) for x, y in map(_mean, groups[1:])]
    score_sd, companion_sd = (_pooled_sd([[pair[side] for pair in group] for group in groups]) for side in (1, 0))
    predicted = prediction_sd(effects, companion_sd)
    spread = stdev(y for _, y in effects) if len(effects) > 1 else None
    errors = [show(value, "score") for value in (spread, score_sd, predicted)]
    return [_shown(within(groups)), _shown(across(effects)), *errors]


def _shown(correlation: Correlation) -> str:
    if correlation.value is None:
        return "–"
    return f"{show(correlation.value, 'effect')} {show_interval(correlation.interval)}"


def _pairs(outcomes: Sequence[ProbeOutcome], kind: str, metric: str, weights: Weights | None) -> list[Pair]:
    """Return (companion, score) of each probe; empty when one lacks it. `overall` has the mean over categories."""
    pairs: list[Pair] = []
    for outcome in outcomes:
        own = [v for name, v in outcome.companions.items() if name == _name(kind, metric)]
        if metric == OVERALL:
            own = [value for name, value in outcome.companions.items() if name.startswith(kind)]
        score = _score(outcome, metric, weights)
        if not own or score is None:
            return []
        pairs.append((fmean(own), score))
    return pairs


def _name(kind: str, metric: str) -> str:
    return kind + metric if kind.endswith("/") else kind


def _score(outcome: ProbeOutcome, metric: str, weights: Weights | None) -> float | None:
    return outcome.overall(weights) if metric == OVERALL else outcome.category_means().get(metric)


def _mean(pairs: Sequence[Pair]) -> Pair:
    return fmean(x for x, _ in pairs), fmean(y for _, y in pairs)


def _pooled_sd(groups: Sequence[Sequence[float]]) -> float:
    squares = sum((len(group) - 1) * variance(group) for group in groups if len(group) > 1)
    return sqrt(squares / max(1, sum(len(group) - 1 for group in groups)))


if __name__ == "__main__":
    run_app(app)
