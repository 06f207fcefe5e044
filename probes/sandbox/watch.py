"""Watches programs in their jails until the one that matters has ended."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence

from probes.sandbox.jail import Jail

_TICK_SECONDS = 0.05
"""How often memory is looked at: what one process can take in between is bounded by its address space."""


def watch(jails: Sequence[Jail], until: Jail, deadline: float) -> None:
    """Read from `jails` and hold them to their limits until `until` has ended; stop all at `deadline` (monotonic)."""
    checked = time.monotonic()
    while not until.has_ended:
        now = time.monotonic()
        if now >= deadline:
            for jail in jails:
                jail.stop("time")
            return
        owners = {stream: jail for jail in jails for stream in jail.open}
        wait = max(0.0, min(_TICK_SECONDS, deadline - now))
        # `poll`, because `select` takes no descriptor above 1023, and a worker may have many.
        poll = select.poll()
        for stream in owners:
            poll.register(stream, select.POLLIN)
        for stream, _ in poll.poll(wait * 1000):
            owners[stream].read(stream)
        if time.monotonic() - checked >= _TICK_SECONDS:
            for jail in jails:
                jail.check()
            checked = time.monotonic()
