"""Every move of a night with what became of it: what the lanes are told at each ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.unread import Unread
from lanes.history import History
from lanes.tried import Tried
from tracking import events as ev
from tracking.collapses import collapse_of
from tracking.night import NightRecord


def tried_moves(night: NightRecord) -> list[Tried]:
    """Return every move of the night with what became of it, in order of proposal."""
    return list(TriedMoves().look(night))


class TriedMoves:
    """The moves, kept in step with the record: a look costs what is new since the last one.

    What it holds is a function of the record alone, so that a night taken up again asks as it would have gone on.
    """

    def __init__(self) -> None:
        """Start without any look."""
        self._unread = Unread[ev.Event]()
        self._moves = History()
        self._place: dict[str, int] = {}

    def look(self, night: NightRecord) -> History:
        """Take in what happened since the last look and return all moves, in order of proposal."""
        events, is_anew = self._unread.take(night.history)
        if is_anew:
            self._moves, self._place = History(), {}
        for name in dict.fromkeys(_touched(events)):
            candidate, reading = night.candidates[name], night.reading(name)
            decision, effect = (reading.decision, reading.effect) if reading else (None, None)
            ruined = collapse_of(night, name)
            move = Tried(change=candidate.change, decision=decision, effect=effect, collapsed=ruined)
            if name in self._place:
                self._moves.put(self._place[name], move)
            else:
                self._place[name] = len(self._moves)
                self._moves.add(move)
        return self._moves


def _touched(events: Iterable[ev.Event]) -> Iterator[str]:
    """Yield the candidates that events say something about, in their order."""
    for event in events:
        if isinstance(event, ev.CandidateProposed):
            yield event.candidate.id
        elif isinstance(event, ev.CandidateDecided):
            yield event.candidate
        elif isinstance(event, ev.ProbeFinished) and event.plan.candidate is not None:
            yield event.plan.candidate
