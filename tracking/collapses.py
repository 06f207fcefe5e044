"""Which changes of a night ruined something: their knob has proved fragile.

Read off the record alone, so that a resumed night, the report and `summary.json` say the same.
"""

from __future__ import annotations

from probes.figures import show
from probes.outcome import ProbeStatus
from probes.statistics.verdicts import CandidateReading
from tracking.night import FinishedProbe, NightRecord

LOSS = -1.5
"""A loss of the target by more than this is a collapse: three times the usual noise of a run and half of what a model
that collapsed altogether loses (REFEREE.md: -3), far beyond what a change that merely does not help costs."""
SURE_LOSS = -0.5
"""The loss must be at least this at the better end of its interval: one unlucky probe is no collapse."""
RUINED = (ProbeStatus.DIVERGED, ProbeStatus.OUT_OF_MEMORY, ProbeStatus.TIMED_OUT)
"""Ends of a probe that its recipe caused; a crash may be the machine's."""


def collapse(night: NightRecord, candidate: str) -> str | None:
    """Return in a few words what the candidate's step ruined; None when it ruined nothing, or is not known to.

    A collapse is a probe that its recipe ended, a smoke run that the referee rejected, a sure loss of the target, or a
    guard whose whole interval lies beyond its margin.
    """
    own = [probe for probe in night.probes if probe.plan.candidate == candidate]
    ended = next((probe for probe in own if probe.outcome.status in RUINED), None)
    if ended is not None:
        return _ended(ended)
    reading = night.reading(candidate)
    if reading is None:
        return None
    if _failed_its_smoke_run(own, reading):
        return reading.reason
    high = reading.interval.high
    if reading.effect is not None and high is not None and reading.effect < LOSS and high < SURE_LOSS:
        return f"{night.target} {show(reading.effect, 'effect')}"
    broken = {
        name: guard for name, guard in reading.guards.items() if _is_surely_broken(guard.interval.high, guard.margin)
    }
    worst = min(broken, key=lambda name: broken[name].effect or 0.0, default=None)
    return None if worst is None else f"{worst} {show(broken[worst].effect, 'effect')}"


def _ended(probe: FinishedProbe) -> str:
    message = " ".join(probe.outcome.message.split())
    return probe.outcome.status.value.replace("_", " ") + (f": {message}" if message else "")


def _failed_its_smoke_run(own: list[FinishedProbe], reading: CandidateReading) -> bool:
    """Whether the candidate was rejected for its smoke run: there was one, and no replicate came after it."""
    was_smoked = any(probe.plan.phase == "smoke" for probe in own)
    return was_smoked and reading.decision == "reject" and reading.replicates == 0


def _is_surely_broken(high: float | None, margin: float) -> bool:
    return high is not None and high < -margin
