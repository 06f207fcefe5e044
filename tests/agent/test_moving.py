"""What enters the working recipe and what does not."""

from __future__ import annotations

from pathlib import Path

from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import BASELINE, faster_helps, make_night

from agent.moving import move, stands, withdraw
from probes.candidate import Candidate, Change
from tracking import events as ev


def test_of_two_moves_of_one_knob_only_the_first_enters_and_nothing_moves_for_the_other(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    context = make_night(tmp_path, SimulatedLauncher(faster_helps), ledger)
    for name, rank in (("c01", 16), ("c02", 4)):
        change = Change(lane="hyperparameters", knob="rank", before=8, after=rank)
        recipe = BASELINE.replace(rank=rank)
        candidate = Candidate(id=name, change=change, parent=BASELINE.fingerprint, recipe=recipe, proposer="optuna")
        context.record(ev.CandidateProposed(at=context.clock.now(), candidate=candidate))
    assert stands(context, "c02")
    move(context, ("c01",))
    assert not stands(context, "c02")
    lines = len(ledger.written)
    move(context, ("c01", "c02"))
    assert not any(isinstance(event, ev.WorkingRecipeMoved) for event in ledger.written[lines:])
    withdraw(context)
    reading = context.night.reading("c02")
    assert reading is not None
    assert "the working recipe moved: `rank` is 16" in reading.reason
