"""The collector and the record of a long night."""

from __future__ import annotations

import gc
from pathlib import Path

from fakes import SimulatedLauncher
from simulated_nights import make_night, nothing_helps

from agent.heap import EVERY, leave_out, take_back
from agent.night import run_night


def test_a_long_night_is_left_out_once_in_so_many_probes_and_taken_back_at_its_end(tmp_path: Path) -> None:
    take_back()
    leave_out(EVERY - 12, EVERY - 1)
    assert gc.get_freeze_count() == 0, "a night of the usual length leaves the collector alone"
    leave_out(EVERY - 1, EVERY + 11)
    assert gc.get_freeze_count() > 0
    run_night(make_night(tmp_path, SimulatedLauncher(nothing_helps), probes=30))
    assert gc.get_freeze_count() == 0
