"""The drift check inside a night: once, after calibration, and the same for a resumed night."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import CATEGORIES, FakeClock, MemoryLedger, OpenBudget, SimulatedLauncher, make_request

from agent.context import NightContext
from agent.night import run_night
from agent.plan import NightPlan
from lanes.config import LanesConfig
from lanes.open import open_lanes
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from probes.statistics.earlier import BaselineLevel, ClaimLevel
from probes.statistics.verdicts import EarlierNoise
from runner.earlier import with_earlier
from tracking.events import DriftChecked, EarlierNightsRead, NoiseEstimated, SessionStarted, SessionStopped
from tracking.memory.known import EarlierNights
from tracking.night import NightRecord

BASELINE = Recipe(base_model="m", learning_rate=1e-3, rank=8, steps=10)
CLAIM = ClaimLevel(number=1, level=0.05, session_level=0.05, fdr=0.15, past=())


def knowing(sd: float, level: float) -> EarlierNights:
    means = {"private_voice": level, "overall": level}
    return EarlierNights(
        project="p",
        conditions="c",
        noise=EarlierNoise(nights=2, degrees_of_freedom=40, metric_sd=dict.fromkeys((*CATEGORIES, "overall"), sd)),
        baselines=(BaselineLevel(session="before", runs=8, means=means),),
        claim=CLAIM,
    )


def open_night(
    folder: Path, ledger: MemoryLedger, earlier: EarlierNights | None, launcher: SimulatedLauncher
) -> NightContext:
    folder.mkdir(exist_ok=True)
    clock, night = FakeClock(), NightRecord.replay(ledger.written)
    plan = NightPlan(
        session="test", seed=3, baseline=BASELINE, target="private_voice", guards={"ground_truth": 1.5},
        referee=RefereeConfig(), budget_probes=30, confirm_probes=8, max_attempts=2,
        search_items=dict.fromkeys(CATEGORIES, 8), held_out_items=dict.fromkeys(CATEGORIES, 8), samples=1,
    )  # fmt: skip
    lanes = LanesConfig.model_validate({"closed": ["data_mix", "curriculum"]})
    context = NightContext(
        plan=plan, ledger=ledger, night=night, launcher=launcher,
        lanes=open_lanes(lanes, BASELINE, {}, "optuna"), budget=OpenBudget(30, 8), clock=clock,
        make_request=make_request, checkpoint_path=folder / "checkpoint.sqlite",
    )  # fmt: skip
    if not ledger.written:
        start = {"session": "test", "config": {}, "config_digest": "", "baseline": BASELINE, "provenance": {}}
        context.record(SessionStarted.model_validate({"at": clock.now(), **start}))
        if earlier is not None:
            context.record(EarlierNightsRead(at=clock.now(), earlier=earlier))
    dropped = night.drift is not None and night.drift.noise_dropped
    context.plan = with_earlier(plan, night.earlier, dropped)
    return context


def simulated(stop_after: int | None = None) -> SimulatedLauncher:
    return SimulatedLauncher(lambda recipe: {}, noise_sd=0.4, stop_after=stop_after)


def test_agreeing_nights_leave_the_noise_and_no_warning(tmp_path: Path) -> None:
    context = open_night(tmp_path, MemoryLedger(), knowing(0.4, 5.0), simulated())
    run_night(context)
    assert context.night.drift is not None
    assert not context.night.drift.noise_dropped
    assert context.plan.earlier_noise is not None
    assert context.night.warnings == []


def test_a_moved_baseline_and_another_noise_are_warned_of_and_the_noise_is_dropped(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    context = open_night(tmp_path, ledger, knowing(0.01, 9.0), simulated())
    run_night(context)
    assert context.plan.earlier_noise is None
    assert {warning.subject for warning in context.night.warnings} == {"session drift"}
    texts = " ".join(warning.message for warning in context.night.warnings)
    assert "9.00 in the earlier night" in texts
    assert "was 0.01 in earlier nights" in texts
    kinds = [type(event) for event in ledger.written]
    assert kinds.count(DriftChecked) == 1
    assert kinds.index(DriftChecked) < kinds.index(NoiseEstimated)


@pytest.mark.parametrize("stop_after", [3, 6, 14])
def test_a_resumed_night_keeps_what_the_check_found(tmp_path: Path, stop_after: int) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    run_night(open_night(tmp_path / "whole", whole, knowing(0.01, 9.0), simulated()))
    first = open_night(tmp_path / "first", ledger, knowing(0.01, 9.0), simulated(stop_after))
    assert run_night(first) == "interrupted"
    ledger.append(SessionStopped(at=first.clock.now(), stop_reason="interrupted"))
    second = open_night(tmp_path / "second", ledger, None, simulated())
    run_night(second)
    assert second.plan.earlier_noise is None
    untimed = [
        [
            event.model_copy(update={"at": ""})
            for event in written
            if event.kind not in ("session_stopped", "probe_started")
        ]
        for written in (ledger.written, whole.written)
    ]
    assert untimed[0] == untimed[1]


def test_a_night_without_memory_checks_nothing(tmp_path: Path) -> None:
    context = open_night(tmp_path, MemoryLedger(), None, simulated())
    run_night(context)
    assert context.night.drift is None
