"""What an invalidation leaves of a night: the lines of its ledger that still count, and what was marked.

The ledger is never rewritten: one line says since when and why, and every reader folds what stood before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from probes.candidate import Candidate
from probes.statistics.verdicts import Claim
from tracking import events as ev

OUTLAST = (ev.SessionStarted, ev.EarlierNightsRead, ev.SessionResumed, ev.Warned)
"""Events that no measurement can make wrong."""


@dataclass(frozen=True)
class Invalidation:
    """One mark: what it took out of the night."""

    event: ev.MeasurementsInvalidated
    numbers: tuple[int, ...]
    """The probes that were marked, in the order in which they had ended."""
    candidates: Mapping[str, Candidate]
    """What the candidates were called then; their names are given again."""
    claim: Claim | None
    """The claim that was withdrawn."""
    resumes: int
    """How often the night had been resumed."""

    @property
    def which(self) -> str:
        """The probes by number: `#11, #13 … #38`."""
        runs: list[list[int]] = []
        for number in sorted(self.numbers):
            if runs and number == runs[-1][1] + 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        return ", ".join(f"#{first}" if first == last else f"#{first} … #{last}" for first, last in runs)

    @property
    def words(self) -> str:
        """Since when and why, in one line."""
        return f"since {in_words(self.event.since)}: {self.event.reason}"


def standing(history: Sequence[ev.Event], since: str) -> list[ev.Event]:
    """Return the events that still count once everything since a time is marked.

    The first event at or after `since` goes, and all after it with it, whatever their times: each of them may rest on
    what went before. Events that no measurement can make wrong stay.
    """
    moment = datetime.fromisoformat(since)
    late = (i for i, e in enumerate(history) if not isinstance(e, OUTLAST) and datetime.fromisoformat(e.at) >= moment)
    cut = next(late, len(history))
    return [*history[:cut], *(event for event in history[cut:] if isinstance(event, OUTLAST))]


def in_words(at: str) -> str:
    """Return an ISO 8601 time in UTC as people read it, to the second."""
    return f"{at[:19].replace('T', ' ')} UTC"
