"""`make bench-proposers`: who ends with the best recipe, and after how many probes.

    python -m runner.bench.proposers [--data DIR] [--seeds N] [--only NAME]... [--probes N]... [--jobs N] [--out DIR]

True value of the final recipe above the baseline, in points, on two landscapes: the miniature's single changes put
together, and with DATA a surrogate of 11,172 public trials, whose fit is printed. Prints medians over seeds with
bootstrap intervals and writes `proposers.json`, a list of rows, and `proposers_fit.json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from runner.bench.proposers.automl import Fit, quality
from runner.bench.proposers.ours import OURS
from runner.bench.proposers.peers import PEERS
from runner.bench.proposers.runs import Known, Run, play_all
from runner.tables import show_view

BUDGETS = (25, 50, 100, 200)
RESAMPLES, LEVEL = 2000, 0.95
NAMES = (*PEERS, OURS)


class Row(BaseModel):
    """A proposer on a landscape with a budget."""

    model_config = ConfigDict(frozen=True)

    proposer: str
    landscape: str
    probes: int
    value: float
    """Median over seeds of the true value of the final recipe above the baseline, in points."""
    low: float
    high: float
    """Bootstrap interval of the median, 95 %."""
    mean: float
    seeds: int


def row_of(proposer: str, landscape_name: str, probes: int, values: Sequence[float]) -> Row:
    """Return the median of the seeds' values with its bootstrap interval."""
    drawn = np.random.default_rng(0).choice(np.array(values), (RESAMPLES, len(values)))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.median(drawn, axis=1), [tail, 1 - tail])
    return Row(
        proposer=proposer,
        landscape=landscape_name,
        probes=probes,
        value=float(np.median(values)),
        low=float(low),
        high=float(high),
        mean=float(np.mean(values)),
        seeds=len(values),
    )


def measure(
    names: Sequence[str],
    proposers: Sequence[str],
    budgets: tuple[int, ...],
    seeds: int,
    jobs: int,
    data: Path | None,
    known: Known,
) -> list[Row]:
    """Return a row per landscape, proposer and budget; what is not known yet is played."""
    groups = [(name, proposer) for name in names for proposer in proposers]
    play_all([Run(*group, seed) for seed in range(seeds) for group in groups], budgets, jobs, data, known)
    rows: list[Row] = []
    for name, proposer in groups:
        own = [values for seed in range(seeds) if (values := known.values(Run(name, proposer, seed), budgets))]
        rows += [row_of(proposer, name, probes, [v[i] for v in own]) for i, probes in enumerate(budgets)]
    return rows


def values_table(rows: Sequence[Row], budgets: Sequence[int]) -> Table:
    """Return a line per landscape and proposer."""
    table = Table("landscape", "proposer", *(f"{probes} probes" for probes in budgets))
    cells = {(row.landscape, row.proposer, row.probes): row for row in rows}
    for name, proposer in dict.fromkeys((row.landscape, row.proposer) for row in rows):
        own = [cells[name, proposer, probes] for probes in budgets]
        table.add_row(name, proposer, *(f"{row.value:+.2f} [{row.low:+.2f}, {row.high:+.2f}]" for row in own))
    return table


def fit_table(fit: Fit) -> Table:
    """Return the surrogate's quality."""
    table = Table("the surrogate on trials left out", "")
    for name, value in asdict(fit).items():
        table.add_row(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else f"{value}")
    return table


def main(
    data: Annotated[Path | None, typer.Option(help="Folder of the public trials.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Nights of each proposer.")] = 50,
    only: Annotated[list[str] | None, typer.Option(help="Proposer; repeatable.")] = None,
    landscapes: Annotated[list[str] | None, typer.Option("--landscape", help="Landscape; repeatable.")] = None,
    probes: Annotated[list[int] | None, typer.Option(min=20, help="Budget; repeatable.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    if unknown := set(only or ()) - set(NAMES):
        raise typer.BadParameter(f"no proposer {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    known = ["miniature", *(["automl"] if data else [])]
    names = [name for name in known if not landscapes or name in landscapes]
    budgets = tuple(sorted(probes or BUDGETS))
    fit = quality(data) if data is not None and "automl" in names else None
    out.mkdir(parents=True, exist_ok=True)
    rows = measure(names, only or NAMES, budgets, seeds, jobs, data, Known(out / "proposers_runs.jsonl", data))
    path = out / "proposers.json"
    path.write_text(json.dumps([row.model_dump() for row in rows], indent=1) + "\n", encoding="utf-8")
    if fit is not None:
        (out / "proposers_fit.json").write_text(json.dumps([asdict(fit)], indent=1) + "\n", encoding="utf-8")
    left_out = [] if data else ["no --data: the surrogate of public trials is left out"]
    fitted = [fit_table(fit)] if fit is not None else []
    show_view([*fitted, values_table(rows, budgets), *left_out, f"{path}: {len(rows)} rows"])


if __name__ == "__main__":
    typer.run(main)
