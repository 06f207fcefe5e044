"""`make bench-claims`: months of nights, each ending in one test, under several rules for tonight's level.

    python -m runner.bench.claims --months 500

Says what online control of false claims costs and buys: how often a month of empty nights claims something, which share
of the claims is false, and how many of the real effects are still claimed. Writes `claims.json`, a list of rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Annotated

import numpy as np
import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table
from scipy import stats

from probes.statistics.claims import Levels, saffron
from runner.tables import show_view

LEVEL = 0.05
"""Level of one night by itself."""
NIGHTS = 30
RUNS = 8
"""Runs a side in each night's test."""


class Fixed(Levels):
    """Every night at its own level, as if there were no other."""

    def __init__(self) -> None:
        """Follow no procedure."""

    def next(self) -> float:
        """Return the level of the next test."""
        return LEVEL

    def take(self, p_value: float, confirmed: bool) -> None:
        """Take the result of a test."""


def _lord(fdr: float, wealth: float) -> Levels:
    from online_fdr.p_values import LordPlusPlus

    return Levels(LordPlusPlus(fdr, wealth), LEVEL)


def _usual_saffron(fdr: float) -> Levels:
    from online_fdr.p_values import Saffron

    return Levels(Saffron(fdr, fdr / 2, 0.5), LEVEL)


RULES: dict[str, Callable[[], Levels]] = {
    "every night at .05": Fixed,
    "LORD++ .20, usual wealth": lambda: _lord(0.2, 0.1),
    "LORD++ .20, all wealth": lambda: _lord(0.2, 0.1999),
    "SAFFRON .20, usual": lambda: _usual_saffron(0.2),
    "ours, .10": lambda: saffron(LEVEL, 0.1),
    "ours, .15": lambda: saffron(LEVEL, 0.15),
    "ours, .20": lambda: saffron(LEVEL, 0.2),
}


@dataclass(frozen=True)
class Case:
    """How the nights of a month are."""

    tested: float
    """Share of nights that accept a change and so make a test."""
    real: float
    """Share of the tests whose final recipe really is better."""
    shift: float
    """Noncentrality of a real effect's t: 2.6 is found four times in five at .05, 4 nearly always."""


CASES = {
    "nothing real, a test every night": Case(1.0, 0.0, 0.0),
    "nothing real, a test in three nights": Case(1 / 3, 0.0, 0.0),
    "1 in 10 real, power .8": Case(1.0, 0.1, 2.6),
    "1 in 3 real, power .8": Case(1.0, 1 / 3, 2.6),
    "2 in 3 real, power .8": Case(1.0, 2 / 3, 2.6),
    "2 in 3 real, large": Case(1.0, 2 / 3, 4.0),
}


class ClaimsRow(BaseModel):
    """What a rule did with the months of one case."""

    model_config = ConfigDict(frozen=True)

    rule: str
    case: str
    months: int
    first_level: float
    last_level: float
    """Median over months, of the last test."""
    any_false: float
    """Share of months with at least one false claim."""
    fdr: float
    """Mean share of false claims among a month's claims."""
    power: float | None
    """Share of the real effects that were claimed; None where there are none."""


def bench(rules: Sequence[str], cases: Sequence[str], months: int, seed: int = 0) -> list[ClaimsRow]:
    """Play the same months under every rule."""
    rows: list[ClaimsRow] = []
    for case in cases:
        chance = np.random.default_rng([seed, list(CASES).index(case)])
        drawn = [draw_month(CASES[case], chance) for _ in range(months)]
        for rule in rules:
            played = [play(RULES[rule](), p_values) for _, p_values in drawn]
            rows.append(_row(rule, case, [truth for truth, _ in drawn], played))
    return rows


def draw_month(case: Case, chance: np.random.Generator) -> tuple[list[bool], list[float]]:
    """Return which tests of a month are of real effects, and their one-sided p-values by a two-sample t-test."""
    tests = int(chance.binomial(NIGHTS, case.tested))
    truth = chance.random(tests) < case.real
    df = 2 * (RUNS - 1)
    t = (chance.normal(0.0, 1.0, tests) + case.shift * truth) / np.sqrt(chance.chisquare(df, tests) / df)
    return [bool(real) for real in truth], [float(p) for p in stats.t.sf(t, df)]


def play(levels: Levels, p_values: Sequence[float]) -> list[tuple[float, bool]]:
    """Return level and claim of every test of a month."""
    played: list[tuple[float, bool]] = []
    for p_value in p_values:
        level = levels.next()
        levels.take(p_value, p_value <= level)
        played.append((level, p_value <= level))
    return played


def _row(
    rule: str, case: str, truths: Sequence[Sequence[bool]], played: Sequence[Sequence[tuple[float, bool]]]
) -> ClaimsRow:
    shares: list[float] = []
    found, real = 0, 0
    for truth, month in zip(truths, played, strict=True):
        claims = [is_real for is_real, (_, claimed) in zip(truth, month, strict=True) if claimed]
        shares.append(claims.count(False) / max(1, len(claims)))
        found, real = found + claims.count(True), real + sum(truth)
    tested = [month for month in played if month]
    return ClaimsRow(
        rule=rule,
        case=case,
        months=len(played),
        first_level=tested[0][0][0],
        last_level=median(month[-1][0] for month in tested),
        any_false=fmean(share > 0 for share in shares),
        fdr=fmean(shares),
        power=found / real if real else None,
    )


def claims_table(rows: Sequence[ClaimsRow]) -> Table:
    """Return the rows as a table, a block per case."""
    table = Table("case", "rule", "first level", "last level", "months with a false claim", "false share", "power")
    for row in rows:
        levels = (f"{row.first_level:.3f}", f"{row.last_level:.4f}")
        power = "" if row.power is None else f"{row.power:.2f}"
        table.add_row(row.case, row.rule, *levels, f"{row.any_false:.3f}", f"{row.fdr:.3f}", power)
    return table


def main(
    months: Annotated[int, typer.Option(min=1, help="Months per case.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder of the rows.")] = Path("results/bench"),
) -> None:
    """Print and write the bench."""
    rows = bench(list(RULES), list(CASES), months, seed)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps([row.model_dump(mode="json") for row in rows], indent=1)
    (out / "claims.json").write_text(text + "\n", encoding="utf-8")
    show_view([claims_table(rows), f"{out / 'claims.json'}: {len(rows)} rows"])


if __name__ == "__main__":
    typer.run(main)
