"""Recipes with several changes: which changes can stand together, and what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from lanes.lane import Lane
from probes.candidate import Candidate, LaneName, show_value
from probes.recipe import Recipe
from tracking.night import NightRecord


def combine(
    baseline: Recipe, changes: Sequence[str], candidates: Mapping[str, Candidate], lanes: Mapping[LaneName, Lane]
) -> Recipe | str:
    """Return the baseline with `changes` made in order, or why they do not stand together.

    Each change must find its knob where it starts from. Step limits hold for one proposal, not for the sum.
    """
    recipe = baseline
    for name in changes:
        found = with_change(recipe, name, candidates, lanes)
        if isinstance(found, str):
            return found
        recipe = found
    return recipe


def with_change(
    recipe: Recipe, name: str, candidates: Mapping[str, Candidate], lanes: Mapping[LaneName, Lane]
) -> Recipe | str:
    """Return `recipe` with one more change, or why that does not stand on it."""
    change = candidates[name].change
    lane = lanes[change.lane]
    here = lane.value(recipe, change.knob)
    if here != change.before:
        return f"{name} starts from `{change.knob}` {show_value(change.before)}, here it is {show_value(here)}"
    try:
        return lane.apply(change, recipe)
    except ValidationError as error:
        return f"{name} does not fit: {'; '.join(str(e['msg']) for e in error.errors())}"


def standing(
    baseline: Recipe, changes: Sequence[str], candidates: Mapping[str, Candidate], lanes: Mapping[LaneName, Lane]
) -> tuple[tuple[str, ...], Recipe]:
    """Return those of `changes` that stand together, the earlier before the later, and their recipe."""
    kept: tuple[str, ...] = ()
    recipe = baseline
    for name in changes:
        found = with_change(recipe, name, candidates, lanes)
        if isinstance(found, Recipe):
            kept, recipe = (*kept, name), found
    return kept, recipe


def starts_from(night: NightRecord, change: str, others: Sequence[str]) -> str | None:
    """Return the one of `others` that set the knob to where `change` starts, None when there is none."""
    own = night.candidates[change].change
    for name in reversed(others):
        other = night.candidates[name].change
        if name != change and (other.lane, other.knob, other.after) == (own.lane, own.knob, own.before):
            return name
    return None


def trained_recipe(night: NightRecord, lanes: Mapping[LaneName, Lane], candidate: str) -> Recipe | str:
    """Return the candidate's change on the present working recipe, or why it no longer fits there."""
    assert night.working_recipe is not None
    proposed = night.candidates[candidate]
    lane = lanes[proposed.change.lane]
    if proposed.parent == night.working_recipe.fingerprint:
        return proposed.recipe
    refusal = lane.refusal(proposed.change, night.working_recipe)
    return refusal if refusal is not None else lane.apply(proposed.change, night.working_recipe)
