"""From a foreign table to trials: what was run, what it was held against, which rows repeat one another.

Three rules say that two rows are one configuration, all on the careful side:

- the same description (seeds aside) with the same commit, or under the same working recipe: in a keep-or-discard loop
  "rate .04 to .045" before and after a keep are two different recipes, and their difference is not noise;
- a description that is a whole configuration (`lr=2e-5; rank=64`), the word `baseline`, or recipe columns, whatever
  came between;
- a seed-only row: its description consists of nothing but words like `random seed 42 to 137` or `rerun with another
  seed`. One other word, and it is a change. It repeats the working recipe of its moment, or the baseline if it says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import fmean, median

from probes.errors import ConfigError
from probes.statistics.audit import Direction, Trial, by_config
from runner.audit.columns import Columns, failed
from runner.audit.table import Table

_SEED_SETTING = re.compile(r"\b(?:random[_ ]|train(?:ing)?[_ ])?seed\s*[=:]\s*\d+", re.IGNORECASE)
_ABSOLUTE = re.compile(r"^\s*[\w.\-]+\s*=\s*[^;,=]+([;,]\s*[\w.\-]+\s*=\s*[^;,=]+)+[;,\s]*$")
_SEED_SIGNS = frozenset({"seed", "seeds", "rerun", "repeat", "repeated", "replicate"})
_FILLING = frozenset(
    {"random", "rng", "train", "training", "torch", "only", "just", "change", "changed", "another", "other", "new",
     "different", "with", "from", "to", "the", "a", "of", "same", "config", "configuration", "recipe", "run", "again",
     "no", "baseline"}
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """A table as trials, and what had to be set aside on the way."""

    trials: tuple[Trial, ...]
    missing: int
    zeros: tuple[int, ...]
    """Lines whose score of exactly 0 is no score."""
    seed_only: int
    moved_repeats: int
    """Equal descriptions under different working recipes: no repeats."""


def is_seed_only(description: str) -> bool:
    """Return whether a description says that only the seed changed, or nothing at all."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"\bre-run", "rerun", description.lower()))
    return bool(words) and set(words) <= _SEED_SIGNS | _FILLING and bool(set(words) & _SEED_SIGNS)


def read_trials(table: Table, columns: Columns) -> Reading:
    """Return a table's rows as trials in their order.

    Raises:
        ConfigError: no row has a score.
    """
    values, zeros = scores(table, columns.metric)
    if all(value is None for value in values):
        raise ConfigError(f"`{table.name}` has no scored row in `{columns.metric}`; there is nothing to audit")
    names = _Names(table, columns)
    trials: list[Trial] = []
    base: str | None = None
    working: str | None = None
    seed_only = 0
    measured: dict[str, str] = {}
    varied = [name for name in columns.config if len(set(table.values(name))) > 1]
    for index, (row, value) in enumerate(zip(table.rows, values, strict=True)):
        words = row.get(columns.description or "", "")
        conditions = "; ".join(f"{name} {row[name]}" for name in columns.conditions)
        same = (base if "baseline" in words.lower().split() else None) or working or base
        only_seed = is_seed_only(words) and same is not None and measured[same] == conditions
        config = same if only_seed and same is not None else names.of(row, working)
        measured.setdefault(config, conditions)
        seed_only += only_seed and value is not None
        kept = columns.status is not None and columns.is_kept(row[columns.status]) and value is not None
        trials.append(
            Trial(
                label=_label(row, columns, varied, table.lines[index]),
                config=config,
                value=value,
                reference=working if working != config or only_seed else None,
                kept=kept,
                conditions=conditions,
            )
        )
        starts = base is None and value is not None and (columns.status is None or kept or words.lower() == "baseline")
        base = config if starts else base
        working = config if kept or starts else working
    if columns.status is None:
        trials = best_of(trials, columns.direction)
    trials = _told_apart(trials)
    missing = sum(value is None for value in values)
    return Reading(tuple(trials), missing, zeros, seed_only, names.moved)


