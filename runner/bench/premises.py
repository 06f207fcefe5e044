"""`make bench-premises`: what the referee rests on, computed and simulated: noise, traps, power, guards.

    python -m runner.bench.premises --nights 20000

The assumed components of a score's noise (`probes.statistics.spread`) say what single runs can mislead to. Tests of the
night's own kind are played on normal scores with these components: nothing is trained. Writes `premises.json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table
from scipy import stats

from probes.statistics.power import POWER, joint_pass_probability, resolvable_difference
from probes.statistics.spread import ASSUMED
from runner.tables import plain_table, show_view

LEVEL = 0.05
CATEGORIES = 6
ABOVE: dict[str, Any] = {"alternative": "greater"}
Scores = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Suite(NamedTuple):
    """How many items are asked, and how often."""

    items: int
    samples: int

    def __str__(self) -> str:
        return f"{self.items} items, {self.samples} answer{'s' * (self.samples > 1)}"

    @property
    def per_category(self) -> dict[str, int]:
        """Category → items, as equal as they come."""
        each, more = divmod(self.items, CATEGORIES)
        return {f"c{i}": each + (i < more) for i in range(CATEGORIES)}

    @property
    def overall_sd(self) -> float:
        """Run-to-run sd of the mean over categories."""
        return sqrt(ASSUMED.of_mean(self.per_category, self.samples))

    @property
    def category_sd(self) -> float:
        """Run-to-run sd of one category's mean."""
        return sqrt(ASSUMED.of_mean({"c": self.items // CATEGORIES}, self.samples))


SUITES = (Suite(24, 3), Suite(14, 1), Suite(36, 8))


class Row(BaseModel):
    """One figure."""

    model_config = ConfigDict(frozen=True)

    subject: str
    case: str
    figure: float
    by: str
    """How it came about."""


def noise() -> list[Row]:
    """Return the run-to-run sds of a probe's metrics."""
    one = sqrt(ASSUMED.run + ASSUMED.run_category + ASSUMED.run_item + ASSUMED.sampling)
    rows = [Row(subject="run-to-run sd", case="one item, 1 answer", figure=one, by="computed")]
    for suite in SUITES:
        for name, sd in (("mean of all", suite.overall_sd), ("one category", suite.category_sd)):
            rows.append(Row(subject="run-to-run sd", case=f"{name}, {suite}", figure=sd, by="computed"))
    return rows


def resolvable() -> list[Row]:
    """Return the smallest true differences that a test of so many runs a side finds four times in five."""
    z = NormalDist().inv_cdf(1 - LEVEL) + NormalDist().inv_cdf(POWER)
    rows: list[Row] = []
    for suite in SUITES:
        for runs in (1, 3, 8, 16):
            case = f"{suite}, {runs} a side"
            known = z * suite.overall_sd * sqrt(2 / runs)
            rows.append(Row(subject="resolvable", case=case, figure=known, by="sd known"))
            if runs > 1:
                tested = resolvable_difference(suite.overall_sd, runs, LEVEL)
                rows.append(Row(subject="resolvable", case=case, figure=tested, by="t test"))
    return rows


def traps(nights: int, seed: int) -> list[Row]:
    """Return the false alarms of a test paired over items, those of one over runs, and what the best of many seems."""
    suite, rows, what = SUITES[0], list[Row](), f"false alarms at {LEVEL:g}"
    for runs in (1, 3, 5):
        chance = np.random.default_rng([seed, runs])
        a, b = (_scores(chance, nights, runs, suite) for _ in range(2))
        by_item = _rejected(stats.ttest_1samp((a - b).mean(axis=1).reshape(nights, -1), 0.0, axis=1, **ABOVE))
        rows.append(Row(subject=what, case=f"paired over items, {runs} a side", figure=by_item, by="simulated"))
        if runs > 1:
            by_run = _rejected(_welch(a.mean(axis=(2, 3)), b.mean(axis=(2, 3))))
            rows.append(Row(subject=what, case=f"over runs, {runs} a side", figure=by_run, by="simulated"))
    chance = np.random.default_rng([seed, 0])
    for count in (8, 30, 100):
        best = float(chance.normal(0.0, suite.overall_sd, (nights // 10, count)).max(axis=1).mean())
        rows.append(Row(subject="gain that is none", case=f"best of {count} equal runs", figure=best, by="simulated"))
    return rows


def guards(nights: int, seed: int) -> list[Row]:
    """Return how often all six guards pass, when nothing changed and when one fell."""
    rows: list[Row] = []
    for suite, runs, margin in ((SUITES[0], 8, 1.0), (SUITES[0], 8, 1.5), (SUITES[2], 16, 1.0)):
        case = f"{suite}, {runs} a side, margin {margin:g}"
        chance = joint_pass_probability([(suite.category_sd, margin)] * CATEGORIES, sqrt(ASSUMED.run), runs, LEVEL)
        rows.append(Row(subject="all guards pass", case=f"{case}, nothing changed", figure=chance, by="computed"))
        for drop in (0.0, 1.0, 1.5, 2.0):
            share = _all_pass(np.random.default_rng([seed, runs, int(10 * margin)]), nights, suite, runs, margin, drop)
            what = f"one fell by {drop:g}" if drop else "nothing changed"
            rows.append(Row(subject="all guards pass", case=f"{case}, {what}", figure=share, by="simulated"))
    return rows


def _all_pass(chance: np.random.Generator, nights: int, suite: Suite, runs: int, margin: float, drop: float) -> float:
    """Return the share of nights whose confirmation shows every guard to be within its margin."""
    own = sqrt(suite.category_sd**2 - ASSUMED.run)
    arms = [
        chance.normal(0.0, sqrt(ASSUMED.run), (nights, runs, 1)) + chance.normal(0.0, own, (nights, runs, CATEGORIES))
        for _ in range(2)
    ]
    arms[0][:, :, 0] -= drop
    passed = np.asarray(_welch(arms[0] + margin, arms[1]).pvalue) < LEVEL
    return float(passed.all(axis=-1).mean())


def _welch(above: Scores, below: Scores) -> Any:
    """Return one-sided tests over runs, the second axis."""
    return stats.ttest_ind(above, below, axis=1, equal_var=False, **ABOVE)


def _rejected(tested: Any) -> float:
    return float((np.asarray(tested.pvalue) < LEVEL).mean())


def _scores(chance: np.random.Generator, nights: int, runs: int, suite: Suite) -> Scores:
    """Return nights by runs by categories by items: means over the answers to each item."""
    each = suite.items // CATEGORIES
    shape = (nights, runs, CATEGORIES, each)
    return (
        chance.normal(0.0, sqrt(ASSUMED.run), (nights, runs, 1, 1))
        + chance.normal(0.0, sqrt(ASSUMED.run_category), (nights, runs, CATEGORIES, 1))
        + chance.normal(0.0, sqrt(ASSUMED.run_item + ASSUMED.sampling / suite.samples), shape)
    )


def premises_table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table."""
    table = plain_table(("subject", "case", "figure", "by"))
    table.columns[1].justify = "left"
    for row in rows:
        table.add_row(row.subject, row.case, f"{row.figure:.3f}", row.by)
    return table


def main(
    nights: Annotated[int, typer.Option(min=100, help="Simulated nights per case.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the figures."""
    rows = [*noise(), *resolvable(), *traps(nights, seed), *guards(nights, seed)]
    out.mkdir(parents=True, exist_ok=True)
    path = out / "premises.json"
    path.write_text(json.dumps([row.model_dump() for row in rows], indent=1) + "\n", encoding="utf-8")
    show_view([premises_table(rows), f"{path}: {len(rows)} rows"])


if __name__ == "__main__":
    typer.run(main)
