"""One row of `faults.json`, and how a try becomes part of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel, ConfigDict

from probes.errors import NightlabError


class Row(BaseModel):
    """One fault."""

    model_config = ConfigDict(frozen=True)

    fault: str
    tries: int
    survived: int
    """Tries after which everything that is asserted held."""
    asserted: str
    """What that is."""
    seconds: float
    """All tries together, wall time."""
    moments: dict[str, int] = {}
    """Phase of the night → tries that hit it, where a fault comes at a random moment; or what else a try came upon."""
    failures: tuple[str, ...] = ()
    """What did not hold, of each try that was not survived."""


Try = Callable[[int], tuple[str, list[str]]]
"""From the number of a try to the phase it hit (or nothing) and what did not hold."""


def measure(fault: str, asserted: str, tries: int, attempt: Try, jobs: int = 1) -> Row:
    """Return the row of a fault after `tries` tries, `jobs` of them at the same time."""
    began = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        ends = list(pool.map(_guarded(attempt), range(tries)))
    moments: dict[str, int] = {}
    for phase, _ in ends:
        if phase:
            moments[phase] = moments.get(phase, 0) + 1
    failed = [f"try {number}: {'; '.join(problems)}" for number, (_, problems) in enumerate(ends) if problems]
    return Row(
        fault=fault,
        tries=tries,
        survived=tries - len(failed),
        asserted=asserted,
        seconds=round(time.monotonic() - began, 1),
        moments=moments,
        failures=tuple(failed),
    )


def unequal(told: Sequence[str], reference: Sequence[str]) -> list[str]:
    """Return in what a story differs from that of the uninterrupted night, nothing when it does not."""
    for number, (here, there) in enumerate(zip(told, reference, strict=False)):
        if here != there:
            where = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), 0)
            start = max(0, where - 60)
            return [
                f"line {number} of the story differs: …{here[start : where + 60]}… for …{there[start : where + 60]}…"
            ]
    return [] if len(told) == len(reference) else [f"the story has {len(told)} lines, not {len(reference)}"]


def _guarded(attempt: Try) -> Try:
    """Let a night that cannot even be started count as one that was not survived."""

    def run(number: int) -> tuple[str, list[str]]:
        try:
            return attempt(number)
        except (NightlabError, OSError, RuntimeError, ValueError) as error:
            return "", [f"{type(error).__name__}: {error}"]

    return run
