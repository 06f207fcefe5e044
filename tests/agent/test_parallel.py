"""Several workers: what the night decides depends neither on the order of results nor, up to four, on their number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import faster_helps, make_night

from agent.night import run_night
from agent.ports import OnFinish, OnStart
from lanes.config import LanesConfig
from probes.outcome import ProbeStatus
from tracking.events import ProbePlan

MANY_MOVES = LanesConfig.model_validate(
    {
        "hyperparameters": {
            "learning_rate": {"low": 2.5e-4, "high": 4e-3, "scale": "log", "max_factor": 2.0},
            "rank": {"values": [4, 8, 16, 32], "max_factor": 2.0},
            "alpha": {"low": 4.0, "high": 64.0, "scale": "log", "max_factor": 2.0},
            "dropout": {"low": 0.0, "high": 0.3, "max_step": 0.1},
        }
    }
)


class ShufflingLauncher(SimulatedLauncher):
    """Runs as many probes at a time as it has workers; which of them ends next is left to chance."""

    def __init__(self, workers: int, order: int, failures: dict[int, ProbeStatus] | None = None) -> None:
        super().__init__(faster_helps, failures=failures)
        self.workers, self._chance = workers, Random(order)

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        waiting, running = list(plans), list[ProbePlan]()
        while waiting or running:
            while waiting and len(running) < self.workers:
                running.append(waiting.pop(0))
                on_start(running[-1])
                self.ran.append(running[-1].request.key)
            plan = running.pop(self._chance.randrange(len(running)))
            on_finish(plan, self.outcome(plan))


def play(folder: Path, launcher: ShufflingLauncher, probes: int = 100) -> list[str]:
    """Return the ledger without times; results of one batch, which end in any order, by number."""
    folder.mkdir()
    ledger = MemoryLedger()
    run_night(make_night(folder, launcher, ledger, probes=probes, lanes=MANY_MOVES, controls=True))
    lines, batch = list[str](), list[tuple[int, str]]()
    for event in ledger.written:
        line = event.model_copy(update={"at": ""}).model_dump_json()
        if event.kind == "probe_finished":
            batch.append((event.plan.number, line))
        elif event.kind != "probe_started":
            lines += [line for _, line in sorted(batch)]
            batch = []
            lines.append(line)
    return lines + [line for _, line in sorted(batch)]


@pytest.mark.parametrize("workers", [2, 5, 16])
def test_the_order_of_results_changes_nothing_but_their_order(tmp_path: Path, workers: int) -> None:
    first = play(tmp_path / "first", ShufflingLauncher(workers, order=1))
    second = play(tmp_path / "second", ShufflingLauncher(workers, order=2))
    assert first == second


def test_nor_does_it_when_probes_fail(tmp_path: Path) -> None:
    failures = {
        20: ProbeStatus.CRASHED,
        21: ProbeStatus.DIVERGED,
        24: ProbeStatus.OUT_OF_MEMORY,
        40: ProbeStatus.CRASHED,
    }
    nights = [play(tmp_path / str(order), ShufflingLauncher(5, order, failures), probes=80) for order in (1, 2)]
    assert nights[0] == nights[1]
    assert any("diverged" in line for line in nights[0])


def test_up_to_four_workers_a_night_is_the_same_on_any_machine(tmp_path: Path) -> None:
    nights = [play(tmp_path / str(workers), ShufflingLauncher(workers, order=workers)) for workers in (1, 4)]
    assert nights[0] == nights[1]


@pytest.mark.parametrize("workers", [2, 16])
def test_no_move_is_asked_for_twice_in_any_lane(tmp_path: Path, workers: int) -> None:
    context = make_night(tmp_path, ShufflingLauncher(workers, 1), probes=100, lanes=MANY_MOVES)
    run_night(context)
    moves = [(c.change.lane, c.change.knob, c.change.after) for c in context.night.candidates.values()]
    assert {lane for lane, _, _ in moves} == {"hyperparameters", "data_mix", "curriculum"}
    assert len(set(moves)) == len(moves)
