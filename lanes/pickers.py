"""Ways to pick one of a lane's open moves that need no model: at random, and spread over small sets of values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

from lanes.config import NumericKnob
from lanes.knobs import is_number, position, positions
from lanes.moves import OpenKnob
from probes.candidate import KnobValue

PickerName = Literal["optuna", "gp", "random"]
"""How the hyperparameter lane picks: Optuna's TPE, Optuna's Gaussian process, or by chance, as all lanes do then."""
Pick = tuple[str, KnobValue]
Picker = Callable[[Sequence[OpenKnob], Random], Pick]
"""Takes the open knobs, at least one, and a seeded source of chance; returns a knob and one of its open values."""


def pick_random(knobs: Sequence[OpenKnob], chance: Random) -> Pick:
    """Return a random knob and a random open value of it, even on the knob's scale."""
    knob = chance.choice(knobs)
    if not isinstance(knob.knob, NumericKnob):
        return knob.name, chance.choice(knob.values)
    return knob.name, nearest(knob, chance.uniform(*knob.span))


def pick_spread(knobs: Sequence[OpenKnob], chance: Random) -> Pick:
    """Return a move of a knob tried least: the farthest step up, else the farthest down; ties and names by chance.

    What a knob does shows best at the ends of what it may do, and a ruinous end costs a smoke run.
    """
    fewest = min(len(knob.tried) for knob in knobs)
    knob = chance.choice([k for k in knobs if len(k.tried) == fewest])
    working = knob.working
    if not is_number(working):
        return knob.name, chance.choice(knob.values)
    return knob.name, farthest(knob, working, ups=True)


def nearest(knob: OpenKnob, place: float) -> KnobValue:
    """Return the open value nearest to `place` on the knob's scale; of numbers only."""

    def stands(value: KnobValue) -> float:
        return position(knob.knob, value)

    after = bisect_left(knob.values, place, key=stands)
    return min(knob.values[max(0, after - 1) : after + 1], key=lambda value: abs(stands(value) - place))


def farthest(knob: OpenKnob, working: float, ups: bool) -> KnobValue:
    """Return the open number farthest from `working` on the side asked for, on the other when there is none."""
    numbers = [value for value in knob.values if is_number(value)]
    side = [value for value in numbers if (value > working) == ups] or numbers
    here = position(knob.knob, working)
    return max(zip(side, positions(knob.knob, side), strict=True), key=lambda at: abs(at[1] - here))[0]
