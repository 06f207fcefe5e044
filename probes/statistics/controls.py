"""The control pair: can the instrument tell a broken model from a whole one, and a model from itself?

A training broken on purpose must score clearly below the baseline, and a repeat of the baseline with its own seed must
score the same. Both are held against the run-to-run noise known when they end (assumed, or from earlier nights); one
probe each cannot measure it, so these are checks of the instrument and never evidence about a recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from probes.frozen import Frozen

CLEAR_Z = 3.0
"""Standard errors that a difference must reach to be clear. The repeat has the baseline's own seed, so it differs by
less than seeds do, and by nothing where training and sampling are deterministic."""


class ControlReading(Frozen):
    """One metric of the control probes; None where a probe left no score."""

    metric: str
    sd: float
    """Run-to-run sd it is held against, in points."""
    baseline: float | None
    repeat: float | None
    broken: float | None
    base: float | None
    """The base model without any training."""

    @property
    def sees_harm(self) -> bool | None:
        """Whether the broken training scored clearly below the baseline; None when one is missing."""
        if self.baseline is None or self.broken is None:
            return None
        return self.baseline - self.broken > CLEAR_Z * sqrt(2) * self.sd

    @property
    def is_constant(self) -> bool:
        """Whether the trained, the broken and the untrained model scored exactly the same."""
        return None not in (scores := {self.baseline, self.broken, self.base}) and len(scores) == 1

    @property
    def repeats(self) -> bool | None:
        """Whether the baseline measured the same twice; None when one is missing."""
        if self.baseline is None or self.repeat is None:
            return None
        return abs(self.baseline - self.repeat) <= CLEAR_Z * sqrt(2) * self.sd


def read_controls(
    sds: Mapping[str, float], scores: Mapping[str, Mapping[str, float | None]]
) -> tuple[ControlReading, ...]:
    """Return one reading per metric of `sds`.

    Args:
        sds: Metric → run-to-run sd.
        scores: Control (`baseline`, `repeat`, `broken`, `base`) → metric → score; a control may be missing.
    """

    def score(control: str, metric: str) -> float | None:
        return scores.get(control, {}).get(metric)

    return tuple(
        ControlReading(
            metric=metric,
            sd=sd,
            baseline=score("baseline", metric),
            repeat=score("repeat", metric),
            broken=score("broken", metric),
            base=score("base", metric),
        )
        for metric, sd in sds.items()
    )
