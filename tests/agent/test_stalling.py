from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import faster_helps, folder, make_night, nothing_helps, without_times

from agent.context import NightContext
from agent.night import run_night
from probes.statistics.earlier import ClaimLevel
from tracking.events import EarlierNightsRead, Warned
from tracking.memory.known import EarlierNights


def alarms(ledger: MemoryLedger) -> list[str]:
    return [event.message for event in ledger.written if isinstance(event, Warned) and event.subject == "progress"]


def limited(context: NightContext, probes: int | None = None, nights: int | None = None) -> NightContext:
    context.plan = replace(context.plan, probes_without_progress=probes, nights_without_promotion=nights)
    return context


def earlier(unconfirmed: int) -> EarlierNights:
    level = ClaimLevel(number=1, level=0.05, session_level=0.05, fdr=0.1, past=())
    return EarlierNights(project="p", conditions="c", claim=level, unconfirmed_in_a_row=unconfirmed)


def test_a_search_that_gets_nowhere_warns_once_per_so_many_probes(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    context = limited(make_night(tmp_path, SimulatedLauncher(nothing_helps), ledger), probes=10)
    context.plan = replace(context.plan, seed=5)  # one whose search is not lucky
    run_night(context)
    told = alarms(ledger)
    assert len(set(told)) == len(told) >= 2
    assert all("0 probes without an accepted change since the search began" in message for message in told)
    counts = [int(message.split(" ")[0]) for message in told]
    assert counts == sorted(counts)


def test_no_limit_and_no_stall_say_nothing(tmp_path: Path) -> None:
    quiet, busy = MemoryLedger(), MemoryLedger()
    run_night(make_night(folder(tmp_path, "a"), SimulatedLauncher(nothing_helps), quiet))
    run_night(limited(make_night(folder(tmp_path, "b"), SimulatedLauncher(faster_helps), busy), probes=60))
    assert alarms(quiet) == alarms(busy) == []


@pytest.mark.parametrize("stop_after", [14, 30])
def test_an_interruption_neither_repeats_nor_loses_an_alarm(tmp_path: Path, stop_after: int) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    run_night(limited(make_night(folder(tmp_path, "whole"), SimulatedLauncher(nothing_helps), whole), probes=6))
    run_night(limited(make_night(tmp_path, SimulatedLauncher(nothing_helps, stop_after=stop_after), ledger), probes=6))
    run_night(limited(make_night(tmp_path, SimulatedLauncher(nothing_helps), ledger), probes=6))
    assert without_times(ledger) == without_times(whole)


@pytest.mark.parametrize(("before", "is_told"), [(2, False), (3, True)])
def test_many_nights_without_a_promotion_are_told_at_the_end(tmp_path: Path, before: int, is_told: bool) -> None:
    ledger = MemoryLedger()
    context = limited(make_night(tmp_path, SimulatedLauncher(nothing_helps), ledger), nights=4)
    context.record(EarlierNightsRead(at=context.clock.now(), earlier=earlier(before)))
    run_night(context)
    assert [message.split(" ")[0] for message in alarms(ledger)] == ([str(before + 1)] if is_told else [])


def test_a_promotion_ends_the_count(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    context = limited(make_night(tmp_path, SimulatedLauncher(faster_helps), ledger), nights=1)
    context.record(EarlierNightsRead(at=context.clock.now(), earlier=earlier(9)))
    run_night(context)
    assert context.night.claim is not None
    assert context.night.claim.confirmed
    assert alarms(ledger) == []
