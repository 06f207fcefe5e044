"""The checkpoint is only the position: whatever becomes of it, the ledger is the one of an uninterrupted night."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import faster_helps, folder, make_night, nothing_helps, without_times

from agent.night import run_night
from tracking.events import CandidateDecided, ProbeFinished, Warned


def lose(checkpoint: Path) -> None:
    checkpoint.unlink()


def overwrite(checkpoint: Path) -> None:
    checkpoint.write_bytes(b"no database" * 1000)


def cut(checkpoint: Path) -> None:
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(data[: len(data) // 2])


def damage_values(checkpoint: Path) -> None:
    with closing(sqlite3.connect(checkpoint)) as connection:
        connection.execute("UPDATE checkpoints SET checkpoint = ?", (b"\xc1 no position",))
        connection.commit()


def take_its_place(checkpoint: Path) -> None:
    checkpoint.unlink()
    checkpoint.mkdir()


@pytest.mark.parametrize("spoil", [lose, overwrite, cut, damage_values, take_its_place])
def test_a_spoilt_checkpoint_changes_nothing_but_a_warning(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    run_night(make_night(folder(tmp_path, "whole"), SimulatedLauncher(faster_helps), whole))
    first = make_night(tmp_path, SimulatedLauncher(faster_helps, stop_after=15), ledger)
    assert run_night(first) == "interrupted"
    spoil(first.checkpoint_path)
    assert run_night(make_night(tmp_path, SimulatedLauncher(faster_helps), ledger)) == "finished"
    told = [event for event in ledger.written if isinstance(event, Warned)]
    assert len(told) == (0 if spoil is lose else 1)
    assert all(event.subject == "position" and "from its ledger" in event.message for event in told)
    ledger.written = [event for event in ledger.written if not isinstance(event, Warned)]
    assert without_times(ledger) == without_times(whole)


def test_a_race_that_breaks_off_after_a_whole_round_decides_before_it_measures_more(tmp_path: Path) -> None:
    whole = MemoryLedger()
    run_night(make_night(folder(tmp_path, "whole"), SimulatedLauncher(nothing_helps), whole, design="race"))
    pairs = enumerate(zip(whole.written, whole.written[1:], strict=False), start=1)
    rounds = [n for n, (a, b) in pairs if isinstance(a, ProbeFinished) and isinstance(b, CandidateDecided)]
    assert len(rounds) >= 5, "long enough for two baselines to fall due"
    for lines in rounds:
        ledger = MemoryLedger(whole.written[:lines])
        run_night(make_night(folder(tmp_path, str(lines)), SimulatedLauncher(nothing_helps), ledger, design="race"))
        assert without_times(ledger) == without_times(whole), lines


def test_a_checkpoint_of_another_time_changes_nothing(tmp_path: Path) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    finished = make_night(folder(tmp_path, "whole"), SimulatedLauncher(faster_helps), whole)
    run_night(finished)
    first = make_night(tmp_path, SimulatedLauncher(faster_helps, stop_after=9), ledger)
    run_night(first)
    early = tmp_path / "early.sqlite"
    shutil.copy(first.checkpoint_path, early)
    second = make_night(tmp_path, SimulatedLauncher(faster_helps, stop_after=15), ledger)
    run_night(second)
    shutil.copy(early, second.checkpoint_path)
    run_night(make_night(tmp_path, SimulatedLauncher(faster_helps), ledger))
    assert without_times(ledger) == without_times(whole)
