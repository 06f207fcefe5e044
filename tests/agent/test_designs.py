"""How a night spends its search: blocks, smoke runs, the race for the rest, revisits, the rehearsal."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from pathlib import Path
from random import Random

import pytest
from fakes import CATEGORIES, MemoryLedger, SimulatedLauncher
from simulated_nights import BASELINE, folder, make_night, without_times

from agent.context import NightContext
from agent.moving import move
from agent.night import run_night
from agent.recipes import starts_from
from agent.schedule import probes_used
from lanes.config import LanesConfig
from probes.outcome import ProbeStatus
from probes.recipe import Recipe
from tracking import events as ev

WIDE = LanesConfig.model_validate(
    {
        "hyperparameters": {
            "learning_rate": {"low": 2.5e-4, "high": 4e-3, "scale": "log", "max_factor": 2.0},
            "rank": {"values": [4, 8, 16, 32], "max_factor": 2.0},
            "alpha": {"values": [4, 8, 16, 32], "max_factor": 2.0},
            "dropout": {"values": [0.0, 0.05, 0.1]},
            "batch_size": {"values": [1, 2], "max_factor": 2.0},
        }
    }
)


FEW = LanesConfig.model_validate(
    {"closed": ["data_mix", "curriculum"], "hyperparameters": {"rank": {"values": [4, 8, 16], "max_factor": 2.0}}}
)


def several_help(recipe: Recipe) -> Mapping[str, float]:
    gain = 1.2 * log(recipe.learning_rate / 1e-3) + 0.9 * log(recipe.rank / 8) - 8 * recipe.dropout
    return {"private_voice": gain}


def everything_helps_a_little(recipe: Recipe) -> Mapping[str, float]:
    return {"private_voice": 0.0 if recipe == BASELINE.replace(steps=10) else 0.4}


def a_larger_rank_helps(recipe: Recipe) -> Mapping[str, float]:
    return {"private_voice": 2.0 * log(recipe.rank / 8)}


def rank_ruins(recipe: Recipe) -> Mapping[str, float]:
    if recipe.rank != BASELINE.rank:
        return dict.fromkeys(CATEGORIES, -3.5)
    return several_help(recipe)


def together_they_break_a_guard(recipe: Recipe) -> Mapping[str, float]:
    both = recipe.learning_rate > 1e-3 and recipe.rank > 8
    return {**several_help(recipe), "ground_truth": -3.0 if both else 0.0}


def night(tmp_path: Path, launcher: SimulatedLauncher, probes: int = 80, **rules: object) -> NightContext:
    context = make_night(tmp_path, launcher, probes=probes, lanes=WIDE, **rules)
    run_night(context)
    return context


def test_a_night_that_can_pay_for_blocks_runs_them_says_why_and_finds_what_helps(tmp_path: Path) -> None:
    context = night(tmp_path, SimulatedLauncher(several_help))
    record = context.night
    assert record.designs[0].design == "blocks"
    assert "tells of up to 11 changes" in record.designs[0].reason
    assert record.claim is not None
    assert record.claim.confirmed
    final = record.working_recipe
    assert final is not None
    assert (final.learning_rate > BASELINE.learning_rate, final.rank > BASELINE.rank) == (True, True)
    assert final.dropout == 0.0


def test_a_block_trains_every_change_in_half_of_its_rows_with_a_seed_for_each(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help)).night
    block = record.blocks[0]
    rows = [p.plan for p in record.probes if p.plan.block == 1]
    assert len(rows) == len({plan.request.seed for plan in rows}) == len(block.rows) == 12
    assert {plan.changes for plan in rows} == set(block.rows)
    assert all(sum(name in plan.changes for plan in rows) == 6 for name in block.factors)
    for plan in rows:
        knobs = [record.candidates[name].change.knob for name in plan.changes]
        assert len(set(knobs)) == len(knobs)
        for name in plan.changes:
            change = record.candidates[name].change
            if change.lane == "hyperparameters":
                assert getattr(plan.request.recipe, change.knob) == change.after


def test_two_changes_of_one_knob_never_share_a_row_unless_one_starts_from_the_other(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help), probes=120).night
    assert len(record.blocks) > 2
    for block in record.blocks:
        for row in block.rows:
            changes = [record.candidates[name].change for name in row]
            for i, change in enumerate(changes):
                earlier = [c for c in changes[:i] if (c.lane, c.knob) == (change.lane, change.knob)]
                assert not earlier or earlier[-1].after == change.before


def test_a_ruinous_change_ends_at_its_smoke_run_and_never_enters_a_block(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(rank_ruins)).night
    ruined = [name for name, candidate in record.candidates.items() if candidate.change.knob == "rank"]
    assert ruined
    for name in ruined:
        reading = record.reading(name)
        assert reading is not None
        assert (reading.decision, reading.effect) == ("reject", None)
        assert "smoke run collapsed" in reading.reason
        assert not any(name in block.factors for block in record.blocks)


def test_smoke_runs_take_a_quarter_of_the_steps_and_count_as_a_quarter_of_a_probe(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help)).night
    smoke = [p for p in record.probes if p.plan.phase == "smoke"]
    assert {p.plan.request.recipe.steps for p in smoke} == {2}
    assert probes_used(record) == len(record.probes) - len(smoke) + -(-len(smoke) // 4) <= 80


def test_without_smoke_runs_a_block_starts_at_once(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help), smoke=False).night
    assert record.blocks
    assert not any(p.plan.phase == "smoke" for p in record.probes)


def test_the_session_may_ask_for_the_race(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help), design="race").night
    assert not record.blocks
    assert next((d.design, d.reason) for d in record.designs) == ("race", "the session asks for it")


def test_what_is_left_after_the_last_block_goes_to_chosen_rows_and_the_reason_is_given(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(a_larger_rank_helps, noise_sd=0.8)).night
    assert [d.design for d in record.designs][:2] == ["blocks", "rows"]
    assert "block" in record.designs[1].reason
    chosen = [block for block in record.blocks if block.kind == "chosen"]
    assert chosen
    assert all(1 <= len(block.rows) <= 4 for block in chosen)
    assert not any(p.plan.arm == "candidate" and p.plan.phase == "search" for p in record.probes)


def test_a_budget_that_pays_for_no_block_is_raced_and_the_reason_is_given(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help), probes=34).night
    assert [d.design for d in record.designs] == ["race", "rehearsal"]
    assert "does not pay for a block of 12 probes" in record.designs[0].reason
    assert any(p.plan.arm == "candidate" for p in record.probes)


def test_few_changes_are_raced_and_the_reason_is_given(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(several_help), probes=80, lanes=FEW)
    run_night(context)
    assert context.night.designs[0].design == "race"
    assert "fewer than 4 changes" in context.night.designs[0].reason


def test_a_folded_block_mirrors_its_rows(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help), probes=100, fold_blocks=True).night
    block = record.blocks[0]
    assert block.folded
    first, second = block.rows[:12], block.rows[12:]
    assert all(set(a) ^ set(b) == set(block.factors) for a, b in zip(first, second, strict=True))


def test_a_row_that_fails_ends_no_night_and_is_blamed_on_nobody(tmp_path: Path) -> None:
    plain = night(folder(tmp_path, "plain"), SimulatedLauncher(several_help))
    row = next(p.plan.number for p in plain.night.probes if p.plan.block == 1)
    failures = {row: ProbeStatus.DIVERGED, row + 1: ProbeStatus.CRASHED}
    record = night(folder(tmp_path, "failing"), SimulatedLauncher(several_help, failures=failures)).night
    assert record.stopped is not None
    assert record.stopped.stop_reason == "finished"
    tried = [p for p in record.probes if p.plan.block == 1]
    assert len(tried) == 13
    assert all(reading.effect is not None for name in record.blocks[0].factors if (reading := record.reading(name)))


def test_changes_that_break_a_guard_only_together_are_found_in_the_rehearsal_or_before(tmp_path: Path) -> None:
    for seed in range(4):
        launcher = SimulatedLauncher(together_they_break_a_guard, noise_sd=0.3 + seed / 50)
        record = night(folder(tmp_path, str(seed)), launcher).night
        final = record.working_recipe
        assert final is not None
        assert together_they_break_a_guard(final)["ground_truth"] == 0.0
        assert record.claim is not None
        assert all(test.passed for test in record.claim.guards.values())


def test_the_final_recipe_is_rehearsed_before_the_confirmation(tmp_path: Path) -> None:
    record = night(tmp_path, SimulatedLauncher(several_help)).night
    rehearsed = [p.plan for p in record.probes if p.plan.arm == "final" and p.plan.phase == "search"]
    assert len([plan for plan in rehearsed if set(plan.changes) == set(record.accepted)]) >= 1
    assert {plan.request.split for plan in rehearsed} == {"search"}


def test_what_the_search_leaves_goes_to_the_confirmation(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(a_larger_rank_helps, noise_sd=0.2), probes=200, lanes=FEW)
    run_night(context)
    confirmed = [p for p in context.night.probes if p.plan.phase == "confirm"]
    assert 48 >= len(confirmed) == context.night.confirm_probes > 16
    assert probes_used(context.night) <= 200
    assert context.night.claim is not None
    assert context.night.claim.runs_per_arm == len(confirmed) // 2


def test_a_parked_candidate_is_taken_up_again_when_nothing_new_is_left(tmp_path: Path) -> None:
    found = 0
    for index, noise_sd in enumerate((0.5, 0.7, 0.8, 0.9)):
        launcher = SimulatedLauncher(everything_helps_a_little, noise_sd=noise_sd)
        record = night(folder(tmp_path, str(index)), launcher, probes=200, design="race", accept_level=0.995).night
        moved_under = {event.candidate for event in record.taken_up if "entered the working recipe" in event.reason}
        for name, times in record.revisits.items():
            readings = record.readings[name]
            assert len(times) <= 2
            if name not in moved_under:
                assert [readings[count - 1].decision for count in times] == ["park"] * len(times)
                assert all((readings[count - 1].better_probability or 0.0) >= 0.5 for count in times)
                found += 1
    assert found


def test_a_candidate_is_taken_up_again_when_the_recipe_moves_in_a_knob_it_acts_together_with(tmp_path: Path) -> None:
    reasons: list[str] = []
    for index, noise_sd in enumerate((0.5, 0.6, 0.7, 0.8)):
        launcher = SimulatedLauncher(several_help, noise_sd=noise_sd)
        context = make_night(folder(tmp_path, str(index)), launcher, probes=120, lanes=WIDE, design="race")
        run_night(context)
        reasons += [event.reason for event in context.night.taken_up if "entered the working recipe" in event.reason]
    assert reasons
    assert any("scale" in reason or "rank" in reason or "learning rate" in reason for reason in reasons)


@pytest.mark.parametrize("seed", range(3))
def test_a_night_cut_after_any_event_ends_as_the_whole_one(tmp_path: Path, seed: int) -> None:
    whole = MemoryLedger()
    run_night(make_night(folder(tmp_path, "whole"), SimulatedLauncher(several_help), whole, probes=60, lanes=WIDE))
    cuts = Random(seed).sample(range(1, len(whole.written)), 8)
    for cut in cuts:
        ledger = MemoryLedger(whole.written[:cut])
        run_night(make_night(folder(tmp_path, str(cut)), SimulatedLauncher(several_help), ledger, 60, WIDE))
        assert without_times(ledger) == without_times(whole), f"cut after event {cut}: {whole.written[cut - 1].kind}"


def test_a_change_whose_start_left_the_working_recipe_is_parked_with_that_reason(tmp_path: Path) -> None:
    context = night(tmp_path, SimulatedLauncher(several_help), probes=120)
    record = context.night
    chained = [
        (name, base) for name in record.candidates if (base := starts_from(record, name, list(record.candidates)))
    ]
    name, base = next((n, b) for n, b in chained if record.reading(n) is not None)
    move(context, (base, name))
    assert record.accepted == (base, name)
    move(context, (name,))
    reading = record.reading(name)
    assert record.accepted == ()
    assert reading is not None
    assert (reading.decision, reading.reason) == ("park", "what it started from has left the working recipe")


@pytest.mark.parametrize("design", ["race", "auto"])
def test_the_last_rounds_leave_the_final_recipe_its_rehearsals(tmp_path: Path, design: str) -> None:
    rehearsed = 0
    for probes in range(40, 60, 2):
        launcher = SimulatedLauncher(several_help)
        context = make_night(folder(tmp_path, str(probes)), launcher, probes=probes, lanes=WIDE, design=design)
        run_night(context)
        record = context.night
        last = max(i for i, event in enumerate(record.history) if isinstance(event, ev.DesignChosen))
        if record.accepted and any(isinstance(event, ev.WorkingRecipeMoved) for event in record.history[:last]):
            rehearsals = [p for p in record.probes if (p.plan.phase, p.plan.arm) == ("search", "final")]
            assert len(rehearsals) >= context.plan.referee.rehearsals, f"{probes} probes"
            rehearsed += 1
    assert rehearsed > 3
