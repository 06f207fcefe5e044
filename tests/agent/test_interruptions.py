"""Nights cut off after any of their lines go on to the ledger of the night that was not, failures included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import faster_helps, folder, make_night, without_times

from agent.night import run_night
from agent.stalling import SUBJECT
from probes.outcome import ProbeStatus
from probes.statistics.earlier import BaselineLevel, ClaimLevel
from tracking import events as ev
from tracking.memory.known import EarlierNights

CRASHED, DIVERGED, TIMED_OUT = ProbeStatus.CRASHED, ProbeStatus.DIVERGED, ProbeStatus.TIMED_OUT
Failures = Mapping[int, ProbeStatus]


def play(path: Path, failures: Failures, told: Sequence[ev.Event] = (), **rules: Any) -> MemoryLedger:
    """Run a night from the lines that are there to its end; the checkpoint is lost."""
    ledger = MemoryLedger(list(told))
    run_night(make_night(path, SimulatedLauncher(faster_helps, failures=failures), ledger, **rules))
    return ledger


@pytest.mark.parametrize(
    ("rules", "failures"),
    [
        ({"design": "race"}, {}),
        ({"design": "race"}, {7: CRASHED, 8: DIVERGED, 12: CRASHED, 13: CRASHED}),
        ({"design": "race", "controls": True}, {1: CRASHED, 3: CRASHED, 9: TIMED_OUT, 20: CRASHED, 44: CRASHED}),
        ({"design": "auto"}, {2: CRASHED, 8: DIVERGED, 26: CRASHED, 27: CRASHED, 31: TIMED_OUT, 56: CRASHED}),
    ],
    ids=["race", "race with failures", "race with controls and failures", "blocks with failures"],
)
def test_a_night_cut_after_any_line_ends_as_the_whole_one(
    tmp_path: Path, rules: dict[str, Any], failures: Failures
) -> None:
    whole = play(folder(tmp_path, "whole"), failures, **rules)
    expected = without_times(whole)
    for lines in range(1, len(whole.written), 5):
        ended = {event.plan.number for event in whole.written[:lines] if isinstance(event, ev.ProbeFinished)}
        left = {number: status for number, status in failures.items() if number not in ended}
        resumed = play(folder(tmp_path, str(lines)), left, whole.written[:lines], **rules)
        assert without_times(resumed) == expected, f"cut after line {lines}"


@pytest.mark.parametrize("status", [DIVERGED, TIMED_OUT, ProbeStatus.OUT_OF_MEMORY])
def test_what_a_recipe_did_once_is_not_tried_again_by_a_resumed_race(tmp_path: Path, status: ProbeStatus) -> None:
    ledger = MemoryLedger()
    launcher = SimulatedLauncher(faster_helps, failures={7: status}, stop_after=8)
    run_night(make_night(folder(tmp_path, "cut"), launcher, ledger, design="race"))
    resumed = play(folder(tmp_path, "on"), {}, ledger.written, design="race")
    probes = [event.plan for event in resumed.written if isinstance(event, ev.ProbeFinished)]
    failed = next(plan for plan in probes if plan.number == 7)
    assert [plan.number for plan in probes if plan.candidate == failed.candidate] == [7]


def test_all_that_failed_in_a_batch_has_its_next_try_before_anything_is_decided(tmp_path: Path) -> None:
    ledger = play(tmp_path, {7: CRASHED, 8: CRASHED}, design="race")
    kinds = [event for event in ledger.written if isinstance(event, ev.ProbeFinished | ev.CandidateDecided)]
    first = next(i for i, event in enumerate(kinds) if isinstance(event, ev.CandidateDecided))
    tries = [event.plan.attempt for event in kinds[:first] if isinstance(event, ev.ProbeFinished)]
    assert tries[-2:] == [2, 2]
    assert tries.count(2) == 2


def test_a_drift_is_told_though_the_night_broke_off_before_it_was(tmp_path: Path) -> None:
    known = BaselineLevel(session="a", runs=6, means={"private_voice": 8.0, "overall": 8.0})
    claim = ClaimLevel(number=1, level=0.05, session_level=0.05, fdr=0.15, past=())
    earlier = EarlierNights(project="p", conditions="c", nights=(), baselines=(known,), claim=claim)

    def night(name: str, ledger: MemoryLedger) -> list[str]:
        context = make_night(folder(tmp_path, name), SimulatedLauncher(faster_helps), ledger, design="race")
        if context.night.earlier is None:
            context.record(ev.EarlierNightsRead(at=context.clock.now(), earlier=earlier))
        run_night(context)
        warned = [event for event in ledger.written if isinstance(event, ev.Warned) and event.subject != SUBJECT]
        return [event.message for event in warned]

    whole = MemoryLedger()
    told = night("whole", whole)
    cut = next(i for i, event in enumerate(whole.written) if isinstance(event, ev.DriftChecked)) + 1
    assert len(told) > 1
    assert night("again", MemoryLedger(whole.written[:cut])) == told
    assert night("once more", MemoryLedger(whole.written[: cut + 1])) == told
