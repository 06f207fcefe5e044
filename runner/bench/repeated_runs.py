"""Public training configurations that were run many times: `repeated_runs.tsv`, read into scores.

A configuration is a group at one number of steps. Scores are minus the validation loss, in units of the run-to-run sd
that the *other* configurations show (as an earlier night would know it), so that one referee fits losses and points.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path
from statistics import median, stdev

from probes.errors import DataError
from probes.statistics.confirmation import welch
from runner.bench.nights import LEVEL, RUN_SD

FILE = "repeated_runs.tsv"
COLUMNS = ("group", "steps", "val_loss")
LEAST_FOR_NULL = 13
"""Runs a configuration needs for sessions in which nothing differs."""
LEAST_FOR_PAIR = 8
REAL = 0.001
"""Two-sided p over all runs below which a pair's difference counts as real."""

Scores = tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """Two configurations that truly differ."""

    worse: Scores
    better: Scores
    difference_sd: float
    """Difference of the means in run-to-run sds."""


def read_groups(folder: Path) -> dict[str, Scores]:
    """Return configuration → minus its losses, in the file's order.

    Raises:
        DataError: the file is missing, a column is, or a loss is no finite number.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{path} is missing; point --data (make: DATA=) to the folder that holds {FILE}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(f"{path} has no column {missing[0]!r}; it needs {', '.join(COLUMNS)}")
        groups: dict[str, list[float]] = {}
        for number, row in enumerate(rows, start=2):
            loss = _number(row["val_loss"])
            if loss is None:
                raise DataError(f"{path}, line {number}: `val_loss` must be a finite number, got {row['val_loss']!r}")
            groups.setdefault(f"{row['group']} at {row['steps']}", []).append(-loss)
    return {name: tuple(values) for name, values in groups.items()}


def null_groups(groups: Mapping[str, Scores]) -> dict[str, Scores]:
    """Return the configurations with runs enough for null sessions, on the referee's scale."""
    return {name: on_scale(name, groups, (name,))[0] for name in groups if len(groups[name]) >= LEAST_FOR_NULL}


def real_pairs(groups: Mapping[str, Scores]) -> list[Pair]:
    """Return all pairs of configurations whose full data differ at p < .001 (Welch), on the referee's scale."""
    pairs: list[Pair] = []
    for first, second in combinations([name for name in groups if len(groups[name]) >= LEAST_FOR_PAIR], 2):
        difference = welch(groups[first], groups[second])
        if difference is None or 2 * min(difference.p_above(0.0), 1 - difference.p_above(0.0)) >= REAL:
            continue
        worse, better = (second, first) if difference.effect > 0 else (first, second)
        low, high = on_scale(first, groups, (worse, better))
        pairs.append(Pair(low, high, (sum(high) / len(high) - sum(low) / len(low)) / RUN_SD))
    return pairs


def on_scale(of: str, groups: Mapping[str, Scores], names: Sequence[str]) -> list[Scores]:
    """Return groups in points: centred on the first, in units of the median sd of all configurations but `of`."""
    spreads = [stdev(v) for name, v in groups.items() if name != of and len(v) >= LEAST_FOR_PAIR]
    if not spreads or median(spreads) == 0.0:
        raise DataError(f"no other configuration has {LEAST_FOR_PAIR} differing runs, so the noise's scale is unknown")
    factor, centre = RUN_SD / median(spreads), groups[names[0]][0]
    return [tuple(LEVEL + (value - centre) * factor for value in groups[name]) for name in names]


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) else None
