"""Whether what a peer ends with could be claimed: the confirmation of our nights, held for settings of theirs.

As many probes as the largest confirmation of ours may have. A peer that spends its whole budget on its search has them
on top, in its favour; one that pays for them, as ours do, ends its search earlier.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from probes.statistics.assurance import largest_confirmation
from probes.statistics.config import RefereeConfig
from probes.statistics.confirmation import confirm
from probes.statistics.runs import Run
from runner.bench.proposers.landscape import Landscape, Levels, Settings

SMALL_NIGHT = 40
"""With fewer probes the night is the smallest a session can ask for: the usual one would have one to search with."""
CONFIRM_PROBES, LEAST_CONFIRM = 16, 6
STREAM = 11
"""Keeps these draws apart from those of the search."""


def confirm_probes(budget: int) -> int:
    """Return how many probes our night of so many in all keeps for its confirmation, half for each side."""
    return LEAST_CONFIRM if budget < SMALL_NIGHT else CONFIRM_PROBES


def paid_search(budget: int) -> int:
    """Return how many probes a peer's search has when its confirmation is inside the budget, as ours is."""
    return budget - largest_confirmation(confirm_probes(budget), budget)


def is_claimed(landscape: Landscape, settings: Settings, seed: int, budget: int) -> bool:
    """Return whether settings that a peer ends with pass a confirmation as large as ours may be with that budget.

    The baseline claims nothing, nor do settings that cannot be trained.
    """
    levels = landscape.levels(settings)
    if levels is None or dict(settings) == dict(landscape.baseline):
        return False
    rng, runs = np.random.default_rng([STREAM, seed, budget]), largest_confirmation(confirm_probes(budget), budget) // 2
    baseline = _runs(landscape, landscape.reference, frozenset(), runs, rng)
    final = _runs(landscape, levels, frozenset({"final"}), runs, rng)
    level = RefereeConfig().confirm_level
    return confirm(baseline, final, landscape.target, landscape.guards, level=level).confirmed


def _runs(landscape: Landscape, levels: Levels, changes: frozenset[str], count: int, rng: Generator) -> list[Run]:
    """Return so many probes of a recipe: its true levels and noise."""
    noise = landscape.noise_sd
    draws = [{name: float(at + rng.normal(0.0, noise[name])) for name, at in levels.items()} for _ in range(count)]
    return [Run(changes, seed, scores) for seed, scores in enumerate(draws)]
