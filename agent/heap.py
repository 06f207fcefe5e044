"""Keeps Python's cycle collector off the record of a long night.

The record only grows and holds no cycles, but every full collection walks all of it: at 10,000 probes half a second,
every few hundred probes. What is there after `EVERY` more probes is collected once and then left out.
"""

from __future__ import annotations

import gc

EVERY = 500
"""Probes between two times; a night of the usual length never comes to one."""


def leave_out(before: int, after: int) -> None:
    """Leave everything alive out of later collections when so many probes more have passed the next `EVERY`."""
    if after // EVERY > before // EVERY:
        gc.collect()
        gc.freeze()


def take_back() -> None:
    """Let collections walk everything again: the night is over and may be forgotten."""
    gc.unfreeze()
