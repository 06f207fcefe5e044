from __future__ import annotations

from typing import Any

import pytest
from fakes_night import NightWriter

from probes.outcome import ProbeStatus
from probes.statistics.verdicts import CandidateReading, GuardReading, Interval
from tracking import events as ev
from tracking.collapses import collapses
from tracking.night import NightRecord


def reading(
    effect: float | None, high: float | None, replicates: int = 1, guards: dict[str, GuardReading] | None = None
) -> CandidateReading:
    low = None if effect is None or high is None else 2 * effect - high
    return CandidateReading(
        decision="reject",
        verdict="inconclusive",
        replicates=replicates,
        effect=effect,
        interval=Interval(low=low, high=high),
        better_probability=None,
        worthwhile_probability=None,
        guards=guards or {},
        reason="its smoke run fell 3.10 points below the baseline's",
    )


def guard(effect: float, high: float) -> GuardReading:
    interval = Interval(low=2 * effect - high, high=high)
    return GuardReading(state="harmful", effect=effect, interval=interval, harm_probability=0.9, margin=1.5)


def night(*decided: CandidateReading, **probe: Any) -> NightRecord:
    """Return a night with one candidate, one probe of it and its readings."""
    writer = NightWriter(story="claim")
    writer.start()
    writer.search(1)
    events = [e for e in writer.events if isinstance(e, ev.SessionStarted | ev.PowerChecked | ev.CandidateProposed)]
    writer.events = events
    writer.probe(probe.pop("phase", "search"), "candidate", 0, candidate="c01", **probe)
    for one in decided:
        writer.add(ev.CandidateDecided(at=writer.at(), candidate="c01", reading=one))
    return NightRecord.replay(writer.events)


@pytest.mark.parametrize("status", ["diverged", "out_of_memory", "timed_out"])
def test_a_probe_that_its_recipe_ended_is_a_collapse_before_anything_is_decided(status: str) -> None:
    found = collapses(night(status=ProbeStatus(status), message="loss became\nNaN"))
    assert found == {"c01": f"{status.replace('_', ' ')}: loss became NaN"}


def test_a_crash_may_be_the_machines_and_is_none() -> None:
    assert collapses(night(status=ProbeStatus.CRASHED)) == {}


def test_a_rejected_smoke_run_is_a_collapse_a_later_rejection_is_not() -> None:
    assert "smoke run fell 3.10" in collapses(night(reading(None, None, replicates=0), phase="smoke"))["c01"]
    assert collapses(night(reading(-0.4, 0.2, replicates=1), phase="smoke")) == {}
    assert collapses(night(reading(None, None, replicates=0), phase="search")) == {}


@pytest.mark.parametrize(
    ("effect", "high", "is_one"), [(-3.0, -1.0, True), (-1.4, -1.0, False), (-1.6, -0.4, False), (-1.6, -0.6, True)]
)
def test_only_a_large_and_sure_loss_of_the_target_is_a_collapse(effect: float, high: float, is_one: bool) -> None:
    found = collapses(night(reading(effect, high)))
    assert found == ({"c01": f"private_voice −{-effect:.2f}"} if is_one else {})


def test_a_guard_wholly_beyond_its_margin_is_a_collapse_a_doubtful_one_is_not() -> None:
    sure = {"a": guard(-2.0, -1.6), "b": guard(-3.0, -1.7)}
    assert collapses(night(reading(0.5, 0.9, guards=sure))) == {"c01": "b −3.00"}
    assert collapses(night(reading(0.5, 0.9, guards={"a": guard(-2.0, -1.4)}))) == {}


def test_the_latest_reading_counts() -> None:
    assert collapses(night(reading(-3.0, -1.0), reading(-1.0, -0.2))) == {}
