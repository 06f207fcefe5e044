"""What a night measured of its moves, for later nights: how each ended, and which categories it moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

from probes.candidate import LaneName
from probes.statistics.bottleneck import movements
from probes.statistics.earlier import Movement
from probes.statistics.priors import raw_effects
from probes.statistics.runs import Run
from probes.statistics.verdicts import CandidateReading
from tracking.collapses import collapses
from tracking.memory.moves import MOST_MOVES, Outcome, RememberedMove
from tracking.night import NightRecord

MOST_CHANGES = 300
"""Changes of a night whose effects on every category are fitted."""


def moves_of(night: NightRecord) -> tuple[RememberedMove, ...]:
    """Return every decided move of a night, the latest `MOST_MOVES`."""
    ruined = collapses(night)
    moves: list[RememberedMove] = []
    for name, candidate in night.candidates.items():
        reading = night.reading(name)
        if reading is None and name not in ruined:
            continue
        harmed = _harmed(reading, night.target) if reading else ()
        moves.append(
            RememberedMove(
                change=candidate.change,
                outcome=_outcome(reading, harmed, name in ruined),
                harmed=harmed,
                effect=reading.effect if reading else None,
            )
        )
    return tuple(moves[-MOST_MOVES:])


def movements_of(
    night: NightRecord, runs: Sequence[Run], squares: Mapping[str, float], df: int
) -> tuple[Movement, ...]:
    """Return what the night's changes did to every category.

    Args:
        night: Its record.
        runs: Its scored probes on the search items, in order.
        squares: Metric → residual sum of squares of an additive model.
        df: Its degrees of freedom.
    """
    lanes: dict[str, LaneName] = {name: candidate.change.lane for name, candidate in night.candidates.items()}
    found: list[Movement] = []
    for category in sorted(runs[0].categories) if runs and df else ():
        square = squares.get(category)
        if square:
            effects = raw_effects(runs, category, sqrt(square / df), lanes, MOST_CHANGES)
            found += movements(category, effects, df)
    return tuple(found)


def _outcome(reading: CandidateReading | None, harmed: Sequence[str], is_ruined: bool) -> Outcome:
    if is_ruined:
        return "collapsed"
    if harmed:
        return "harmful"
    low = reading.interval.low if reading else None
    return "raised" if low is not None and low > 0 else "unclear"


def _harmed(reading: CandidateReading, target: str) -> tuple[str, ...]:
    high = reading.interval.high
    fell = (target,) if reading.effect is not None and high is not None and high < 0 else ()
    return (*fell, *(name for name, guard in reading.guards.items() if guard.state == "harmful"))
