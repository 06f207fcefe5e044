"""What could be claimed at most: every recipe of a landscape of lists, with its true levels known.

A median alone does not say whether a recipe above it could be had honestly. This asks, of all recipes: which is best,
what is its chance to be claimed, and which promises most when that chance counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from lanes.config import ChoiceKnob
from probes.statistics.assurance import chance_of_passing, largest_confirmation
from probes.statistics.config import RefereeConfig
from probes.statistics.effects import Posterior
from runner.bench.proposers.claims import confirm_probes
from runner.bench.proposers.landscape import Landscape, Levels, Settings

KNOWN = 1e-9
"""Sd of what is believed of a true level."""


@dataclass(frozen=True)
class Ceiling:
    """The limits of a landscape at one budget."""

    probes: int
    confirm_probes: int
    """The largest confirmation that the budget allows our nights."""
    best: float
    """True value of the best recipe there is, in points."""
    best_claimed: float
    """Its chance to be claimed."""
    safest: float
    """True value of the recipe whose value times its chance is largest."""
    safest_claimed: float
    level: float
    """The value asked about."""
    level_claimed: float
    """Largest chance to be claimed of a recipe with that value or more; 0 where there is none."""


def ceilings(landscape: Landscape, levels: Mapping[int, float]) -> list[Ceiling]:
    """Return what could be had of a landscape with each budget; nothing where a knob has no list of values.

    Args:
        landscape: Its truth.
        levels: Budget → a value of which to say how often a recipe of at least that could be claimed.
    """
    if not all(isinstance(knob, ChoiceKnob) for knob in landscape.knobs.values()):
        return []
    recipes = sorted(((landscape.score(levels), levels) for levels in _levels(landscape)), key=lambda pair: -pair[0])
    return [_ceiling(landscape, recipes, probes, level) for probes, level in levels.items()]


def _ceiling(landscape: Landscape, recipes: Sequence[tuple[float, Levels]], probes: int, level: float) -> Ceiling:
    size = largest_confirmation(confirm_probes(probes), probes)
    best, levels = recipes[0]
    chance = _claimed(landscape, levels, size // 2)
    safest, safest_claimed = best, chance
    for value, levels in recipes:
        if value <= safest * safest_claimed:  # no recipe is worth more as a claim than it is
            break
        own = _claimed(landscape, levels, size // 2)
        if value * own > safest * safest_claimed:
            safest, safest_claimed = value, own
    above = (_claimed(landscape, levels, size // 2) for value, levels in recipes if value >= level)
    return Ceiling(probes, size, best, chance, safest, safest_claimed, level, max(above, default=0.0))


def _levels(landscape: Landscape) -> Iterator[Levels]:
    """Yield the true levels of every recipe that can be trained."""
    lists = {name: knob.values for name, knob in landscape.knobs.items() if isinstance(knob, ChoiceKnob)}
    for values in product(*lists.values()):
        settings: Settings = dict(zip(lists, values, strict=True))
        levels = landscape.levels(settings)
        if levels is not None:
            yield levels


def _claimed(landscape: Landscape, levels: Levels, runs: int) -> float:
    """Return the chance that target and guards pass, their noise being independent on these landscapes."""
    bars = {landscape.target: 0.0, **{name: -margin for name, margin in landscape.guards.items()}}
    level = RefereeConfig().confirm_level
    return prod(
        chance_of_passing(
            Posterior(levels[name] - landscape.reference[name], KNOWN), bar, landscape.noise_sd[name], runs, level
        )
        for name, bar in bars.items()
    )
