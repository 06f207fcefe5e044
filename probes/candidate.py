"""A candidate: one change of one knob against the working recipe."""

from __future__ import annotations

from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from probes.frozen import Frozen, digest_of
from probes.recipe import Recipe

LaneName = Literal["hyperparameters", "data_mix", "curriculum"]
LANES: tuple[LaneName, ...] = get_args(LaneName)
KnobValue = float | int | str | bool
MOST_WORDS = 300
"""Characters of a hypothesis, and of what would refute it."""


class Change(Frozen):
    """One knob's new value; `before` is its value in the working recipe it was proposed against."""

    lane: LaneName
    knob: str
    before: KnobValue | None
    after: KnobValue

    @property
    def key(self) -> str:
        """Stable id of the *move* (lane, knob, new value): the same move is never proposed twice."""
        return digest_of([self.lane, self.knob, self.after])

    def __str__(self) -> str:
        """Return the change as it is written in reports and logs."""
        return f"{self.knob} {show_value(self.before)} → {show_value(self.after)}"


class Forecast(Frozen):
    """What a proposer expects of its change, stated before the first probe; scored against what is measured."""

    effect: float
    """Expected change of the target, in points."""
    low: float
    """Lower end of the 90 % interval of the effect."""
    high: float
    confidence: float = Field(ge=0.0, le=1.0)
    """P(effect > 0)."""
    refuted_by: str = Field(default="", max_length=MOST_WORDS)
    """What would refute the hypothesis; text only, never interpreted."""

    @model_validator(mode="after")
    def _holds_its_effect(self) -> Self:
        if not self.low <= self.effect <= self.high:
            raise ValueError(
                f"the interval must hold the expected effect, got {self.effect:g} with {self.low:g} … {self.high:g}"
            )
        return self


class Candidate(Frozen):
    """A recipe somebody proposed, its parent and why."""

    id: str
    """`c01`, `c02`, … in the order of proposal."""
    change: Change
    parent: str
    """Fingerprint of the working recipe it was proposed against."""
    recipe: Recipe
    """The parent with `change` applied."""
    proposer: str
    """Who proposed it: `optuna`, `random`, `space_filling`, a model's name."""
    rationale: str = ""
    """One sentence; text only, never interpreted."""
    hypothesis: str = Field(default="", max_length=MOST_WORDS)
    """Why the change should help, in one sentence; text only, never interpreted. Empty: its proposer states none."""
    forecast: Forecast | None = None
    """None: its proposer makes none."""


def show_value(value: Any) -> str:
    """Return a knob's value in its shortest exact form (0.0001 → 1e-04, None → default)."""
    if value is None:
        return "default"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
