"""Our nights on the bench's landscapes: the real graph, lanes, smoke runs, referee and settling; simulated probes.

They go by single changes within the step limits and may end with the baseline. All that they spend is within the budget
that peers have for their search alone: controls, calibration, smoke runs, rehearsals and the confirmation.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from agent.night import run_night
from agent.plan import NightPlan
from agent.schedule import probes_used
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from runner.bench.proposers.claims import SMALL_NIGHT, confirm_probes
from runner.bench.proposers.landscape import Landscape, Levels, Settings
from runner.bench.simulated import ListLedger, SimulatedLauncher, open_night

OURS = "nightlab"
CONTROLS = 2
"""Price of the control probes, taken off the budget: what they show is no part of these landscapes."""
LEAST_CALIBRATION = 3
ITEMS = 24


class Ended(NamedTuple):
    """How a night ended."""

    settings: Settings
    """Of the final recipe."""
    claimed: bool
    spent: int
    """Probes in all; a night may end with some left."""


def our_night(landscape: Landscape, seed: int, probes: int) -> Ended:
    """Play a night of at most so many probes in all."""
    rules = RefereeConfig(controls=False)
    if probes < SMALL_NIGHT:
        rules = rules.model_copy(update={"calibration_runs": LEAST_CALIBRATION})

    def truth(recipe: Recipe) -> Levels | None:
        return landscape.levels(landscape.settings_of(recipe))

    items = dict.fromkeys(landscape.noise_sd, ITEMS)
    plan = NightPlan(
        session="bench",
        seed=seed,
        baseline=landscape.recipe,
        target=landscape.target,
        guards=dict(landscape.guards),
        referee=rules,
        budget_probes=probes - CONTROLS,
        confirm_probes=confirm_probes(probes),
        max_attempts=2,
        search_items=items,
        held_out_items=items,
        samples=3,
    )
    launcher = SimulatedLauncher(truth, landscape.noise_sd, seed=seed)
    with TemporaryDirectory() as name:
        context = open_night(plan, launcher, landscape.open_lanes(), Path(name), ListLedger())
        run_night(context)
    night = context.night
    assert night.working_recipe is not None
    claimed = night.claim is not None and night.claim.confirmed
    return Ended(landscape.settings_of(night.working_recipe), claimed, CONTROLS + probes_used(night))
