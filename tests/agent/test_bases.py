"""What blocks and rows are run on."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from pathlib import Path

from fakes import SimulatedLauncher
from simulated_nights import BASELINE, folder, make_night

from agent.bases import bases, firm
from agent.context import NightContext
from agent.night import run_night
from agent.referee import Referee
from lanes.config import LanesConfig
from probes.recipe import Recipe

WIDE = LanesConfig.model_validate(
    {
        "hyperparameters": {
            "learning_rate": {"low": 2.5e-4, "high": 4e-3, "scale": "log", "max_factor": 2.0},
            "rank": {"values": [4, 8, 16, 32], "max_factor": 2.0},
            "alpha": {"values": [4, 8, 16, 32], "max_factor": 2.0},
            "dropout": {"values": [0.0, 0.05, 0.1]},
            "weight_decay": {"values": [0.0, 0.01, 0.1]},
        }
    }
)


def dropout_helps_at_a_large_rank(recipe: Recipe) -> Mapping[str, float]:
    with_dropout = (0.8 if recipe.rank > BASELINE.rank else -1.2) if recipe.dropout else 0.0
    return {"private_voice": 2.0 * log(recipe.rank / 8) + with_dropout}


def a_little_of_everything(recipe: Recipe) -> Mapping[str, float]:
    return {"private_voice": 0.3 * log(recipe.rank / 8) + 0.3 * log(recipe.learning_rate / 1e-3)}


def night(tmp_path: Path, launcher: SimulatedLauncher, probes: int = 120) -> NightContext:
    context = make_night(tmp_path, launcher, probes=probes, lanes=WIDE)
    run_night(context)
    return context


def test_what_helps_only_on_top_of_a_large_gain_is_found(tmp_path: Path) -> None:
    found = 0
    for index in range(4):
        launcher = SimulatedLauncher(dropout_helps_at_a_large_rank, noise_sd=0.3 + index / 50)
        final = night(folder(tmp_path, str(index)), launcher).night.working_recipe
        assert final is not None
        found += final.rank > BASELINE.rank and final.dropout > 0.0
    assert found == 4


def test_later_blocks_are_run_on_the_firm_changes(tmp_path: Path) -> None:
    context = night(tmp_path, SimulatedLauncher(dropout_helps_at_a_large_rank))
    record = context.night
    sure = firm(context)
    assert [record.candidates[name].change.knob for name in sure][:1] == ["rank"]
    first, last = record.blocks[0], record.blocks[-1]
    assert any(sure[0] not in row for row in first.rows)
    assert all(sure[0] in row for row in last.rows)
    assert bases(context, ()) == sure
    assert sure[0] not in bases(context, sure[:1])


def test_small_gains_are_left_out_of_what_others_are_measured_on(tmp_path: Path) -> None:
    context = night(tmp_path, SimulatedLauncher(a_little_of_everything, noise_sd=0.4))
    assert context.night.accepted
    assert firm(context) == ()
    assert bases(context, ()) == ()


def test_a_gain_within_what_changes_do_to_one_another_is_not_built_on(tmp_path: Path) -> None:
    def any_of_three_will_do(recipe: Recipe) -> Mapping[str, float]:
        some = recipe.rank > BASELINE.rank or recipe.learning_rate > 1.5e-3 or recipe.alpha > 16
        return {"private_voice": 2.5 if some else 0.0}

    context = night(tmp_path, SimulatedLauncher(any_of_three_will_do, noise_sd=0.4), probes=60)
    referee = Referee(context.night, context.plan)
    large = [n for n in context.night.accepted if referee.effect(n).mean > 1.5 * referee.run_sd("private_voice")]
    assert large
    assert len(firm(context)) < len(large)
