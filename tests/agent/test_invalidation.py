"""Nights that were set back and gone on with: the real graph, lanes and statistics over simulated probes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FakeClock, MemoryLedger, SimulatedLauncher
from simulated_nights import faster_helps, folder, make_night, nothing_helps

from agent.context import NightContext
from agent.evidence import SearchEvidence, search_runs
from agent.night import run_night
from agent.schedule import probes_used
from probes.statistics.verdicts import Claim
from tracking.events import MeasurementsInvalidated, ProbeFinished, SessionResumed
from tracking.night import NightRecord

HOUR = 3600.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MemoryLedger:
    """A finished night that claims something."""
    ledger = MemoryLedger()
    run_night(make_night(tmp_path_factory.mktemp("whole"), SimulatedLauncher(faster_helps), ledger))
    assert claim_of(ledger).confirmed
    return ledger


def claim_of(ledger: MemoryLedger) -> Claim:
    claim = NightRecord.replay(ledger.written).claim
    assert claim is not None
    return claim


def set_back(ledger: MemoryLedger, probe: int, after_s: float = HOUR) -> MemoryLedger:
    """Return a copy of a ledger, marked from its `probe`-th standing probe on."""
    since = NightRecord.replay(ledger.written).probes[probe].at
    event = MeasurementsInvalidated(at=FakeClock(after_s).now(), since=since, reason="wrong server")
    return MemoryLedger([*ledger.written, event])


def go_on(path: Path, ledger: MemoryLedger, launcher: SimulatedLauncher, after_s: float = 2 * HOUR) -> NightContext:
    """Resume a night from its ledger alone, in a process of its own as it were."""
    context = make_night(path, launcher, ledger)
    context.clock = FakeClock(after_s)
    context.record(SessionResumed(at=context.clock.now(), reason="after it was invalidated"))
    assert run_night(context) == "finished"
    return context


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.45, 0.7, 0.85, 0.97])
def test_a_night_set_back_ends_as_it_would_have_with_the_same_measurements(
    tmp_path: Path, whole: MemoryLedger, share: float
) -> None:
    before = NightRecord.replay(whole.written)
    probe = int(share * len(before.probes))
    launcher = SimulatedLauncher(faster_helps)
    night = go_on(tmp_path, set_back(whole, probe), launcher).night
    lost = [p.outcome.key for p in before.probes[probe:]]
    assert launcher.ran == lost, "each is measured again, and nothing else"
    assert night.claim == before.claim
    assert night.accepted == before.accepted
    assert [p.outcome for p in night.probes] == [p.outcome for p in before.probes]
    numbers = [p.plan.number for p in night.ended]
    assert len(set(numbers)) == len(numbers) == len(before.probes) + len(lost)
    assert probes_used(night) == probes_used(before) <= 60, "what was marked is not paid for twice"


@pytest.mark.slow
def test_wherever_a_night_is_cut_the_same_measurements_bring_it_to_the_same_end(
    tmp_path: Path, whole: MemoryLedger
) -> None:
    before = NightRecord.replay(whole.written)
    for line, event in enumerate(whole.written):
        mark = MeasurementsInvalidated(at=FakeClock(HOUR).now(), since=event.at, reason="wrong server")
        ledger = MemoryLedger([*whole.written, mark])
        night = go_on(folder(tmp_path, str(line)), ledger, SimulatedLauncher(faster_helps)).night
        assert night.claim == before.claim, f"{line} {event.kind}"
        assert [p.outcome for p in night.probes] == [p.outcome for p in before.probes], f"{line} {event.kind}"


def test_other_measurements_lead_to_another_end(tmp_path: Path, whole: MemoryLedger) -> None:
    ledger = set_back(whole, 2)
    assert NightRecord.replay(ledger.written).claim is None
    night = go_on(tmp_path, ledger, SimulatedLauncher(nothing_helps, noise_sd=0.3)).night
    assert night.claim is not None
    assert not night.claim.confirmed
    assert night.active_s > NightRecord.replay(whole.written).active_s


def test_without_its_confirmation_a_night_claims_nothing_until_it_is_measured_again(
    tmp_path: Path, whole: MemoryLedger
) -> None:
    before = NightRecord.replay(whole.written)
    confirm = next(index for index, p in enumerate(before.probes) if p.plan.phase == "confirm")
    ledger = set_back(whole, confirm)
    night = NightRecord.replay(ledger.written)
    assert night.claim is None
    assert night.accepted == before.accepted, "the search stands"
    launcher = SimulatedLauncher(nothing_helps)
    again = go_on(tmp_path, ledger, launcher).night
    assert launcher.ran == [p.outcome.key for p in before.probes[confirm:]]
    assert again.accepted == before.accepted
    assert again.claim is not None
    assert not again.claim.confirmed


def test_a_night_can_be_set_back_twice(tmp_path: Path, whole: MemoryLedger) -> None:
    first = set_back(whole, 20)
    go_on(folder(tmp_path, "a"), first, SimulatedLauncher(nothing_helps))
    second = set_back(first, 9, after_s=4 * HOUR)
    launcher = SimulatedLauncher(faster_helps)
    night = go_on(folder(tmp_path, "b"), second, launcher, after_s=5 * HOUR).night
    assert night.claim == claim_of(whole)
    assert len(launcher.ran) == len(night.probes) - 9
    finished = [event for event in second.written if isinstance(event, ProbeFinished)]
    assert len(night.ended) == len(finished) == len({event.plan.number for event in finished})


def test_a_killed_repair_goes_on_where_it_was(tmp_path: Path, whole: MemoryLedger) -> None:
    ledger = set_back(whole, 10)
    first = make_night(folder(tmp_path, "a"), SimulatedLauncher(faster_helps, stop_after=7), ledger)
    first.clock = FakeClock(2 * HOUR)
    first.record(SessionResumed(at=first.clock.now(), reason="after it was invalidated"))
    assert run_night(first) == "interrupted"
    second = SimulatedLauncher(faster_helps)
    night = go_on(folder(tmp_path, "b"), ledger, second, after_s=3 * HOUR).night
    assert len(second.ran) == len(NightRecord.replay(whole.written).probes) - 17
    assert night.claim == claim_of(whole)


def test_the_fits_start_anew_when_the_record_goes_back(tmp_path: Path, whole: MemoryLedger) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps), MemoryLedger(list(whole.written)))
    night, evidence = context.night, SearchEvidence(context.plan)
    _, runs = evidence.look(night, context.plan)
    before = list(runs)
    context.record(set_back(whole, 15).written[-1])
    _, runs = evidence.look(night, context.plan)
    assert runs == search_runs(night) == before[: len(runs)]
    assert 0 < len(runs) < len(before)
