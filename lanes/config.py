"""The session section `[lanes]`: which knobs exist, their bounds and their step limits."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from probes.candidate import LaneName
from probes.frozen import Frozen
from probes.recipe import Order, Recipe
from probes.words import did_you_mean

NOT_SEARCHABLE = {
    "base_model": "it is the session's, set in `[model]`",
    "chat_template": "it is the session's, set in `[model]`",
    "steps": "probes are only compared at equal steps, set in `[probe]`",
    "epochs": "`[probe] steps` decides how long a probe trains",
    "mix": "it is searched by the data-mix lane",
    "curriculum": "it is searched by the curriculum lane",
    "target_modules": "it takes a list",
}
"""Recipe field → why it cannot be a knob here."""


def _searchable(name: str) -> str:
    """Refuse a recipe field that cannot be a knob, whatever else is wrong with the knob.

    Raises:
        ValueError: there is no such field, or it is not for this lane.
    """
    fields = [field for field in Recipe.model_fields if field not in NOT_SEARCHABLE]
    if name in fields:
        return name
    why = NOT_SEARCHABLE.get(name, "a recipe has no such field")
    cure = f"choose from {', '.join(fields)}" if name in NOT_SEARCHABLE else did_you_mean(name, fields)
    raise ValueError(f"must name a field that can be searched: {why}; {cure}")


class NumericKnob(Frozen):
    """A recipe field that takes numbers, e.g. `[lanes.hyperparameters.learning_rate]`."""

    low: float
    """Lowest value ever tried."""
    high: float
    """Highest value ever tried."""
    scale: Literal["linear", "log"] = "linear"
    """Scale on which values are drawn."""
    integer: bool = False
    """Whole numbers only."""
    max_factor: Annotated[float, Field(gt=1.0)] | None = None
    """A single step multiplies or divides by at most this."""
    max_step: Annotated[float, Field(gt=0.0)] | None = None
    """A single step adds or subtracts at most this."""

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"`low` must be below `high`, got {self.low} and {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log scale needs `low` above 0, got {self.low}")
        if self.max_factor is None and self.max_step is None:
            raise ValueError("give the step limit: `max_factor` or `max_step`")
        return self


class ChoiceKnob(Frozen):
    """A recipe field that takes one of a few values, e.g. `[lanes.hyperparameters.rank]`."""

    values: tuple[float | int | str, ...] = Field(min_length=2)
    """All values; for numbers in rising order, and `max_factor` / `max_step` limit a single step."""
    max_factor: Annotated[float, Field(gt=1.0)] | None = None
    """A single step multiplies or divides by at most this."""
    max_step: Annotated[float, Field(gt=0.0)] | None = None
    """A single step adds or subtracts at most this."""

    @model_validator(mode="after")
    def _values_ordered(self) -> Self:
        numbers = [v for v in self.values if not isinstance(v, str)]
        if numbers and len(numbers) < len(self.values):
            raise ValueError(f"`values` must be all numbers or all words, got {list(self.values)}")
        if any(low >= high for low, high in pairwise(numbers)):
            raise ValueError(f"`values` must rise, got {list(self.values)}")
        if not numbers and len(set(self.values)) < len(self.values):
            raise ValueError(f"`values` must differ, got {list(self.values)}")
        if not numbers and (self.max_factor is not None or self.max_step is not None):
            raise ValueError("words have no distance: take `max_factor` and `max_step` out")
        return self


class MixKnob(Frozen):
    """How often matching rows are seen, e.g. `[lanes.data_mix.private_voice]`."""

    tags: dict[str, tuple[str, ...]] = {}
    """As in a mix rule."""
    prompt_words: tuple[str, ...] = ()
    """As in a mix rule."""
    match: Literal["any", "all"] = "any"
    """As in a mix rule."""
    repeats: tuple[Annotated[int, Field(ge=1, le=100)], ...] = ()
    """Repeats to try, 1 is the plain mix; or give `weights`."""
    weights: tuple[Annotated[float, Field(ge=0.0, le=100.0)], ...] = ()
    """Weights to try."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.repeats) == bool(self.weights):
            raise ValueError("give either `repeats` or `weights`")
        if not self.tags and not self.prompt_words:
            raise ValueError("a mix knob matches nothing: give it `tags` or `prompt_words`")
        return self


class OrderKnob(Frozen):
    """`[lanes.curriculum.order]`."""

    values: tuple[Order, ...] = Field(
        default=("shuffle", "source_first", "source_last", "easy_first", "hard_first", "interleave"), min_length=2
    )
    """Orders to try."""


class LanesConfig(Frozen):
    """`[lanes]`: a lane without knobs of its own gets its defaults; `closed` lanes are not searched."""

    closed: tuple[LaneName, ...] = ()
    """Lanes the night does not search."""
    hyperparameters: dict[Annotated[str, AfterValidator(_searchable)], NumericKnob | ChoiceKnob] = {}
    """Recipe field → its range; empty, around the baseline: learning_rate within × 10 (a step × 2), beta within × 2
    (a step ± .01), rank within × 4 (a step × 4), alpha within × 4 (a step × 2), dropout up to .2 (a step ± .1)."""
    data_mix: dict[str, MixKnob] = {}
    """Rule name → its repeats; empty: one knob per value of the `category` tag, repeats 1, 2, 3."""
    curriculum: dict[Literal["order"], OrderKnob] = {}
    """Empty: all six orders. Orders that the data cannot support are left out, and the knob's description says so."""
