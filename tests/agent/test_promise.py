"""When the search ends before its budget: nothing that is undecided is worth a probe."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from pathlib import Path

import pytest
from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import BASELINE, folder, make_night, nothing_helps, without_times

from agent.context import NightContext
from agent.night import run_night
from agent.promise import SHARE, why_enough
from agent.referee import Referee
from agent.schedule import probes_used
from lanes.config import LanesConfig
from probes.recipe import Recipe

BUDGET = 200
KNOBS = {
    "learning_rate": {"low": 5e-4, "high": 2e-3, "scale": "log", "max_factor": 2.0},
    "rank": {"values": [4, 8, 16], "max_factor": 2.0},
    "alpha": {"values": [8, 16, 32], "max_factor": 2.0},
    "dropout": {"values": [0.0, 0.05]},
}
LANES = LanesConfig.model_validate({"closed": ["data_mix", "curriculum"], "hyperparameters": KNOBS})


def two_matter_a_little(recipe: Recipe) -> Mapping[str, float]:
    gain = 2.0 * log(recipe.learning_rate / 1e-3) + 0.1 * log(recipe.rank / 8) - 1.5 * recipe.dropout
    return {"private_voice": gain - 0.6 * (recipe.alpha != BASELINE.alpha)}


def night(tmp_path: Path, seed: int = 0, ledger: MemoryLedger | None = None, stop_after: int = 0) -> NightContext:
    launcher = SimulatedLauncher(two_matter_a_little, noise_sd=0.4 + 0.1 * seed, stop_after=stop_after or None)
    context = make_night(tmp_path, launcher, ledger, probes=BUDGET, lanes=LANES)
    run_night(context)
    return context


def ended_early(context: NightContext) -> bool:
    return "worth no further probe" in (context.night.search_ended or "")


def test_a_long_night_ends_where_being_sure_of_what_is_undecided_would_add_little(tmp_path: Path) -> None:
    nights = [night(folder(tmp_path, str(seed)), seed) for seed in range(4)]
    early = [context for context in nights if ended_early(context)]
    assert early
    for context in early:
        assert probes_used(context.night) < BUDGET - 10
        assert context.night.claim is not None
        assert context.night.claim.confirmed
        assert "learning_rate" in {context.night.candidates[name].change.knob for name in context.night.accepted}


def test_a_night_with_nothing_to_find_leaves_probes_unspent_and_claims_nothing(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(nothing_helps), probes=BUDGET, lanes=LANES)
    run_night(context)
    assert ended_early(context)
    assert probes_used(context.night) < BUDGET / 2
    assert context.night.claim is not None
    assert not context.night.claim.confirmed


def test_such_an_end_comes_at_the_same_probe_after_an_interruption(tmp_path: Path) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    seed = next(s for s in range(4) if ended_early(night(folder(tmp_path, f"try{s}"), s)))
    ended = night(folder(tmp_path, "whole"), seed, whole)
    last = len(ended.night.probes) - (ended.night.confirm_probes or 0) - 4
    night(tmp_path, seed, ledger, stop_after=last)
    night(tmp_path, seed, ledger)
    assert without_times(ledger) == without_times(whole)


@pytest.fixture
def undecided(tmp_path: Path) -> NightContext:
    """A night at its end, with the least promising of its probed changes taken for live again."""
    context = night(tmp_path)
    record = context.night
    referee = Referee(record, context.plan, context.evidence)
    probed = [name for name in record.candidates if record.seen[name] and record.reading(name)]
    name = min(probed, key=lambda n: referee.effect(n).mean)
    record.live = {name: 0}
    return context


def test_what_is_surely_harmful_is_worth_no_further_probe(undecided: NightContext) -> None:
    (name,) = undecided.night.live
    effect = Referee(undecided.night, undecided.plan, undecided.evidence).effect(name)
    assert effect.regret < SHARE * undecided.plan.referee.block_worthwhile
    assert f"would add {effect.regret:.2f} points" in (why_enough(undecided) or "")


def test_nothing_is_said_of_a_search_without_live_candidates_or_with_one_that_has_no_score(
    undecided: NightContext,
) -> None:
    record = undecided.night
    (name,) = record.live
    record.live = {**record.live, "c99": 1}
    assert why_enough(undecided) is None
    record.live = {}
    assert why_enough(undecided) is None
    record.live = {name: 0}
    assert why_enough(undecided) is not None


def test_a_gain_whose_guard_is_unresolved_counts_whole(undecided: NightContext) -> None:
    record = undecided.night
    best = max(record.accepted, key=lambda n: Referee(record, undecided.plan, undecided.evidence).effect(n).mean)
    record.live = {best: 0}
    assert why_enough(undecided) is not None
    reading = record.readings[best][-1]
    guard = reading.guards["ground_truth"].model_copy(update={"state": "unresolved"})
    open_reading = reading.model_copy(update={"guards": {**reading.guards, "ground_truth": guard}})
    record.readings[best].append(open_reading)
    assert why_enough(undecided) is None
