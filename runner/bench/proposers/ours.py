"""Our nights on the bench's landscapes: the real graph, lanes, smoke runs, referee and settling; simulated probes.

They go by single changes within the step limits, spend probes on calibration, smoke runs and a rehearsal, and may end
with the baseline. Control probes are off, and the confirmation's probes, which peers have no like of, come on top.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from agent.night import run_night
from agent.plan import NightPlan
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from runner.bench.proposers.landscape import Landscape, Levels, Settings
from runner.bench.simulated import ListLedger, SimulatedLauncher, open_night

OURS = "nightlab"
CONFIRM_PROBES = 16
ITEMS = 24


def our_night(landscape: Landscape, seed: int, probes: int) -> Settings:
    """Return the settings of the final recipe of a night with so many probes for its search."""

    def truth(recipe: Recipe) -> Levels | None:
        return landscape.levels(landscape.settings_of(recipe))

    items = dict.fromkeys(landscape.noise_sd, ITEMS)
    plan = NightPlan(
        session="bench",
        seed=seed,
        baseline=landscape.recipe,
        target=landscape.target,
        guards=dict(landscape.guards),
        referee=RefereeConfig(controls=False),
        budget_probes=probes + CONFIRM_PROBES,
        confirm_probes=CONFIRM_PROBES,
        max_attempts=2,
        search_items=items,
        held_out_items=items,
        samples=3,
    )
    launcher = SimulatedLauncher(truth, landscape.noise_sd, seed=seed)
    with TemporaryDirectory() as name:
        context = open_night(plan, launcher, landscape.open_lanes(), Path(name), ListLedger())
        run_night(context)
    assert context.night.working_recipe is not None
    return landscape.settings_of(context.night.working_recipe)
