"""How sure the claim is before it is tried, and how many probes are kept for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import log
from pathlib import Path

from fakes import OpenBudget, SimulatedLauncher
from simulated_nights import BASELINE, LANES, folder, make_night

from agent.assurance import SURE, Assurance, affordable_confirmation, wanted_confirmation
from agent.context import NightContext
from agent.night import run_night
from agent.referee import Referee
from agent.schedule import probes_used
from probes.recipe import Recipe
from probes.statistics.assurance import largest_confirmation


def a_guard_comes_near(recipe: Recipe) -> Mapping[str, float]:
    gain = 2.5 * log(recipe.learning_rate / 1e-3) + 1.0 * log(recipe.rank / 8)
    return {"private_voice": gain, "ground_truth": -0.45 * gain}


def guards_stay(recipe: Recipe) -> Mapping[str, float]:
    return {"private_voice": 2.5 * log(recipe.learning_rate / 1e-3)}


def night(tmp_path: Path, launcher: SimulatedLauncher, probes: int = 100) -> NightContext:
    context = make_night(tmp_path, launcher, probes=probes, lanes=LANES)
    run_night(context)
    return context


def assurance(context: NightContext) -> Assurance:
    return Assurance(context.plan, Referee(context.night, context.plan))


def test_a_larger_confirmation_pays_for_its_own_time_and_leaves_what_is_kept(tmp_path: Path) -> None:
    context = night(tmp_path, SimulatedLauncher(guards_stay))
    used = probes_used(context.night)
    for spare, kept, probes in ((0, 0, 16), (7, 0, 22), (8, 0, 24), (8, 3, 20), (100, 0, 32), (2, 3, 16)):
        context.budget = OpenBudget(probes=used + 16 + spare, confirm_probes=16)
        assert affordable_confirmation(context, kept) == probes


def test_where_the_guards_are_far_the_sessions_confirmation_is_enough(tmp_path: Path) -> None:
    context = night(tmp_path, SimulatedLauncher(guards_stay))
    assert context.night.accepted
    assert assurance(context).of(context.night.accepted, 16) > SURE
    assert wanted_confirmation(context) == 16


def test_where_a_guard_is_near_probes_of_the_search_are_kept_for_the_claim_and_the_ledger_says_so(
    tmp_path: Path,
) -> None:
    context = night(tmp_path, SimulatedLauncher(a_guard_comes_near, noise_sd=0.6), probes=100)
    record = context.night
    sure = assurance(context)
    assert sure.nearest_guard(record.accepted, 16)[0] < SURE
    assert 16 < wanted_confirmation(context) <= largest_confirmation(16, 100)
    assert record.confirm_probes is not None
    assert record.confirm_probes > 16
    assert record.search_ended is not None
    assert record.search_ended == (
        "the rest of the budget goes to the confirmation, where ground_truth could else fail its test"
    )
    assert sure.nearest_guard(record.accepted, 16)[1] == "ground_truth"


def test_with_nothing_accepted_nothing_more_is_kept(tmp_path: Path) -> None:
    def harmful(recipe: Recipe) -> Mapping[str, float]:
        return {"private_voice": 0.0 if recipe == BASELINE else -1.0}

    context = night(tmp_path, SimulatedLauncher(harmful), probes=60)
    assert not context.night.accepted
    assert wanted_confirmation(context) == 16


def test_fewer_held_out_items_make_a_claim_less_sure(tmp_path: Path) -> None:
    context = night(folder(tmp_path, "a"), SimulatedLauncher(a_guard_comes_near, noise_sd=0.6, items=24))
    referee, accepted = Referee(context.night, context.plan), context.night.accepted
    fewer = replace(context.plan, held_out_items={name: 8 for name in context.plan.held_out_items})
    assert Assurance(fewer, referee).of(accepted, 16) < Assurance(context.plan, referee).of(accepted, 16)


def test_a_guard_that_costs_its_margin_makes_a_claim_unlikely_however_much_the_target_gains(tmp_path: Path) -> None:
    def dear(recipe: Recipe) -> Mapping[str, float]:
        return {"private_voice": 3.0 * log(recipe.rank / 8), "ground_truth": -1.5 * log(recipe.rank / 8) / log(2)}

    context = night(tmp_path, SimulatedLauncher(dear), probes=80)
    doubled = next(
        name
        for name, candidate in context.night.candidates.items()
        if candidate.change.knob == "rank" and (candidate.change.before, candidate.change.after) == (BASELINE.rank, 16)
    )
    assert assurance(context).of((doubled,), 16) < 0.3
