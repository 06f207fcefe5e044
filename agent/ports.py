"""What the graph needs from outside, as protocols: the session builds the real ones and hands them down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from probes.outcome import ProbeOutcome
from probes.recipe import Recipe
from probes.request import ProbeRequest, Purpose, Split
from tracking.events import ProbePlan

OnStart = Callable[[ProbePlan], bool | None]
"""Told that a probe starts now; False: it may not, and none after it."""
OnFinish = Callable[[ProbePlan, ProbeOutcome], None]


class Launcher(Protocol):
    """Runs probes; a failed probe comes back as an outcome, never as an exception."""

    @property
    def workers(self) -> int:
        """Probes that run at the same time."""
        ...

    @property
    def is_stopping(self) -> bool:
        """Whether the user or the system asked for the end; no further probe is started then."""
        ...

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        """Run `plans` and return when the started ones have ended.

        Both callbacks are called on the calling thread, `on_start` in plan order, `on_finish` as probes end. Once
        `is_stopping` holds or `on_start` returned False, plans not yet started are left out.
        """
        ...


class RequestBuilder(Protocol):
    """Turns a recipe and a seed into the request of a probe."""

    def __call__(self, recipe: Recipe, seed: int, split: Split, purpose: Purpose | None = None) -> ProbeRequest:
        """Return the request; equal arguments give equal keys. Every `purpose` has keys of its own."""
        ...


class Budget(Protocol):
    """What the night may still spend."""

    def refusal(self, probes_used: int, probes_wanted: int, reserve_confirmation: bool) -> str | None:
        """Return why `probes_wanted` more cannot be started now, None when they can.

        With `reserve_confirmation` the confirmation's probes (and their time and dollars) are kept back.
        """
        ...

    def halt(self, reserve_confirmation: bool) -> str | None:
        """Return why not even the next probe of those granted may start, None when it may.

        Asked before every start: probes that took longer or cost more than foreseen may have used up the rest.
        """
        ...
