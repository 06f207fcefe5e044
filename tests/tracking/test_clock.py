from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fakes_night import make_night

from tracking import events as ev
from tracking.clock import SystemClock
from tracking.night import NightRecord, seconds_between


class Jumping:
    """A wall clock that somebody sets, beside a monotonic one that nobody can."""

    def __init__(self) -> None:
        self.wall, self.ran = datetime(2026, 3, 14, 22, tzinfo=UTC), 0.0

    def clock(self) -> SystemClock:
        return SystemClock(wall=lambda: self.wall, monotonic=lambda: self.ran)

    def pass_s(self, seconds: float, jump: timedelta = timedelta()) -> None:
        self.ran += seconds
        self.wall += timedelta(seconds=seconds) + jump


def test_times_of_one_stretch_are_as_far_apart_as_what_they_tell_of() -> None:
    machine = Jumping()
    clock = machine.clock()
    before = clock.now()
    machine.pass_s(90.0, timedelta(hours=-1))
    middle = clock.now()
    machine.pass_s(30.0, timedelta(days=1))
    assert seconds_between(before, middle) == 90.0
    assert seconds_between(middle, clock.now()) == 30.0
    assert clock.monotonic() == 120.0


def test_the_next_stretch_starts_from_the_clock_as_it_stands_then() -> None:
    machine = Jumping()
    machine.pass_s(1.0, timedelta(days=1))
    assert machine.clock().now() == "2026-03-15T22:00:01.000+00:00"


def test_a_nights_own_time_survives_a_clock_that_was_set_between_its_stretches() -> None:
    machine, night = Jumping(), NightRecord()
    clock = machine.clock()
    started = make_night("empty")[0].model_copy(update={"at": clock.now()})
    night.apply(started)
    machine.pass_s(100.0, timedelta(hours=-1))
    night.apply(ev.SessionStopped(at=clock.now(), stop_reason="interrupted"))
    machine.pass_s(5000.0, timedelta(days=1))
    clock = machine.clock()
    night.apply(ev.SessionResumed(at=clock.now(), reason=""))
    machine.pass_s(20.0, timedelta(hours=-30))
    night.apply(ev.SessionStopped(at=clock.now(), stop_reason="finished"))
    assert night.active_s == 120.0


def test_what_is_told_after_the_end_takes_no_time() -> None:
    night = NightRecord.replay(make_night("claim"))
    before = night.active_s
    night.apply(ev.Warned(at="2030-01-01T00:00:00.000+00:00", subject="MLflow", message="written years later"))
    assert night.active_s == before
    assert night.stopped is not None
