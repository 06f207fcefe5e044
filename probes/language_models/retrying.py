"""Attempts at one question: which failures are worth another, how long to wait, and when the deadline says no.

The SDKs' own retries know no deadline and one of them sleeps as long as a server's Retry-After says, so theirs are off
and both clients use these.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from probes.errors import ModelReplyError

T = TypeVar("T")
LONGEST_WAIT_S = 60.0
"""Of a back-off of our own."""


class AttemptError(Exception):
    """One request failed in a way that another attempt may heal."""

    def __init__(self, what: str, retry_after_s: float | None = None, may_cost: bool = False) -> None:
        """Say what happened, how long the server wants us to wait, and whether it may have answered at a price."""
        super().__init__(what)
        self.what, self.retry_after_s, self.may_cost = what, retry_after_s, may_cost


@dataclass(frozen=True)
class Patience:
    """How often and how long one question is tried."""

    retries: int
    timeout_s: float
    deadline_s: float
    backoff_s: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=random.random)
    """0 … 1."""


def attempt(send: Callable[[float], T], patience: Patience, who: str) -> T:
    """Return what `send` returns; it gets the seconds it may take and raises `AttemptError` when it may be retried.

    Raises:
        ModelReplyError: the last attempt failed, or the next one would lie beyond the deadline.
    """
    started = patience.clock()
    number = 0
    while True:
        number += 1
        left = patience.deadline_s - (patience.clock() - started)
        try:
            return send(max(0.001, min(patience.timeout_s, left)))
        except AttemptError as error:
            tried = f"{who} gave no reply: {error.what}"
            if number > patience.retries:
                raise ModelReplyError(f"{tried} ({_count(number)})") from error
            wait = _wait(number, error.retry_after_s, patience)
            left = patience.deadline_s - (patience.clock() - started)
            if wait >= left:
                raise ModelReplyError(
                    f"{tried} ({_count(number)}; waiting {wait:.3g} s more would pass the deadline of "
                    f"{patience.deadline_s:g} s)"
                ) from error
            patience.sleep(wait)


def _wait(number: int, retry_after_s: float | None, patience: Patience) -> float:
    """Return a doubling wait of which the upper half is drawn, or the server's wish where that is longer."""
    full = min(LONGEST_WAIT_S, patience.backoff_s * 2.0 ** (number - 1))
    own = full * (0.5 + 0.5 * patience.jitter())
    wish = 0.0 if retry_after_s is None else retry_after_s + patience.backoff_s * 0.1 * patience.jitter()
    return max(own, wish)


def _count(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"
