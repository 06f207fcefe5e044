"""Whole nights over a simulated landscape: the real graph, lanes and statistics; only the probes are simulated."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import MemoryLedger, OpenBudget, SimulatedLauncher
from simulated_nights import (
    BASELINE,
    faster_breaks_a_guard,
    faster_helps,
    folder,
    make_night,
    nothing_helps,
    without_times,
)

from agent.night import run_night
from agent.schedule import probes_used
from probes.errors import NightlabError
from probes.outcome import ProbeStatus
from tracking.events import SessionStopped


def test_a_true_gain_is_found_and_confirmed(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps))
    assert run_night(context) == "finished"
    claim = context.night.claim
    assert claim is not None
    assert claim.confirmed
    assert claim.interval.low is not None
    assert 0 < claim.interval.low <= faster_helps(context.night.working_recipe or BASELINE)["private_voice"]


def test_at_the_optimum_nothing_is_claimed_and_the_reason_is_given(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(nothing_helps))
    run_night(context)
    assert context.night.claim is not None
    assert not context.night.claim.confirmed
    assert context.night.search_ended
    assert context.night.noise is not None
    assert context.night.power is not None
    assert context.night.noise.runs > context.plan.referee.calibration_runs
    assert context.night.power.target_sd == context.night.noise.target_sd


def test_a_change_that_breaks_a_guard_never_enters_the_working_recipe(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_breaks_a_guard))
    run_night(context)
    assert context.night.working_recipe is not None
    assert context.night.working_recipe.learning_rate <= BASELINE.learning_rate * 1.3
    assert any("breaks ground_truth" in readings[-1].reason for readings in context.night.readings.values())


def test_the_budget_is_kept_and_the_confirmation_is_always_affordable(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps))
    run_night(context)
    confirmed = [p for p in context.night.probes if p.plan.phase == "confirm"]
    assert probes_used(context.night) <= 60
    assert 16 <= len(confirmed) <= 32
    assert {p.plan.request.split for p in confirmed} == {"held_out"}
    seeds = {p.plan.request.seed for p in context.night.probes if p.plan.phase != "confirm"}
    assert not seeds & {p.plan.request.seed for p in confirmed}


def test_every_candidate_changes_one_knob_and_no_move_is_proposed_twice(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(nothing_helps))
    run_night(context)
    moves = [candidate.change.key for candidate in context.night.candidates.values()]
    assert len(set(moves)) == len(moves) > 8
    assert {c.change.lane for c in context.night.candidates.values()} == {"hyperparameters", "data_mix", "curriculum"}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.15, 0.3, 0.5, 0.7, 0.8, 0.97])
def test_a_resumed_night_equals_the_uninterrupted_one(tmp_path: Path, share: float) -> None:
    whole, uninterrupted = MemoryLedger(), SimulatedLauncher(faster_helps)
    run_night(make_night(folder(tmp_path, "whole"), uninterrupted, whole))
    ledger, stop_after = MemoryLedger(), max(1, round(share * len(uninterrupted.ran)))
    first = make_night(tmp_path, SimulatedLauncher(faster_helps, stop_after=stop_after), ledger)
    assert run_night(first) == "interrupted"
    ledger.append(SessionStopped(at=first.clock.now(), stop_reason="interrupted"))
    second = SimulatedLauncher(faster_helps)
    assert run_night(make_night(tmp_path, second, ledger)) == "finished"
    assert without_times(ledger) == without_times(whole)
    assert len(set(first.launcher.ran) & set(second.ran)) == 0  # type: ignore[attr-defined]


def test_a_lost_checkpoint_is_no_loss(tmp_path: Path) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    run_night(make_night(tmp_path, SimulatedLauncher(faster_helps), whole))
    run_night(make_night(folder(tmp_path, "a"), SimulatedLauncher(faster_helps, stop_after=15), ledger))
    run_night(make_night(folder(tmp_path, "b"), SimulatedLauncher(faster_helps), ledger))
    assert without_times(ledger) == without_times(whole)


def test_a_crashed_probe_is_asked_again_and_a_diverged_change_is_rejected(tmp_path: Path) -> None:
    failures = {2: ProbeStatus.CRASHED, 8: ProbeStatus.CRASHED, 12: ProbeStatus.DIVERGED}
    context = make_night(tmp_path, SimulatedLauncher(faster_helps, failures=failures))
    assert run_night(context) == "finished"
    diverged = next(p for p in context.night.probes if p.outcome.status is ProbeStatus.DIVERGED)
    reading = context.night.reading(diverged.plan.candidate or "")
    assert reading is not None
    assert (reading.decision, reading.effect) == ("reject", None)
    assert [p.plan.attempt for p in context.night.probes if p.plan.phase == "calibrate" and p.plan.replicate == 1] == [
        1,
        2,
    ]


def test_a_baseline_that_cannot_be_trained_stops_the_night_with_the_cause(tmp_path: Path) -> None:
    failures = dict.fromkeys(range(1, 40), ProbeStatus.DIVERGED)
    context = make_night(tmp_path, SimulatedLauncher(faster_helps, failures=failures))
    with pytest.raises(NightlabError, match="simulated diverged"):
        run_night(context)


def test_an_accepted_change_that_was_luck_is_let_go(tmp_path: Path) -> None:
    claims = 0
    for seed in range(6):
        context = make_night(folder(tmp_path, str(seed)), SimulatedLauncher(nothing_helps, noise_sd=0.5 + seed / 100))
        run_night(context)
        claims += context.night.claim is not None and context.night.claim.confirmed
    assert claims <= 1


def test_a_budget_that_ends_before_calibration_stops_the_night_instead_of_waiting(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps))
    context.budget = OpenBudget(probes=20, confirm_probes=16)
    with pytest.raises(NightlabError, match="the budget of 20 probes is spent"):
        run_night(context)
