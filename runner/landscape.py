"""The truth by brute force, to hold nights against: `make landscape` and `make outcomes`.

`changes` measures the baseline of a session and its single changes over all lanes with many seeds each. `outcomes`
measures the final recipes of finished nights against their baseline on the held-out items, and says which claims had
the right sign and covered the truth. Every probe is kept in one JSONL file under its key: a second call measures only
what is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from lanes.lane import Lane
from lanes.open import open_lanes
from lanes.tried import Tried
from probes.aggregation import Weights
from probes.candidate import LaneName
from probes.errors import NightlabError
from probes.frozen import digest_of
from probes.outcome import ProbeOutcome
from probes.recipe import Recipe
from probes.request import ProbeRequest, Split
from probes.statistics.confirmation import Difference, welch
from probes.statistics.runs import OVERALL
from runner.config import SessionConfig
from runner.folder import SessionFolder
from runner.interrupts import StopRequest, catching_signals
from runner.overrides import load_session
from runner.planning import RequestMaker, plan_night
from runner.serving.plan import in_process
from runner.session import recorded_config
from runner.surroundings import Surroundings, gather_inputs, this_machine
from tracking.events import ProbePlan
from tracking.figures import show, show_effect, show_interval
from tracking.night import NightRecord

LEVEL = 0.9
app = typer.Typer(add_completion=False, help=__doc__)
Out = Annotated[Path, typer.Option(help="Folder for the probes and their outcomes.")]
Seeds = Annotated[int, typer.Option(min=2, help="Train seeds per recipe.")]


@dataclass(frozen=True)
class Wanted:
    """A recipe to be measured, and what it is called in the table."""

    lane: str
    name: str
    recipe: Recipe


def run_app(app: typer.Typer, arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit; what is refused is told in its own words, without a traceback."""
    try:
        app(args=list(arguments) if arguments is not None else None)
    except NightlabError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)


def single_changes(lanes: Mapping[LaneName, Lane], baseline: Recipe, most_per_lane: int) -> Iterator[Wanted]:
    """Yield the changes that the lanes themselves would propose first against the baseline."""
    for lane in lanes.values():
        tried: list[Tried] = []
        while len(tried) < most_per_lane:
            change = lane.ask(baseline, tried, seed=len(tried))
            if change is None:
                break
            yield Wanted(lane.name, str(change), lane.apply(change, baseline))
            tried.append(Tried(change=change, decision="reject", effect=0.0))


class Bench:
    """Measures recipes of one session with fresh seeds; keeps every outcome."""

    def __init__(self, config: SessionConfig, out: Path, around: Surroundings) -> None:
        """Resolve what the session reads.

        Raises:
            ConfigError: its answers come from a server, which this does not start.
        """
        plan = in_process(config.serving)
        self.config, self._around = config, around
        self.folder = SessionFolder(out)
        self.inputs = gather_inputs(config, self.folder.suite, around)
        self._make_request = RequestMaker(config, self.inputs, self.folder, plan)
        self._file = out / "outcomes.jsonl"
        self._known = dict(_read(self._file))

    def measure(
        self, recipes: Sequence[Recipe], seeds: int, split: Split, first_seeds: Sequence[int] | None = None
    ) -> list[list[ProbeOutcome]]:
        """Return the scored outcomes of each recipe, `seeds` probes each where none failed.

        All recipes have the same seeds unless `first_seeds` gives each its own.
        """
        firsts = first_seeds if first_seeds is not None else [0] * len(recipes)
        requests = [
            [self._make_request(recipe, _seed(first + s), split) for s in range(seeds)]
            for recipe, first in zip(recipes, firsts, strict=True)
        ]
        self._run([request for row in requests for request in row if request.key not in self._known])
        known = ([self._known[request.key] for request in row if request.key in self._known] for row in requests)
        return [[outcome for outcome in row if outcome.overall(self.inputs.weights) is not None] for row in known]

    def _run(self, missing: Sequence[ProbeRequest]) -> None:
        plans = [
            ProbePlan(number=i, phase="search", arm="candidate", replicate=0, request=request)
            for i, request in enumerate({request.key: request for request in missing}.values(), 1)
        ]
        if not plans:
            return
        console = self._around.console
        stop = StopRequest(lambda text: console.print(text, style="yellow"))
        with ExitStack() as stack:
            launcher = stack.enter_context(self._around.open_launcher(self.config, self.folder.logs, stop))
            status = stack.enter_context(console.status(f"0 of {len(plans)} probes"))
            stack.enter_context(catching_signals(stop))

            def finished(plan: ProbePlan, outcome: ProbeOutcome) -> None:
                self._known[plan.request.key] = outcome
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(outcome.model_dump_json() + "\n")
                status.update(f"{plan.number} of {len(plans)} probes")

            launcher.run(plans, lambda plan: None, finished)
        if stop.is_stopping:
            raise NightlabError("stopped; call it again to measure what is missing")


