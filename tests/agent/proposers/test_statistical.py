"""The proposers without a language model: what the night asked before there was a protocol, and the GP."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import SimulatedLauncher
from simulated_nights import BASELINE, LANES, TAGS, faster_helps, make_night, nothing_helps

from agent.night import run_night
from agent.proposers.statistical import StatisticalProposer
from lanes.config import LanesConfig, NumericKnob
from lanes.open import open_lanes
from lanes.pickers import PickerName
from lanes.tried import Tried
from probes.candidate import Change

FASTER_HELPS = (
    "learning_rate 0.001 → 0.002", "private_voice 1 → 3", "rank 8 → 16", "order shuffle → source_first",
    "verified_response 1 → 3", "ground_truth 1 → 3", "learning_rate 0.002 → 0.004", "rank 8 → 4",
    "verified_response 1 → 2", "ground_truth 1 → 2",
)  # fmt: skip
NOTHING_HELPS = (
    "learning_rate 0.001 → 0.002", "private_voice 1 → 3", "rank 8 → 16", "order shuffle → source_first",
    "verified_response 1 → 3", "ground_truth 1 → 3", "learning_rate 0.001 → 0.0005",
    "order source_first → source_last", "rank 8 → 4", "verified_response 1 → 2", "ground_truth 1 → 2",
    "private_voice 1 → 2",
)  # fmt: skip


@pytest.mark.parametrize(("landscape", "asked"), [(faster_helps, FASTER_HELPS), (nothing_helps, NOTHING_HELPS)])
def test_a_seeded_night_asks_what_is_written_here(tmp_path: Path, landscape: object, asked: tuple[str, ...]) -> None:
    context = make_night(tmp_path, SimulatedLauncher(landscape))  # type: ignore[arg-type]
    run_night(context)
    assert tuple(str(candidate.change) for candidate in context.night.candidates.values()) == asked
    assert {candidate.proposer for candidate in context.night.candidates.values()} == {"optuna"}


@pytest.mark.parametrize("picker", ["gp", "random"])
def test_other_pickers_ask_other_questions_and_find_the_gain_too(tmp_path: Path, picker: PickerName) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps))
    context.lanes = open_lanes(LANES, BASELINE, TAGS, picker)
    context.proposer = StatisticalProposer(picker)
    run_night(context)
    assert {candidate.proposer for candidate in context.night.candidates.values()} == {picker}
    assert (context.night.working_recipe or BASELINE).learning_rate > BASELINE.learning_rate


def test_the_process_asks_where_the_history_falls_less_and_asks_the_same_again() -> None:
    knob = NumericKnob(low=0.0, high=0.5, max_step=0.5)
    base = BASELINE.replace(dropout=0.25)
    lane = open_lanes(LanesConfig(hyperparameters={"dropout": knob}), base, {}, "gp")["hyperparameters"]
    tried = [
        Tried(change=Change(lane=lane.name, knob="dropout", before=0.25, after=at), decision="reject", effect=effect)
        for at, effect in ((0.0, -4.0), (0.5, -1.0))
    ]
    asked = [lane.ask(base, tried, seed) for seed in range(3)]
    assert all(change is not None and 0.25 < float(change.after) < 0.5 for change in asked), asked
    assert asked[0] == lane.ask(base, tried, 0)
