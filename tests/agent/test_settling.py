"""What enters the final recipe when guards leave no room for all that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import log, sqrt
from statistics import fmean

import pytest
from fakes import SimulatedLauncher
from simulated_nights import make_night

from agent.assurance import Assurance, affordable_confirmation
from agent.context import NightContext
from agent.night import run_night
from agent.recipes import standing
from agent.referee import Referee
from agent.settling import believed, most_claimable
from lanes.config import LanesConfig
from probes.recipe import Recipe
from runner.bench.proposers.miniature import open_miniature
from runner.bench.proposers.ours import our_night

DEAR = LanesConfig.model_validate(
    {
        "hyperparameters": {
            "learning_rate": {"low": 5e-4, "high": 2e-3, "scale": "log", "max_factor": 2.0},
            "rank": {"values": [8, 16], "max_factor": 2.0},
            "alpha": {"values": [8, 16, 32], "max_factor": 2.0},
            "dropout": {"values": [0.0, 0.05]},
            "weight_decay": {"values": [0.0, 0.01]},
        }
    }
)


def gains_that_cost_a_guard(recipe: Recipe) -> Mapping[str, float]:
    steps = (
        log(recipe.learning_rate / 1e-3) / log(2),
        log(recipe.rank / 8) / log(2),
        log(recipe.alpha / 16) / log(2),
        float(recipe.dropout > 0),
        float(recipe.weight_decay > 0),
    )
    gain = sum(share * step for share, step in zip((1.2, 0.9, 0.7, 0.5, 0.4), steps, strict=True))
    cost = sum(share * step for share, step in zip((0.9, 0.3, 0.6, 0.1, 0.5), steps, strict=True))
    return {"private_voice": gain, "ground_truth": -cost}


@pytest.fixture(scope="module")
def dear(tmp_path_factory: pytest.TempPathFactory) -> NightContext:
    context = make_night(
        tmp_path_factory.mktemp("n"), SimulatedLauncher(gains_that_cost_a_guard), probes=100, lanes=DEAR
    )
    run_night(context)
    return context


def worth(context: NightContext, names: Sequence[str]) -> float:
    referee = Referee(context.night, context.plan)
    probes = affordable_confirmation(context, context.plan.referee.rehearsals)
    chance = Assurance(context.plan, referee).of(names, probes)
    return referee.total(context.plan.target, names).mean * sqrt(chance)


def test_no_other_set_of_the_believed_changes_is_worth_more_as_a_claim(dear: NightContext) -> None:
    referee = Referee(dear.night, dear.plan)
    names = believed(dear, referee)
    assert len(names) > 3
    sets = (chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size))
    plan, candidates = dear.plan, dear.night.candidates
    standing_sets = [s for s in sets if standing(plan.baseline, s, candidates, dear.lanes)[0] == s]
    best = max(worth(dear, s) for s in standing_sets)
    assert worth(dear, most_claimable(dear, referee, names)) >= 0.97 * best
    assert best > worth(dear, standing(plan.baseline, names, candidates, dear.lanes)[0])


def test_the_order_of_the_changes_does_not_matter(dear: NightContext) -> None:
    referee = Referee(dear.night, dear.plan)
    names = believed(dear, referee)
    whole = worth(dear, most_claimable(dear, referee, names))
    assert worth(dear, most_claimable(dear, referee, names[::-1])) == pytest.approx(whole, rel=0.05)


def test_of_nothing_believed_nothing_is_chosen(dear: NightContext) -> None:
    assert most_claimable(dear, Referee(dear.night, dear.plan), ()) == ()


def test_nights_end_with_recipes_that_may_be_claimed() -> None:
    """Of sets that promised most within the guards' margins six in ten were, and 3.4 points shipped."""
    landscape = open_miniature()
    nights = [our_night(landscape, seed, 100) for seed in range(20)]
    assert fmean(night.claimed for night in nights) > 0.75
    assert fmean(landscape.value(night.settings) * night.claimed for night in nights) > 4.2


@pytest.mark.parametrize(("seed", "least"), [(1, 5.0), (4, 4.0), (6, 5.0)])
def test_the_best_changes_stay_where_a_guard_has_no_room_for_all(seed: int, least: float) -> None:
    """Taking out whatever cost the endangered guard most left +3.4, +3.4 and +4.2 of these nights.

    The set that promised most had 5 and more in all three; the one worth most as a claim gives some of it up in the
    second, for a claim.
    """
    landscape = open_miniature()
    night = our_night(landscape, seed, 100)
    levels, value = landscape.levels(night.settings), landscape.value(night.settings)
    assert levels is not None
    assert value > 5.0 or (value > least and night.claimed)
    assert all(levels[name] > landscape.reference[name] - margin for name, margin in landscape.guards.items())
