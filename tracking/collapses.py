"""Which changes of a night ruined something: their knob has proved fragile.

Read off the record alone, so that a resumed night, the report and `summary.json` say the same.
"""

from __future__ import annotations

from probes.figures import show
from probes.outcome import ProbeStatus
from probes.statistics.verdicts import CandidateReading
from tracking.finished import FinishedProbe, Slot
from tracking.night import NightRecord

LOSS = -1.5
"""A loss of the target by more than this is a collapse: three times the usual noise of a run and half of what a model
that collapsed altogether loses (REFEREE.md: -3), far beyond what a change that merely does not help costs."""
SURE_LOSS = -0.5
"""The loss must be at least this at the better end of its interval: one unlucky probe is no collapse."""
RUINED = (ProbeStatus.DIVERGED, ProbeStatus.OUT_OF_MEMORY, ProbeStatus.TIMED_OUT)
"""Ends of a probe that its recipe caused; a crash may be the machine's."""


def collapses(night: NightRecord) -> dict[str, str]:
    """Return candidate → what its step ruined, in a few words, in order of proposal."""
    ruined = {name: collapse_of(night, name) for name in night.candidates}
    return {name: what for name, what in ruined.items() if what is not None}


def collapse_of(night: NightRecord, candidate: str) -> str | None:
    """Return what a candidate's step ruined, None when it ruined nothing.

    A collapse is a probe that its recipe ended, a smoke run that the referee rejected, a sure loss of the target, or a
    guard whose whole interval lies beyond its margin.
    """
    smoke, search = Slot("smoke", "candidate", candidate), Slot("search", "candidate", candidate)
    for slot in (smoke, search):
        for probe in sorted(night.failed.get(slot, ()), key=lambda probe: probe.plan.number):
            if probe.outcome.status in RUINED:
                return _ended(probe)
    reading = night.reading(candidate)
    was_smoked = smoke in night.scored or smoke in night.failed
    return None if reading is None else _ruined(reading, night.target, was_smoked)


def _ruined(reading: CandidateReading, target: str, was_smoked: bool) -> str | None:
    if was_smoked and reading.decision == "reject" and reading.replicates == 0:
        return reading.reason
    high = reading.interval.high
    if reading.effect is not None and high is not None and reading.effect < LOSS and high < SURE_LOSS:
        return f"{target} {show(reading.effect, 'effect')}"
    broken = {
        name: guard.effect
        for name, guard in reading.guards.items()
        if guard.effect is not None and guard.interval.high is not None and guard.interval.high < -guard.margin
    }
    worst = min(broken, key=lambda name: broken[name], default=None)
    return None if worst is None else f"{worst} {show(broken[worst], 'effect')}"


def _ended(probe: FinishedProbe) -> str:
    message = " ".join(probe.outcome.message.split())
    return probe.outcome.status.value.replace("_", " ") + (f": {message}" if message else "")
