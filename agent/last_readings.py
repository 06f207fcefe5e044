"""The candidates by what their last reading leaves open, kept in step with the record.

What it holds is a function of the record alone, so that a night taken up again looks at what it would have looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.unread import Unread
from probes.statistics.verdicts import CandidateReading
from tracking.events import CandidateDecided, Event
from tracking.night import NightRecord

REVISIT_LEVEL = 0.5
"""P(better) from which on a parked candidate is worth the probes that nothing else wants."""
LEAST_HOPE = 0.1
"""P(worthwhile) below which a rejected candidate is not taken up again, whatever moved."""


class LastReadings:
    """Who was accepted, who was parked while it looked better than the baseline, and who may come back."""

    def __init__(self) -> None:
        """Start without any look."""
        self._unread = Unread[Event]()
        self._start()

    def _start(self) -> None:
        self._place: dict[str, int] = {}
        """Candidate → its place among those that were read, by their first readings."""
        self._accepted = set[str]()
        self._better: dict[str, float] = {}
        """Parked candidate that looks better than the baseline → P(better)."""
        self._hopeful = set[str]()
        """Candidates set down that a move of the working recipe may bring back."""
        self._moves = 0
        """Moves of the working recipe at the last look."""
        self._waiting: dict[str, None] = {}
        """The hopeful ones that were not yet found out of place under this working recipe."""

    def look(self, night: NightRecord) -> LastReadings:
        """Take in what was read since the last look."""
        events, is_anew = self._unread.take(night.history)
        if is_anew:
            self._start()
        for event in events:
            if isinstance(event, CandidateDecided):
                self._take(event.candidate, event.reading)
        if self._moves != len(night.moves):
            self._moves = len(night.moves)
            self._waiting = dict.fromkeys(self._in_order(self._hopeful))
        return self

    @property
    def accepted(self) -> Sequence[str]:
        """Candidates whose last reading accepts them, in order of their first readings."""
        return self._in_order(self._accepted)

    @property
    def better(self) -> Sequence[str]:
        """Parked candidates that look better than the baseline, the most promising first."""
        return sorted(self._better, key=lambda name: (-self._better[name], name))

    @property
    def hopeful(self) -> Sequence[str]:
        """Candidates that were set down before the working recipe last moved and that nothing has ruled out since."""
        return tuple(self._waiting)

    def rule_out(self, name: str) -> None:
        """Leave a hopeful candidate out until the working recipe moves again: until then nothing changes for it."""
        del self._waiting[name]

    def _take(self, name: str, reading: CandidateReading) -> None:
        self._place.setdefault(name, len(self._place))
        for kept in (self._accepted, self._hopeful):
            kept.discard(name)
        self._better.pop(name, None)
        if reading.decision == "accept":
            self._accepted.add(name)
        if reading.decision == "park" and (reading.better_probability or 0.0) >= REVISIT_LEVEL:
            self._better[name] = reading.better_probability or 0.0
        if may_come_back(reading):
            self._hopeful.add(name)

    def _in_order(self, names: set[str]) -> list[str]:
        return sorted(names, key=lambda name: self._place[name])


def may_come_back(reading: CandidateReading) -> bool:
    """Whether a candidate was set down with some hope.

    Guards that it harmed are no question of its target, so it stays out.
    """
    if reading.decision not in ("park", "reject") or (reading.worthwhile_probability or 0.0) < LEAST_HOPE:
        return False
    return all(guard.state != "harmful" for guard in reading.guards.values())
