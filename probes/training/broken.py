"""A training broken on purpose: the model is taught to answer nothing at all.

Silence is the quickest thing to learn, whatever the objective and the data: one token, the end of the turn. No scorer
gives it full marks, so every instrument that measures answers must see it. It costs a fraction of a probe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from probes.data.rows import Row
from probes.recipe import Recipe

LEARNING_RATE = 2e-3
"""At least this: a LoRA learns one token with it in few steps."""


def broken(rows: Sequence[Row], recipe: Recipe) -> tuple[list[Row], Recipe]:
    """Return `rows` with empty answers and a supervised recipe that surely learns them, in the same number of steps."""
    silent = [replace(row, chosen="", rejected=None) for row in rows]
    changes = {
        "objective": "sft",
        "learning_rate": max(recipe.learning_rate, LEARNING_RATE),
        "alpha": max(recipe.alpha, float(recipe.rank)),
        "scheduler": "constant",
        "warmup_ratio": 0.0,
    }
    return silent, recipe.replace(**changes)
