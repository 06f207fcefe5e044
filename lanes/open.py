"""Opens the lanes of a night: the session's section, the baseline and what the data can support become lanes."""

from __future__ import annotations

from collections.abc import Mapping

from lanes.config import LanesConfig
from lanes.curriculum import open_curriculum
from lanes.data_mix import open_data_mix
from lanes.hyperparameters import open_hyperparameters, pick_by_gp, pick_informed
from lanes.lane import Lane
from lanes.pickers import PickerName, pick_random, pick_spread
from probes.candidate import LaneName
from probes.errors import ConfigError
from probes.recipe import Recipe


def open_lanes(
    config: LanesConfig,
    baseline: Recipe,
    tags: Mapping[str, Mapping[str, int]],
    picker: PickerName,
) -> dict[LaneName, Lane]:
    """Return the open lanes by name; closed ones, and ones with nothing to vary, are left out.

    Args:
        config: the session's `[lanes]`.
        baseline: the recipe the night starts from; defaults lie around it.
        tags: composition of the training data: tag name → value → rows.
        picker: `optuna` and `gp` ask informed questions, `random` draws from the same windows.

    Raises:
        ConfigError: a knob cannot be searched as written, or no lane is open.
    """
    informed = {"optuna": pick_informed, "gp": pick_by_gp, "random": pick_random}[picker]
    spread = pick_random if picker == "random" else pick_spread
    lanes: list[Lane | None] = []
    if "hyperparameters" not in config.closed:
        lanes.append(open_hyperparameters(config, baseline, informed))
    if "data_mix" not in config.closed:
        lanes.append(open_data_mix(config, baseline, tags, spread))
    if "curriculum" not in config.closed:
        lanes.append(open_curriculum(config, baseline, tags, spread))
    opened: dict[LaneName, Lane] = {lane.name: lane for lane in lanes if lane is not None}
    if not opened:
        raise ConfigError("`[lanes]` must leave at least one lane something to vary; shorten `closed` or add knobs")
    return opened
