"""What is known of a night before it begins: its budget, its power, and what a probe took in an earlier night."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from probes.errors import LedgerError
from probes.statistics.verdicts import PowerTable
from runner.config import CONTROL_PROBES, SessionConfig
from runner.folder import RESULTS
from tracking.events import SessionStarted
from tracking.ledger import iterate_events, read_events
from tracking.night import NightRecord


class EarlierProbe(NamedTuple):
    """What a probe took in an earlier session, on average."""

    session: str
    """Name of its folder."""
    seconds: float
    usd: float | None
    """At tonight's rate, its judge included; None when a part is not known."""


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


def earlier_probe(name: str, device_hour: float | None = None, results: Path = RESULTS) -> EarlierProbe | None:
    """Return what a probe took in the latest session called `name`, None without one; smoke runs are left out.

    A ledger that cannot be read, say of another version, tells nothing.
    """
    ledgers = sorted(results.glob("*/ledger.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    for ledger in ledgers:
        try:
            if not _is_of(ledger, name):
                continue
            whole = NightRecord.replay(read_events(ledger)).spending.whole
        except LedgerError:
            continue
        if whole.probes:
            usd = whole.bill(device_hour).usd
            seconds = whole.train_s + whole.evaluate_s + whole.other_s
            each = None if usd is None else usd / whole.probes
            return EarlierProbe(ledger.parent.name, seconds / whole.probes, each)
    return None


def _is_of(ledger: Path, name: str) -> bool:
    """Return whether a ledger's first line is that of a session called `name`."""
    first = next(iterate_events(ledger), None)
    return isinstance(first, SessionStarted) and first.config.get("name") == name
