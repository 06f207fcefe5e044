"""The night of `make bench-loop`: more moves than a night of 10,000 probes can try, and six categories."""

from __future__ import annotations

from agent.plan import NightPlan
from lanes.config import ChoiceKnob, NumericKnob
from lanes.hyperparameters import pick_informed
from lanes.knobs import is_number
from probes.frozen import digest_of
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from runner.bench.simulated import Levels, NamedLane, settings_of

CATEGORIES = ("anachronism", "character", "ground_truth", "position", "private_voice", "verified")
LEVEL, NOISE_SD = 5.0, 0.5
LISTED_MOVES = 4800
"""Moves of all long lists together: more than a night of 10,000 probes can try."""
HELPFUL = 0.1
"""Share of the knobs that help where they go up; the others hurt or do nothing."""
CONFIRM_PROBES = 16
RECIPE = Recipe(base_model="m", steps=300)


def wide_lane(knobs: int) -> NamedLane:
    """Return a lane over so many knobs, all at 1 in the baseline: every other one a range, the others long lists.

    A range holds five moves or so before two could not be told apart.
    """
    names = [f"k{number:03d}" for number in range(knobs)]
    ranged = NumericKnob(low=0.05, high=20.0, scale="log", max_factor=2.0)
    listed = ChoiceKnob(values=tuple(round(0.02 * step, 2) for step in range(1, 2 * LISTED_MOVES // knobs + 2)))
    kinds = {name: listed if number % 2 else ranged for number, name in enumerate(names)}
    return NamedLane(kinds, dict.fromkeys(names, 1.0), pick_informed)


def wide_plan(probes: int, seed: int = 0) -> NightPlan:
    """Return a night with five guards over the wide space."""
    return NightPlan(
        session="loop",
        seed=seed,
        baseline=RECIPE,
        target="private_voice",
        guards={name: 1.5 for name in CATEGORIES if name != "private_voice"},
        referee=RefereeConfig(controls=False),
        budget_probes=probes,
        confirm_probes=CONFIRM_PROBES,
        max_attempts=2,
        search_items=dict.fromkeys(CATEGORIES, 24),
        held_out_items=dict.fromkeys(CATEGORIES, 24),
        samples=1,
    )


def truth(recipe: Recipe) -> Levels:
    """Return the levels of a recipe: a few knobs help on their way up, most hurt a little whichever way they go."""
    gain = 0.0
    for name, value in settings_of(recipe).items():
        chance = int(digest_of([name])[:4], 16) / 0x10000
        if is_number(value):
            gain += (0.25 if value > 1 else -0.25) if chance < HELPFUL else -0.1 * (chance > 0.5)
    return {name: LEVEL + (gain if name == "private_voice" else 0.0) for name in CATEGORIES}
