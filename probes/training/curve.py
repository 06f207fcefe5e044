"""The loss curve of a training, and the rule by which a training has diverged. Pure.

A training has diverged when a logged loss or gradient norm is not a finite number, or when the average loss of a
window of steps exceeds three times the first window's plus five. The rule is loose on purpose: a bad recipe that
still trains is a result with scores, and only one that has left the ground is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from probes.outcome import TrainingPoint, TrainingSummary

WINDOWS = 20
"""Points a finished curve has, so that a ledger line stays short at any number of steps."""


class TrainingEnded(Exception):
    """A training that was ended for what its curve showed."""

    summary: TrainingSummary | None = None
    """How far it came."""


class TrainingDiverged(TrainingEnded):
    """The loss left the ground; the probe ends as `diverged`."""


class TrainingHopeless(TrainingEnded):
    """The request's stop rule ended it; the probe ends as `stopped_early`."""


class Curve:
    """Collects every step's point, averages them in windows and watches for divergence."""

    def __init__(self, steps_planned: int) -> None:
        """Make an empty curve of about `WINDOWS` points."""
        self.window = max(1, steps_planned // WINDOWS)
        self._open: list[TrainingPoint] = []
        self._points: list[TrainingPoint] = []

    @property
    def points(self) -> tuple[TrainingPoint, ...]:
        """The averaged points so far, the unfinished window last."""
        return (*self._points, *([_average(self._open)] if self._open else []))

    @property
    def complete(self) -> tuple[TrainingPoint, ...]:
        """The points of finished windows, as a finished training would show them."""
        return tuple(self._points)

    def add(self, step: int, values: dict[str, float | None]) -> None:
        """Take one logged step; `values` are `loss`, `learning_rate`, `reward_margin` and `grad_norm`.

        Raises:
            TrainingDiverged: by the rule in this module's docstring.
        """
        for name in ("loss", "grad_norm"):
            value = values.get(name)
            if value is not None and not math.isfinite(value):
                raise TrainingDiverged(f"{name} was {value} at step {step}")
        self._open.append(TrainingPoint.model_validate({"step": step, **values}))
        if len(self._open) == self.window:
            self._points.append(_average(self._open))
            self._open.clear()
            self._check()

    def _check(self) -> None:
        first, last = self._points[0], self._points[-1]
        if last.loss > 3 * first.loss + 5:
            raise TrainingDiverged(
                f"loss rose from {first.loss:.3g} to {last.loss:.3g} at step {last.step} "
                "(more than three times the first average plus five)"
            )


def _average(points: Sequence[TrainingPoint]) -> TrainingPoint:
    last = points[-1]
    return TrainingPoint(
        step=last.step,
        loss=fmean(point.loss for point in points),
        learning_rate=last.learning_rate,
        reward_margin=_mean([point.reward_margin for point in points]),
        grad_norm=_mean([point.grad_norm for point in points]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
