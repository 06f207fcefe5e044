"""The bench's rows: what a proposer's final recipes come to over seeds, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from runner.bench.proposers.runs import Known, Outcome, Run

RESAMPLES, LEVEL = 2000, 0.95


class Figures(BaseModel):
    """What a proposer's final recipes come to, over seeds."""

    model_config = ConfigDict(frozen=True)

    value: float
    """Median of the true value above the baseline, in points."""
    low: float
    high: float
    """Bootstrap interval of the median, 95 %."""
    mean: float
    claimed: float
    """Share of the seeds whose final recipe passes the confirmation."""
    shipped: float
    """Mean of the true value where it is claimed, else 0: the baseline stays."""
    shipped_low: float
    shipped_high: float
    """Bootstrap interval of that mean, 95 %."""


class Row(Figures):
    """A proposer on a landscape with a budget; a peer has its confirmation on top of it."""

    proposer: str
    landscape: str
    probes: int
    seeds: int
    paid: Figures
    """The same with the confirmation inside the budget, as ours always is."""
    spent: float | None = None
    """Mean of the probes that our nights spent; a peer spends its budget."""


def resampled(values: Sequence[float], chance: Generator | None = None) -> NDArray[np.float64]:
    """Return bootstrap samples, one a row, by `chance` or else always by the same."""
    chance = chance or np.random.default_rng(0)
    return chance.choice(np.array(values), (RESAMPLES, len(values)))


def bounds(figures: NDArray[np.float64]) -> tuple[float, float]:
    """Return the interval of a figure's bootstrap values."""
    low, high = np.quantile(figures, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def figures_of(ends: Sequence[tuple[float, bool]]) -> Figures:
    """Return the median of (value, claimed) pairs' values, and the mean of what ships, with bootstrap intervals."""
    values = [value for value, _ in ends]
    shipped = [value if claimed else 0.0 for value, claimed in ends]
    low, high = bounds(np.median(resampled(values), axis=1))
    shipped_low, shipped_high = bounds(np.mean(resampled(shipped), axis=1))
    return Figures(
        value=float(np.median(values)),
        low=low,
        high=high,
        mean=float(np.mean(values)),
        claimed=float(np.mean([claimed for _, claimed in ends])),
        shipped=float(np.mean(shipped)),
        shipped_low=shipped_low,
        shipped_high=shipped_high,
    )


def row_of(proposer: str, landscape_name: str, probes: int, outcomes: Sequence[Outcome]) -> Row:
    """Return the figures of the seeds' outcomes."""
    figures = figures_of([(outcome.value, outcome.claimed) for outcome in outcomes])
    spent = [outcome.spent for outcome in outcomes if outcome.spent is not None]
    return Row(
        **figures.model_dump(),
        proposer=proposer,
        landscape=landscape_name,
        probes=probes,
        seeds=len(outcomes),
        paid=figures_of([(outcome.paid_value, outcome.paid_claimed) for outcome in outcomes]),
        spent=float(np.mean(spent)) if spent else None,
    )


def measured(name: str, proposer: str, probes: int, seeds: range, known: Known) -> list[Outcome]:
    """Return the outcomes of the seeds that are known."""
    found = (known.outcomes(Run(name, proposer, seed), [probes]) for seed in seeds)
    return [outcomes[0] for outcomes in found if outcomes is not None]


def rows_of(groups: Sequence[tuple[str, str]], budgets: Sequence[int], seeds: range, known: Known) -> list[Row]:
    """Return a row per landscape, proposer and budget of which a run is known."""
    cells = ((name, proposer, probes) for name, proposer in groups for probes in budgets)
    outcomes = {cell: measured(*cell, seeds, known) for cell in cells}
    return [row_of(who, name, probes, own) for (name, who, probes), own in outcomes.items() if own]
