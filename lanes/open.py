"""Opens the lanes of a night: the session's section, the baseline and what the data can support become lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lanes.config import LanesConfig
from lanes.curriculum import open_curriculum, why_no_curriculum
from lanes.data_mix import open_data_mix, why_no_data_mix
from lanes.hyperparameters import open_hyperparameters, pick_by_gp, pick_informed
from lanes.lane import Lane, Tags
from lanes.pickers import Picker, PickerName, pick_random, pick_spread
from probes.candidate import LANES, LaneName
from probes.errors import ConfigError
from probes.recipe import Recipe


def _nothing(config: LanesConfig, baseline: Recipe, tags: Tags) -> str:
    return "none of its knobs has two values"


class Opening(NamedTuple):
    """How a lane is opened."""

    open: Callable[[LanesConfig, Recipe, Tags, Picker], Lane | None]
    """None: there is nothing to vary."""
    is_informed: bool
    """Whether what it asks for is learned from the night; else it is spread over the knobs' few values."""
    why_not: Callable[[LanesConfig, Recipe, Tags], str] = _nothing
    """Why there is nothing to vary."""


OPENINGS: Mapping[LaneName, Opening] = {
    "hyperparameters": Opening(open_hyperparameters, is_informed=True),
    "data_mix": Opening(open_data_mix, False, why_no_data_mix),
    "curriculum": Opening(open_curriculum, False, why_no_curriculum),
}


def open_lanes(config: LanesConfig, baseline: Recipe, tags: Tags, picker: PickerName) -> dict[LaneName, Lane]:
    """Return the open lanes by name; closed ones, and ones with nothing to vary, are left out.

    Args:
        config: the session's `[lanes]`.
        baseline: the recipe the night starts from; defaults lie around it.
        tags: what the training data is made of.
        picker: `optuna` and `gp` ask informed questions, `random` draws from the same windows.

    Raises:
        ConfigError: a knob cannot be searched as written, or no lane is open.
    """
    informed = {"optuna": pick_informed, "gp": pick_by_gp, "random": pick_random}[picker]
    spread = pick_random if picker == "random" else pick_spread
    opened: dict[LaneName, Lane] = {}
    for name, opening in OPENINGS.items():
        if name in config.closed:
            continue
        lane = opening.open(config, baseline, tags, informed if opening.is_informed else spread)
        if lane is not None:
            opened[name] = lane
    if not opened:
        raise ConfigError("`[lanes]` must leave at least one lane something to vary; shorten `closed` or add knobs")
    return opened


def why_left_out(
    config: LanesConfig, baseline: Recipe, tags: Tags, opened: Mapping[LaneName, Lane]
) -> dict[LaneName, str]:
    """Return why each lane that `open_lanes` left out has nothing to vary.

    Args:
        config: the session's `[lanes]`.
        baseline: the recipe the night starts from.
        tags: what the training data is made of.
        opened: what `open_lanes` returned for the same.
    """
    closed = "the session closes it in `[lanes] closed`"
    return {
        name: closed if name in config.closed else OPENINGS[name].why_not(config, baseline, tags)
        for name in LANES
        if name not in opened
    }


def configured_lanes(config: LanesConfig) -> frozenset[LaneName]:
    """Return the lanes whose knobs the session names."""
    return frozenset(name for name in LANES if getattr(config, name))
