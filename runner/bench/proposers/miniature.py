"""The miniature's landscape: what `make landscape` measured of its single changes, put together for whole recipes.

How changes act together was not measured. Here they add up on the logit of the score, so that each alone has its
measured effect and no sum leaves the scale of 0 to 10. Values between the measured ones are not offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

from lanes.config import ChoiceKnob, LanesConfig
from lanes.knobs import Knob
from lanes.lane import Lane
from lanes.open import open_lanes
from probes.candidate import KnobValue, LaneName
from probes.recipe import Curriculum, Recipe
from runner.bench.proposers.landscape import Landscape, Levels, Settings

CATEGORIES = (
    "private_voice",
    "anachronism_trap",
    "character_consistency",
    "ground_truth",
    "position_discrimination",
    "verified_response",
)
BASELINE: Mapping[str, tuple[float, float]] = dict(
    zip(CATEGORIES, [(3.27, 0.60), (7.36, 0.50), (8.91, 0.33), (8.47, 0.51), (9.07, 0.50), (8.31, 0.54)], strict=True)
)
"""Category → the baseline's mean and its sd over seeds. Source, as of the effects: `make landscape` on
`miniature.toml`, 12 seeds a change, 2026-11-21, in results/LOG.md."""
EFFECTS: tuple[tuple[str, KnobValue, tuple[float, ...]], ...] = (
    ("learning_rate", 0.004, (4.11, 1.32, 0.47, -0.78, 0.15, 1.12)),
    ("private_voice", 4, (4.09, -0.74, -0.42, -0.37, -0.53, -0.25)),
    ("private_voice", 3, (3.72, -0.54, -0.37, -0.55, -0.43, -0.33)),
    ("letters", 3, (3.46, -1.83, -1.33, -0.89, -0.92, -1.47)),
    ("alpha", 32, (3.38, 0.83, 0.52, -0.26, -0.14, 1.02)),
    ("learning_rate", 0.003, (3.10, 0.78, 0.52, -0.48, -0.06, 0.90)),
    ("letters", 2, (2.88, -1.06, -0.62, -0.76, -0.46, -1.03)),
    ("private_voice", 2, (2.83, -0.01, -0.24, -0.37, -0.27, 0.02)),
    ("order", "interleave", (2.05, 0.19, 0.46, -0.51, -0.31, -0.03)),
    ("order", "source_last", (1.49, 0.66, 0.40, -0.78, -0.17, -1.71)),
    ("drafts", 2, (0.32, -0.68, -0.39, -0.43, -0.33, -0.77)),
    ("rank", 32, (0.06, -0.08, 0.05, -0.05, -0.12, 0.05)),
    ("beta", 0.09, (0.06, -0.02, -0.07, -0.07, -0.03, -0.01)),
    ("beta", 0.11, (-0.01, -0.04, -0.06, 0.01, 0.03, 0.08)),
    ("rank", 8, (-0.09, 0.01, -0.02, -0.05, -0.19, 0.13)),
    ("order", "easy_first", (-0.21, -0.09, -0.17, -0.28, -0.58, -0.47)),
    ("drafts", 0, (-0.24, 0.58, 0.45, 0.12, -0.06, 1.14)),
    ("ground_truth", 2, (-0.32, -0.69, -0.58, 0.22, -0.62, -0.07)),
    ("order", "hard_first", (-0.34, 0.09, -0.10, -0.22, -0.19, -0.05)),
    ("dialogues", 2, (-0.66, 0.60, 0.42, -0.60, 0.20, -1.11)),
    ("learning_rate", 0.0015, (-0.83, -1.16, -0.72, -0.26, -0.62, -0.78)),
    ("alpha", 8, (-0.92, -1.53, -0.81, -0.37, -0.73, -1.08)),
    ("learning_rate", 0.001, (-0.96, -3.08, -3.18, -0.49, -1.76, -1.46)),
    ("order", "source_first", (-1.34, -1.64, -0.77, -1.14, -0.32, -1.11)),
)
"""Knob, value, mean effect on each category against the baseline."""
START: Settings = {
    "learning_rate": 0.002, "alpha": 16, "rank": 16, "beta": 0.1, "private_voice": 1, "letters": 1, "drafts": 1,
    "ground_truth": 1, "dialogues": 1, "order": "shuffle",
}  # fmt: skip
FIELDS = ("learning_rate", "alpha", "rank", "beta")
MIX: tuple[str, ...] = ("private_voice", "letters", "drafts", "ground_truth", "dialogues")
MARGIN = 1.5
"""As in `miniature.toml`."""


def open_miniature() -> Landscape:
    """Return the landscape."""
    shifts = {(knob, value): _shifts(effects) for knob, value, effects in EFFECTS}
    lanes = _lanes_config()
    recipe = Recipe(base_model="m", learning_rate=0.002, rank=16, curriculum=Curriculum(sources=("records",)))
    tags: dict[str, dict[str, int]] = {
        "category": dict.fromkeys(MIX, 20),
        "source": {"records": 30, "letters": 30},
        "difficulty": {"easy": 20, "hard": 20},
    }

    def levels(settings: Settings) -> Levels:
        found: dict[str, float] = {}
        for at, category in enumerate(CATEGORIES):
            here = _logit(BASELINE[category][0])
            here += sum(shifts[pair][at] for pair in settings.items() if pair in shifts)
            found[category] = 10 / (1 + exp(-here))
        return found

    def opened() -> Mapping[LaneName, Lane]:
        return open_lanes(lanes, recipe, tags, "optuna")

    return Landscape(
        name="miniature",
        knobs=_knobs(),
        baseline=START,
        levels=levels,
        target="private_voice",
        noise_sd={name: sd for name, (_, sd) in BASELINE.items()},
        recipe=recipe,
        open_lanes=opened,
        settings_of=_settings,
        guards=dict.fromkeys(CATEGORIES[1:], MARGIN),
    )


def _settings(recipe: Recipe) -> Settings:
    repeats = {rule.name: rule.weight if rule.weight != 1.0 else rule.repeat for rule in recipe.mix.rules}
    fields: dict[str, KnobValue] = {name: getattr(recipe, name) for name in FIELDS}
    return {**fields, **{name: repeats.get(name, 1) for name in MIX}, "order": recipe.curriculum.order}


def _knobs() -> dict[str, Knob]:
    limits = {"learning_rate": (2.0, None), "alpha": (2.0, None), "rank": (2.0, None), "beta": (None, 0.01)}
    knobs: dict[str, Knob] = {}
    for name, here in START.items():
        values = [here, *(value for knob, value, _ in EFFECTS if knob == name)]
        factor, step = limits.get(name, (None, None))
        ordered = tuple(values) if isinstance(here, str) else tuple(sorted(values, key=float))
        knobs[name] = ChoiceKnob.model_validate({"values": ordered, "max_factor": factor, "max_step": step})
    return knobs


def _lanes_config() -> LanesConfig:
    knobs = _knobs()
    mix = {name: {"tags": {"category": (name,)}, "weights": knobs[name].model_dump()["values"]} for name in MIX}
    hyperparameters = {name: knobs[name].model_dump() for name in FIELDS}
    orders = {"order": {"values": knobs["order"].model_dump()["values"]}}
    return LanesConfig.model_validate({"hyperparameters": hyperparameters, "data_mix": mix, "curriculum": orders})


def _shifts(effects: tuple[float, ...]) -> tuple[float, ...]:
    means = (BASELINE[name][0] for name in CATEGORIES)
    return tuple(_logit(mean + effect) - _logit(mean) for mean, effect in zip(means, effects, strict=True))


def _logit(score: float) -> float:
    share = min(max(score, 0.05), 9.95) / 10
    return log(share / (1 - share))
