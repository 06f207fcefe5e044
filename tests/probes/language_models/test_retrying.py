"""Waits and deadlines, on a clock that only sleeping moves."""

from dataclasses import dataclass, field

import pytest

from probes.errors import ModelReplyError
from probes.language_models.retrying import AttemptError, Patience, attempt


@dataclass
class Sleeper:
    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def patience(self, retries: int = 5, deadline_s: float = 1e6, jitter: float = 1.0) -> Patience:
        return Patience(retries, 10.0, deadline_s, 1.0, self.sleep, lambda: self.now, lambda: jitter)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def failing(*errors: AttemptError):
    left = list(errors)
    limits: list[float] = []

    def send(limit_s: float) -> list[float]:
        limits.append(limit_s)
        if left:
            raise left.pop(0)
        return limits

    return send


def test_waits_double_and_only_their_upper_half_is_drawn() -> None:
    for jitter, share in ((1.0, 1.0), (0.0, 0.5)):
        sleeper = Sleeper()
        attempt(failing(*[AttemptError("x")] * 5), sleeper.patience(jitter=jitter), "it")
        assert sleeper.waits == [share * wait for wait in (1.0, 2.0, 4.0, 8.0, 16.0)]


def test_a_wait_of_our_own_stays_below_a_minute() -> None:
    sleeper = Sleeper()
    attempt(failing(*[AttemptError("x")] * 9), sleeper.patience(retries=9), "it")
    assert max(sleeper.waits) == 60.0


def test_the_servers_wish_is_the_least_wait() -> None:
    sleeper = Sleeper()
    attempt(failing(AttemptError("x", 7.0)), sleeper.patience(jitter=0.0), "it")
    assert sleeper.waits == [7.0]
    hurried = Sleeper()
    attempt(failing(*[AttemptError("x", 0.0)] * 3), hurried.patience(), "it")
    assert hurried.waits == [1.0, 2.0, 4.0]


def test_each_attempt_may_take_what_is_left_of_the_deadline() -> None:
    sleeper = Sleeper()
    limits = attempt(
        failing(AttemptError("x", 4.0), AttemptError("x", 4.0)), sleeper.patience(deadline_s=13.0, jitter=0.0), "it"
    )
    assert limits == [10.0, 9.0, 5.0]


def test_the_last_failure_is_told_with_the_number_of_attempts() -> None:
    with pytest.raises(ModelReplyError, match=r"it gave no reply: last \(2 attempts\)"):
        attempt(failing(AttemptError("first"), AttemptError("last")), Sleeper().patience(retries=1), "it")
    with pytest.raises(ModelReplyError, match=r"waiting 60 s more would pass the deadline of 50 s"):
        attempt(failing(AttemptError("x", 60.0)), Sleeper().patience(deadline_s=50.0, jitter=0.0), "it")
