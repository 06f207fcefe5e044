"""What is known of a night before it begins: its budget, its power, and what a probe took in an earlier night."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from probes.errors import LedgerError
from probes.statistics.verdicts import PowerTable
from runner.config import CONTROL_PROBES, SessionConfig
from runner.folder import RESULTS
from runner.overrides import resolved_tables
from tracking.events import SessionStarted
from tracking.figures import show
from tracking.ledger import iterate_events, read_events
from tracking.night import NightRecord

_SAME_WORK = ("model", "data", "suite", "serving", "judge", "recipe", "probe")
"""Sections that decide how long a probe takes."""
_HOUR_S = 3600.0


class EarlierProbe(NamedTuple):
    """What a probe took in an earlier session, on average."""

    session: str
    """Name of its folder."""
    seconds: float
    usd: float | None
    """At tonight's rate, its judge included; None when a part is not known."""
    is_same_work: bool = False
    """Whether that session's probes did what tonight's will do, so that theirs is the time to reckon with."""


class Outlook(NamedTuple):
    """What is known of a night before it begins."""

    config: SessionConfig
    workers: int
    """Probes that run at the same time."""
    power: PowerTable
    lanes: tuple[str, ...]
    """Names of the lanes that are open."""
    known: EarlierProbe | None
    """What a probe took in an earlier session of this name."""
    now: str
    """ISO 8601, UTC."""

    def seconds_for(self, probes: int) -> float | None:
        """Return the wall time of so many probes, None while the time of one is not known."""
        return None if self.known is None else self.known.seconds * -(-probes // self.workers)

    def usd_for(self, probes: int) -> float | None:
        """Return the dollars for so many probes, None while the cost of one is not known."""
        return None if self.known is None or self.known.usd is None else self.known.usd * probes

    @property
    def least_probes(self) -> int:
        """Probes that a night needs to conclude: controls, calibration, one candidate, confirmation."""
        return self.config.budget.probes - self.search_probes + 1

    @property
    def search_probes(self) -> int:
        """Probes that are left for the search."""
        config = self.config
        controls = CONTROL_PROBES if config.referee.controls else 0
        return config.budget.probes - controls - config.referee.calibration_runs - config.budget.confirm_probes


def earlier_probe(config: SessionConfig, results: Path = RESULTS) -> EarlierProbe | None:
    """Return what a probe took in the latest session of the same name, None without one; smoke runs are left out.

    A ledger that cannot be read, say of another version, tells nothing.
    """
    tables = resolved_tables(config)
    ledgers = sorted(results.glob("*/ledger.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    for ledger in ledgers:
        try:
            started = next(iterate_events(ledger), None)
            if not isinstance(started, SessionStarted) or started.config.get("name") != config.name:
                continue
            whole = NightRecord.replay(read_events(ledger)).spending.whole
        except LedgerError:
            continue
        if whole.probes:
            usd = whole.bill(config.budget.rates.device_hour).usd
            seconds = whole.train_s + whole.evaluate_s + whole.other_s
            each = None if usd is None else usd / whole.probes
            is_same = all(started.config.get(name) == tables.get(name) for name in _SAME_WORK)
            return EarlierProbe(ledger.parent.name, seconds / whole.probes, each, is_same)
    return None


def unpaid(config: SessionConfig, workers: int, known: EarlierProbe | None) -> tuple[str, ...]:
    """Return why the hours or the dollars certainly do not pay for calibration and confirmation, a sentence a limit.

    The time is what the probes take with no worker ever idle. Nothing is said unless an earlier session tells what a
    probe of just this work takes.
    """
    if known is None or not known.is_same_work:
        return ()
    budget = config.budget
    probes = config.referee.calibration_runs + budget.confirm_probes
    needed_s, needed_usd = probes * known.seconds / workers, probes * (known.usd or 0.0)
    short: list[str] = []
    if budget.hours is not None and needed_s > budget.hours * _HOUR_S:
        short.append(_short("hours", f"{budget.hours:g} h", probes, show(needed_s, "duration"), known))
    if budget.usd is not None and needed_usd > budget.usd:
        short.append(_short("usd", show(budget.usd, "usd"), probes, show(needed_usd, "usd"), known))
    return tuple(short)


def _short(key: str, given: str, probes: int, needed: str, known: EarlierProbe) -> str:
    return (
        f"`budget.{key}` must pay for calibration and confirmation, got {given}: their {probes} probes need {needed} "
        f"at the pace of {known.session}; raise `budget.{key}`, or lower `budget.confirm_probes`"
    )
