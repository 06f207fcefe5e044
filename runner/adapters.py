"""Keeps the disk from filling: the adapters of rejected and parked candidates go, their scores and answers stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from tracking.events import CandidateDecided, Event, MeasurementsInvalidated, ProbeFinished

ADAPTER = "adapter"


class AdapterSweeper:
    """A ledger observer that removes adapters nobody will ask for."""

    def __init__(self, probes: Path, keep_all: bool) -> None:
        """Sweep in the `probes` folder of a session, unless `keep_all`."""
        self._probes, self._keep_all = probes, keep_all
        self._keys: dict[str, list[str]] = {}
        self._due: set[str] = set()

    def take(self, event: Event) -> None:
        """Learn which probe belongs to which candidate, and which are out of the race.

        An invalidation frees keys and candidates' names: what lies there from before it is kept.
        """
        match event:
            case ProbeFinished() if event.plan.candidate is not None:
                self._keys.setdefault(event.plan.candidate, []).append(event.outcome.key)
            case CandidateDecided() if event.reading.decision in ("reject", "park"):
                self._due.update(self._keys.get(event.candidate, ()))
            case MeasurementsInvalidated():
                self._keys, self._due = {}, set()
            case _:
                pass

    def __call__(self, event: Event) -> None:
        """Take an event and sweep what is due, also from before an interruption."""
        self.take(event)
        while self._due:
            key = self._due.pop()
            if not self._keep_all:
                shutil.rmtree(self._probes / key / ADAPTER, ignore_errors=True)
