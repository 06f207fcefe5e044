"""Which probes make the night's stop rule, and which ones may be stopped by it."""

from __future__ import annotations

import pytest
from fakes import make_request

from agent.early_stop import hopeless_below, night_stop_rule, with_rule
from agent.plan import NightPlan
from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus, TrainingPoint, TrainingSummary
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from probes.statistics.referee import failed_reading
from tracking.events import Arm, Phase, ProbePlan
from tracking.finished import FinishedProbe
from tracking.night import NightRecord

BASELINE = Recipe(base_model="m", steps=10)
PLAN = NightPlan(
    session="s", seed=0, baseline=BASELINE, target="voice", guards={}, referee=RefereeConfig(calibration_runs=4),
    budget_probes=60, confirm_probes=16, max_attempts=2, search_items={"voice": 8}, held_out_items={"voice": 8},
    samples=1, early_stop=0.2,
)  # fmt: skip


def finished(
    number: int, phase: Phase, arm: Arm, replicate: int, score: float = 5.0, candidate: str | None = None
) -> FinishedProbe:
    request = make_request(BASELINE.replace(rank=8 if arm == "baseline" else 8 + number), number, "search")
    plan = ProbePlan(
        number=number, phase=phase, arm=arm, candidate=candidate, replicate=replicate, request=request,
        changes=(candidate,) if candidate else (),
    )  # fmt: skip
    curve = tuple(TrainingPoint(step=i, loss=2.0 + 0.01 * (number % 5), reward_margin=0.1) for i in range(1, 11))
    training = TrainingSummary(steps_done=10, steps_planned=10, final_loss=2.0, seconds=1.0, rows=40, curve=curve)
    item = ItemScores(item="i", category="voice", difficulty="easy", scores=(score,))
    outcome = ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, items=(item,), training=training)
    return FinishedProbe(plan, outcome, "2026-11-21T00:00:00+00:00")


def night(candidates: int, decided: int | None = None) -> NightRecord:
    """Four baselines, then candidates with one probe each, the first `decided` of them read by the referee."""
    record = NightRecord()
    record.probes = [finished(i + 1, "calibrate", "baseline", i, 5.0 + 0.1 * (i % 2)) for i in range(4)]
    for i in range(candidates):
        record.probes.append(finished(5 + i, "search", "candidate", 0, candidate=f"c{i}"))
        if i < (candidates if decided is None else decided):
            record.readings[f"c{i}"] = [failed_reading("more", 1, "")]
    return record


def test_the_rule_waits_for_enough_decided_recipes() -> None:
    assert night_stop_rule(night(11), PLAN) is None
    assert night_stop_rule(night(12), PLAN) is not None
    assert night_stop_rule(night(14, decided=11), PLAN) is None


def test_a_round_cut_short_meets_the_same_rule_when_it_is_resumed() -> None:
    whole, resumed = night(12), night(14, decided=12)
    assert night_stop_rule(whole, PLAN) == night_stop_rule(resumed, PLAN)


def test_nothing_is_stopped_when_it_is_switched_off_or_the_noise_is_unknown() -> None:
    from dataclasses import replace

    assert night_stop_rule(night(20), replace(PLAN, early_stop=None)) is None
    few = night(20)
    few.probes = few.probes[2:]
    assert night_stop_rule(few, PLAN) is None


def test_hopeless_is_two_sds_below_the_calibration() -> None:
    assert hopeless_below(night(0), "voice", 4) == pytest.approx(5.05 - 2 * 0.057735, abs=1e-4)


@pytest.mark.parametrize(
    ("phase", "arm", "replicate", "is_ruled"),
    [
        ("search", "candidate", 0, True),
        ("search", "candidate", 1, False),
        ("search", "baseline", 0, False),
        ("search", "block", 0, False),
        ("smoke", "candidate", 0, False),
        ("calibrate", "baseline", 0, False),
        ("confirm", "final", 0, False),
        ("confirm", "baseline", 0, False),
    ],
)
def test_only_a_candidates_first_search_probe_may_be_stopped(
    phase: Phase, arm: Arm, replicate: int, is_ruled: bool
) -> None:
    request, rule = make_request(BASELINE, 1, "search"), night_stop_rule(night(12), PLAN)
    ruled = with_rule(request, phase, arm, replicate, rule)
    assert (ruled.stop_rule is not None) == is_ruled
    assert ruled.key == request.key
    assert with_rule(request, phase, arm, replicate, None) is request
