from __future__ import annotations

from fakes import FakeClock, make_request

from probes.outcome import ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from runner.budget import NightBudget
from runner.config import BudgetConfig
from tracking.events import Phase, ProbeFinished, ProbePlan


def finished(seconds: float, phase: Phase = "search") -> ProbeFinished:
    request = make_request(Recipe(base_model="m"), 1, "search")
    plan = ProbePlan(number=1, phase=phase, arm="baseline", replicate=0, request=request)
    outcome = ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, seconds=seconds)
    return ProbeFinished(at="2026-01-01T00:00:00.000+00:00", plan=plan, outcome=outcome)


def budget(clock: FakeClock, used_before_s: float = 0.0, hours: float | None = None, probes: int = 20) -> NightBudget:
    config = BudgetConfig(probes=probes, confirm_probes=8, hours=hours)
    return NightBudget(config, clock, workers=2, used_before_s=used_before_s)


def test_the_confirmation_is_kept_back_from_the_search() -> None:
    night = budget(FakeClock())
    assert night.refusal(11, 1, reserve_confirmation=True) is None
    said = night.refusal(12, 1, reserve_confirmation=True)
    assert said is not None
    assert said == "the budget of 20 probes is spent: 12 are used, 8 are kept for the confirmation"
    assert (night.refusal(11, 3, reserve_confirmation=True) or "").endswith("confirmation, and 3 more do not fit")


def test_the_confirmation_may_spend_what_was_kept_back() -> None:
    night = budget(FakeClock())
    assert night.refusal(12, 8, reserve_confirmation=False) is None
    assert night.refusal(13, 8, reserve_confirmation=False) is not None


def test_hours_keep_the_confirmations_time_back() -> None:
    clock = FakeClock()
    night = budget(clock, hours=1.0, probes=1000)
    night(finished(300.0))
    night(finished(500.0))
    clock.seconds = 1500.0
    assert night.mean_probe_s == 400.0
    # One wave of search and four of confirmation: 400 + 1,600 s.
    assert night.refusal(2, 2, reserve_confirmation=True) is None
    clock.seconds = 1700.0
    said = night.refusal(2, 2, reserve_confirmation=True)
    assert said is not None
    assert "1 h is spent" in said
    assert night.refusal(2, 8, reserve_confirmation=False) is None
    clock.seconds = 3601.0
    assert night.refusal(2, 1, reserve_confirmation=False) is not None


def test_nothing_is_refused_for_time_before_a_probe_was_seen() -> None:
    assert budget(FakeClock(), hours=0.1).refusal(0, 6, reserve_confirmation=True) is None


def test_hours_of_earlier_stretches_count() -> None:
    night = budget(FakeClock(), used_before_s=3500.0, hours=1.0)
    night.take(finished(300.0))
    assert night.used_s == 3500.0
    assert night.refusal(1, 1, reserve_confirmation=True) is not None


def test_the_time_left_is_that_of_the_nearer_limit() -> None:
    clock = FakeClock()
    night = budget(clock)
    assert night.left_s(0) is None
    night(finished(10.0))
    assert night.left_s(10) == 50.0
    assert budget(clock, hours=1.0).left_s(0) == 3600.0
    assert night.left_s(25) == 0.0


def test_smoke_runs_say_nothing_of_what_a_probe_takes() -> None:
    night = budget(FakeClock())
    night(finished(2.0, "smoke"))
    assert night.mean_probe_s is None
    night(finished(10.0))
    assert night.mean_probe_s == 10.0
