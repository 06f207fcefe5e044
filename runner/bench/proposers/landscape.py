"""What every proposer of the bench is asked: knobs, a baseline, and scores whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lanes.knobs import Knob
from lanes.lane import Lane
from probes.candidate import KnobValue, LaneName
from probes.recipe import Recipe

Settings = Mapping[str, KnobValue]
Levels = Mapping[str, float]
PENALTY = 2.0
"""Points that a recipe loses for each point of a guard below its margin, for every proposer alike."""


@dataclass(frozen=True)
class Landscape:
    """A space with a known truth."""

    name: str
    knobs: Mapping[str, Knob]
    """Knob → its range; the step limits bind those who go by single changes."""
    baseline: Settings
    levels: Callable[[Settings], Levels | None]
    """Settings → category → true level; None: they cannot be trained."""
    target: str
    noise_sd: Levels
    """Category → run-to-run sd."""
    recipe: Recipe
    """The baseline as the night knows it."""
    open_lanes: Callable[[], Mapping[LaneName, Lane]]
    settings_of: Callable[[Recipe], Settings]
    """Every knob of a recipe."""
    guards: Mapping[str, float] = field(default_factory=dict[str, float])
    """Category → margin."""

    @cached_property
    def reference(self) -> Levels:
        """The baseline's true levels."""
        levels = self.levels(self.baseline)
        assert levels is not None
        return levels

    def score(self, levels: Levels) -> float:
        """Return what is to be raised: the target's gain over the baseline, less what guards lost beyond margins."""
        harm = sum(max(0.0, self.reference[name] - margin - levels[name]) for name, margin in self.guards.items())
        return levels[self.target] - self.reference[self.target] - PENALTY * harm

    def value(self, settings: Settings) -> float:
        """Return the true score of settings that could be trained."""
        levels = self.levels(settings)
        assert levels is not None, settings
        return self.score(levels)
