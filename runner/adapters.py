"""Keeps the disk from filling: the adapters of rejected and parked candidates go, their scores and answers stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from tracking.events import CandidateDecided, Event, ProbeFinished

ADAPTER = "adapter"


class AdapterSweeper:
    """A ledger observer that removes adapters nobody will ask for."""

    def __init__(self, probes: Path, keep_all: bool) -> None:
        """Sweep in the `probes` folder of a session, unless `keep_all`."""
        self._probes, self._keep_all = probes, keep_all
        self._keys: dict[str, list[str]] = {}

    def take(self, event: Event) -> None:
        """Take an event of an earlier stretch of the night."""
        self(event)

    def __call__(self, event: Event) -> None:
        """Learn which probe belongs to which candidate; sweep when a candidate is out of the race."""
        if isinstance(event, ProbeFinished) and event.plan.candidate is not None:
            self._keys.setdefault(event.plan.candidate, []).append(event.outcome.key)
        elif isinstance(event, CandidateDecided) and event.reading.decision in ("reject", "park"):
            for key in self._keys.get(event.candidate, []):
                if not self._keep_all:
                    shutil.rmtree(self._probes / key / ADAPTER, ignore_errors=True)
