from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import faster_helps, make_night

from agent.evidence import SearchEvidence, search_runs
from agent.night import run_night
from agent.plan import NightPlan
from agent.referee import Referee
from probes.outcome import ProbeStatus
from probes.statistics.effects import EffectPrior
from probes.statistics.verdicts import EarlierNoise
from tracking.night import NightRecord


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryLedger, NightPlan]:
    launcher = SimulatedLauncher(faster_helps, failures={3: ProbeStatus.CRASHED, 30: ProbeStatus.DIVERGED})
    context = make_night(tmp_path_factory.mktemp("night"), launcher, MemoryLedger())
    run_night(context)
    assert isinstance(context.ledger, MemoryLedger)
    return context.ledger, context.plan


def test_a_referee_that_went_along_reads_as_one_that_reads_the_ledger_anew(
    night: tuple[MemoryLedger, NightPlan],
) -> None:
    (ledger, plan), record = night, NightRecord()
    evidence = SearchEvidence(plan)
    for event in ledger.written:
        record.apply(event)
        if event.kind == "probe_finished":
            running, rebuilt = Referee(record, plan, evidence), Referee(record, plan)
            probed = [name for name in record.candidates if record.seen[name]]
            assert [running.read(name) for name in probed] == [rebuilt.read(name) for name in probed]
            assert running.runs == search_runs(record)


def test_a_probe_that_ends_late_enters_under_its_number(night: tuple[MemoryLedger, NightPlan]) -> None:
    (ledger, plan), evidence = night, SearchEvidence(night[1])
    whole = NightRecord.replay(ledger.written)
    record = replace(whole, probes=whole.probes[:12] + whole.probes[13:20])
    evidence.look(record, plan)
    record.probes.append(whole.probes[12])
    fits, runs = evidence.look(record, plan)
    assert runs == search_runs(record)
    rebuilt, _ = SearchEvidence(plan).look(record, plan)
    np.testing.assert_array_equal(fits.effects(plan.target).mean, rebuilt.effects(plan.target).mean)


def test_another_record_starts_over(night: tuple[MemoryLedger, NightPlan]) -> None:
    evidence = SearchEvidence(night[1])
    evidence.look(NightRecord.replay(night[0].written), night[1])
    _, runs = evidence.look(NightRecord(), night[1])
    assert runs == []


def test_lane_priors_and_earlier_noise_reach_the_target(night: tuple[MemoryLedger, NightPlan]) -> None:
    plan, record = night[1], NightRecord.replay(night[0].written)
    name = next(name for name in record.candidates if record.seen[name])
    lane = record.candidates[name].change.lane
    sure = replace(plan, priors={lane: EffectPrior(0.1, 0.01)})
    assert Referee(record, sure).effect(name).mean == pytest.approx(0.1, abs=0.02)
    earlier = EarlierNoise(nights=2, degrees_of_freedom=30, metric_sd={plan.target: 3.0})
    noisy = Referee(record, replace(plan, earlier_fit_noise=earlier))
    assert noisy.effect(name).sd > 1.5 * Referee(record, plan).effect(name).sd


def test_failed_probes_leave_no_run(night: tuple[MemoryLedger, NightPlan]) -> None:
    record = NightRecord.replay(night[0].written)
    searched = [p for p in record.probes if p.plan.phase in ("calibrate", "search") and p.plan.arm != "final"]
    assert len(search_runs(record)) == sum(p.is_completed for p in searched) < len(searched)