def _told_apart(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials with their conditions in the label where equal labels stand for different conditions."""
    conditions: dict[str, set[str]] = {}
    for trial in trials:
        conditions.setdefault(trial.label, set()).add(trial.conditions)
    return [
        replace(trial, label=f"{trial.label} ({trial.conditions})") if len(conditions[trial.label]) > 1 else trial
        for trial in trials
    ]


def best_of(trials: Sequence[Trial], direction: Direction) -> list[Trial]:
    """Return trials without verdicts as if every configuration better on average than the first had been kept.

    The first is that of the same conditions: a run of another step budget or suite is no reference.
    """
    sign = 1 if direction == "max" else -1
    means = {
        config: fmean(values)
        for config, group in by_config(trials).items()
        if (values := [trial.value for trial in group if trial.value is not None])
    }
    firsts: dict[str, str] = {}
    for trial in trials:
        if trial.config in means:
            firsts.setdefault(trial.conditions, trial.config)
    judged: list[Trial] = []
    for trial in trials:
        first = firsts.get(trial.conditions)
        reference = None if trial.config == first else first
        gain = sign * (means[trial.config] - means[reference]) if reference and trial.config in means else 0.0
        judged.append(replace(trial, reference=reference, kept=gain > 0))
    return judged


def scores(table: Table, metric: str) -> tuple[list[float | None], tuple[int, ...]]:
    """Return the metric with crashes missing, and the lines of zeros that are none.

    A crash is missing whatever was logged for it. An exact 0 without any such word is taken for one only when no other
    score lies nearer to 0 than half the median: a score that can be 0 would have neighbours there.
    """
    raw = [
        None if value is None or not isfinite(value) or failed(table, row) else value
        for row, value in enumerate(table.numbers(metric) or [])
    ]
    others = [abs(value) for value in raw if value]
    if len(others) < 2 or min(others) < median(others) / 2:
        return raw, ()
    zeros = tuple(table.lines[row] for row, value in enumerate(raw) if value == 0)
    return [value or None for value in raw], zeros


class _Names:
    """Gives equal names to rows that are one configuration."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[tuple[str, ...], str] = {}
        self._words: set[tuple[str, ...]] = set()
        self._number = 0
        self.moved = 0

    def of(self, row: Mapping[str, str], working: str | None) -> str:
        columns = self._columns
        conditions = tuple(row[name] for name in columns.conditions)
        if columns.config:
            return self._name(("recipe", *(row[name] for name in columns.config), *conditions))
        text = row.get(columns.description or "", "")
        words = " ".join(_SEED_SETTING.sub(" ", text).lower().split()).strip(" ;,")
        commit = row.get(columns.commit or "", "")
        if not words:
            return self._name(("commit", commit, *conditions) if commit else ("row", str(self._number)))
        if columns.status is None or _ABSOLUTE.match(text) or words == "baseline":
            return self._name(("whole", words, *conditions))
        keys = [("step", words, working or "", *conditions)]
        if commit:
            keys.append(("commit", commit, words, *conditions))
        found = next((self._known[key] for key in keys if key in self._known), None)
        self.moved += found is None and (words, *conditions) in self._words
        self._words.add((words, *conditions))
        name = found or self._new()
        self._known |= dict.fromkeys(keys, name)
        return name

    def _name(self, key: tuple[str, ...]) -> str:
        if key not in self._known:
            self._known[key] = self._new()
        return self._known[key]

    def _new(self) -> str:
        self._number += 1
        return f"r{self._number}"


def _label(row: Mapping[str, str], columns: Columns, varied: Sequence[str], line: int) -> str:
    commit, words = row.get(columns.commit or "", ""), row.get(columns.description or "", "")
    settings = ", ".join(f"{name.split('.', 1)[-1]}={row[name]}" for name in varied if row[name])
    parts = (commit if commit != words else "", words, settings)
    return " ".join(part for part in parts if part) or f"line {line}"
