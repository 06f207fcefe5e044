"""Nights as they are read from disk, and the means of what they measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple, cast

from probes.comparability import Difference, conditions, differing
from probes.errors import ConfigError
from probes.request import ProbeRequest, Split
from probes.statistics.runs import OVERALL
from runner.folder import SessionFolder, is_running, state_of
from tracking.figures import MISSING, show
from tracking.finished import FinishedProbe
from tracking.night import NightRecord


class Mean(NamedTuple):
    """A mean over runs."""

    value: float | None
    error: float | None
    """Standard error over runs (train seeds); None for fewer than two."""

    @property
    def words(self) -> str:
        """`8.17 ± 0.12`."""
        return show(self.value, "score") + (f" ± {show(self.error, 'score')}" if self.error is not None else "")


@dataclass(frozen=True)
class ReadNight:
    """A night on disk."""

    name: str
    folder: SessionFolder
    night: NightRecord
    state: str
    """`running`, or how it stands."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The session as its ledger has it."""
        return self.night.started.config if self.night.started else {}

    @cached_property
    def conditions(self) -> dict[Split, dict[str, str]]:
        """Search or held-out → what must be equal for scores to be compared; only for what was measured."""
        first: dict[Split, ProbeRequest] = {}
        for probe in self.night.probes:
            if probe.plan.is_whole:
                first.setdefault(probe.plan.request.split, probe.plan.request)
        return {split: conditions(request) for split, request in first.items()}

    def runs(self, arm: str, phase: str) -> list[FinishedProbe]:
        """Return the probes of an arm in a phase that have scores."""
        return [p for p in self.night.probes if (p.plan.arm, p.plan.phase) == (arm, phase) and p.is_completed]


def read_night(path: Path) -> ReadNight:
    """Return the night in a session folder.

    Raises:
        ConfigError: there is none, or it never began.
        LedgerError: its ledger cannot be read.
    """
    folder = SessionFolder(path)
    night = folder.load()
    if night.started is None:
        raise ConfigError(f"`{path}` holds a session that never started; leave it out")
    state = "running" if is_running(folder) else state_of(night)
    return ReadNight(folder.path.name, folder, night, state)


def differences_of(one: ReadNight, other: ReadNight) -> tuple[Difference, ...]:
    """Return in what two nights measured otherwise, empty when their scores may be compared.

    Whatever only one of them measured is left out: there is nothing to compare it with.
    """
    found: list[Difference] = []
    for split, own in one.conditions.items():
        if split in other.conditions:
            found += differing(own, other.conditions[split])
    return tuple(dict.fromkeys(found))


def mean_of(probes: Iterable[FinishedProbe], metric: str = OVERALL) -> Mean:
    """Return the mean of a category, or of `overall`, over probes that have it."""
    scores = [score for probe in probes if (score := probe.metric(metric)) is not None]
    return Mean(fmean(scores) if scores else None, stdev(scores) / sqrt(len(scores)) if len(scores) > 1 else None)


def flat(tables: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested tables as dotted key → value."""
    found: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, dict) and value:
            found |= flat(cast("dict[str, Any]", value), f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def value_in_words(value: Any) -> str:
    """Return a setting as a table shows it."""
    if value is None:
        return MISSING
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(value_in_words(one) for one in cast("Sequence[Any]", value)) or "none"
    return str(value)
