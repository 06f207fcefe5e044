"""Settings as flat params: a recipe, and the sections of a session file, under the names that they have there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.recipe import MixRule, Recipe


def recipe_params(recipe: Recipe) -> dict[str, str]:
    """Return a recipe as flat params under its own field names; a mix rule as `mix.<rule>.repeat` where it is not 1."""
    plain = recipe.model_dump(mode="json")
    plain["mix"] = {
        "global_repeat": recipe.mix.global_repeat,
        **{rule.name: _moved(rule) for rule in recipe.mix.rules},
    }
    return {**flatten(plain), "recipe.fingerprint": recipe.fingerprint}


def _moved(rule: MixRule) -> dict[str, float]:
    values = {"repeat": rule.repeat, "weight": rule.weight}
    return {name: value for name, value in values.items() if value != 1}


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as `a.b` → text; lists joined by commas, None as `default`."""
    flat: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{prefix}{key}.")  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(item, list | tuple):
            flat[f"{prefix}{key}"] = ", ".join(str(part) for part in item)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        else:
            flat[f"{prefix}{key}"] = "default" if item is None else str(item).removesuffix(".0")
    return flat
