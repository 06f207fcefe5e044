"""A candidate: one change of one knob against the working recipe."""

from __future__ import annotations

from typing import Any, Literal

from probes.frozen import Frozen, digest_of
from probes.recipe import Recipe

LaneName = Literal["hyperparameters", "data_mix", "curriculum"]
KnobValue = float | int | str | bool


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


def show_value(value: Any) -> str:
    """Return a knob's value in its shortest exact form (0.0001 → 1e-04, None → default)."""
    if value is None:
        return "default"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