@app.command()
def changes(
    session: Path,
    out: Out,
    seeds: Seeds = 12,
    most_per_lane: Annotated[int, typer.Option(min=1, help="Changes per lane.")] = 10,
) -> None:
    """Measure a session's baseline and its single changes, and print the table of true effects."""
    config = load_session(session)
    bench = Bench(config, out, this_machine(os.environ))
    lanes = open_lanes(config.lanes, config.recipe, bench.inputs.tags, config.agent.picker)
    plan = plan_night(config, bench.inputs, config.name, config.target.category)
    wanted = list(single_changes(lanes, config.recipe, most_per_lane))
    rows = bench.measure([config.recipe, *(want.recipe for want in wanted)], seeds, "search")
    metrics = [*sorted(bench.inputs.search_items), OVERALL]
    table = effects_table(wanted, rows, metrics, plan.target, plan.weights)
    text = f"# {config.name}: {len(wanted)} single changes, {seeds} seeds each, target {plan.target}\n\n{table}\n"
    (out / "landscape.md").write_text(text, encoding="utf-8")
    typer.echo(text)


@app.command()
def outcomes(nights: list[Path], out: Out, seeds: Seeds = 12) -> None:
    """Hold the claims of finished nights against the brute-force truth on their held-out items."""
    around = this_machine(os.environ)
    lines = [
        "| night | claim | effect [90 %] | p | true effect (se) | right | changes |",
        "|---|---|---|---|---|---|---|",
    ]
    benches: dict[str, Bench] = {}
    for path in nights:
        folder = SessionFolder(path)
        night = folder.load()
        config = recorded_config(night, folder)
        group = digest_of([config.name, config.recipe.fingerprint])
        bench = benches.setdefault(group, Bench(config, out / config.name, around))
        lines.append(_outcome_row(path.name, night, bench, seeds))
    text = "\n".join(lines) + "\n"
    (out / "outcomes.md").write_text(text, encoding="utf-8")
    typer.echo(text)


def is_right(confirmed: bool, low: float | None, high: float | None, truth: Difference | None) -> bool:
    """Whether a night ended as the truth says: a claim with the right sign that covers it, or no claim on no gain.

    The truth itself is an estimate: it is covered when it lies in the interval widened by twice its standard error.
    """
    if not confirmed:
        return truth is None or truth.effect <= 2 * truth.standard_error
    if truth is None or low is None or high is None:
        return False
    slack = 2 * truth.standard_error
    return truth.effect > 0 and low - slack <= truth.effect <= high + slack


def _outcome_row(name: str, night: NightRecord, bench: Bench, seeds: int) -> str:
    claim = night.claim
    if claim is None or night.working_recipe is None:
        return f"| {name} | unfinished | | | | no | |"
    target, truth = bench.config.target.category, None
    if night.accepted:
        baseline, final = bench.measure([bench.config.recipe, night.working_recipe], seeds, "held_out")
        truth = _difference(final, baseline, target, bench.inputs.weights)
    right = is_right(claim.confirmed, claim.interval.low, claim.interval.high, truth)
    moves = "; ".join(str(night.candidates[c].change) for c in night.accepted) or "none"
    true_effect = f"{show(truth.effect, 'effect')} ({show(truth.standard_error, 'score')})" if truth else "–"
    cells = (
        name,
        "claim" if claim.confirmed else "no claim",
        show_effect(claim.effect, claim.interval),
        show(claim.p_value, "p_value"),
        true_effect,
        "yes" if right else "no",
        moves,
    )
    return f"| {' | '.join(cells)} |"


def effects_table(
    wanted: Sequence[Wanted],
    rows: Sequence[Sequence[ProbeOutcome]],
    metrics: Sequence[str],
    target: str,
    weights: Weights | None = None,
) -> str:
    """Return the table of effects, largest gain of the target first; `rows` holds the baseline, then each change."""
    baseline = rows[0]
    ordered = [target, *(metric for metric in metrics if metric != target)]
    levels = (_values(baseline, metric, weights) for metric in ordered)
    spread = (f"{fmean(values):.2f} ({_sd(values):.2f})" for values in levels)
    lines = [
        f"| lane | change | {' | '.join(ordered)} |",
        "|---|---|" + "---|" * len(ordered),
        f"| | baseline mean (sd over seeds) | {' | '.join(spread)} |",
    ]
    effects = [[_difference(row, baseline, metric, weights) for metric in ordered] for row in rows[1:]]
    gains = [row[0].effect if row[0] else float("-inf") for row in effects]
    for i in sorted(range(len(wanted)), key=lambda i: -gains[i]):
        cells = [_cell(difference, len(rows[1 + i])) for difference in effects[i]]
        lines.append(f"| {wanted[i].lane} | {wanted[i].name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(difference: Difference | None, runs: int) -> str:
    if difference is None:
        return f"– ({runs} scored)"
    return f"{show(difference.effect, 'effect')} {show_interval(difference.interval(LEVEL))}"


def _difference(
    final: Iterable[ProbeOutcome], baseline: Iterable[ProbeOutcome], metric: str, weights: Weights | None
) -> Difference | None:
    return welch(_values(final, metric, weights), _values(baseline, metric, weights))


def _values(outcomes: Iterable[ProbeOutcome], metric: str, weights: Weights | None) -> list[float]:
    scores = ((o.overall(weights) if metric == OVERALL else o.category_means().get(metric)) for o in outcomes)
    return [score for score in scores if score is not None]


def _sd(values: Sequence[float]) -> float:
    mean = fmean(values)
    return sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def _seed(index: int) -> int:
    return int(digest_of(["landscape", index])[:7], 16)


def _read(file: Path) -> Iterator[tuple[str, ProbeOutcome]]:
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            outcome = ProbeOutcome.model_validate_json(line)
            yield outcome.key, outcome


if __name__ == "__main__":
    run_app(app)
