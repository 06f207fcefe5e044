"""How far a night of `make bench-loop` is before each batch, and what it has spent: times at one speed of the machine.

A fixed piece of work, the yardstick, is timed beside every mark, and the times of nights with as many knobs are given
at the machine's median speed over them: a lent core can be half as fast a minute later. Each night has a process of its
own, since Python's collector walks through what an earlier one has left. In there, for its parent:

    python -m runner.bench.loop_marks PROBES KNOBS SEED
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np

from agent.night import run_night
from agent.ports import OnFinish, OnStart
from agent.proposers.proposer import Answer, Proposer, Question
from runner.bench.loop_night import CATEGORIES, NOISE_SD, truth, wide_lane, wide_plan
from runner.bench.simulated import SimulatedLauncher, open_night
from tracking.events import ProbePlan
from tracking.ledger import Ledger

BESIDE = 5
"""Yardsticks on either side whose median tells the speed between two marks."""
Spent = tuple[float, ...]
"""CPU time, of it the proposer's, and wall time, in seconds, without the probes and the yardstick."""


class Mark(NamedTuple):
    """How far a night is, before a batch."""

    probes: int
    spent_s: Spent
    yardstick_s: float
    """CPU time of the fixed work there."""


class _TimedProposer:
    """A proposer whose CPU time is counted."""

    def __init__(self, proposer: Proposer) -> None:
        self._proposer, self.spent_s = proposer, 0.0

    @property
    def name(self) -> str:
        return self._proposer.name

    def ask(self, question: Question) -> Answer:
        began = process_time()
        answer = self._proposer.ask(question)
        self.spent_s += process_time() - began
        return answer


@dataclass
class _MarkingLauncher(SimulatedLauncher):
    """A launcher that reads the clock before every batch."""

    marks: list[Mark] = field(default_factory=list[Mark], init=False)
    asking: _TimedProposer | None = field(default=None, init=False)

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        self.mark()
        super().run(plans, on_start, on_finish)

    def mark(self) -> None:
        """Note how far the night is."""
        asks_s = self.asking.spent_s if self.asking is not None else 0.0
        times = (process_time() - self.spent_s, asks_s, perf_counter() - self.spent_s)
        took = _yardstick()
        self.spent_s += took
        self.marks.append(Mark(sum(self.batches), times, took))


def marks_of(probes: int, knobs: int, seed: int = 0) -> list[Mark]:
    """Run one night in this process and return its marks, the last one at its end."""
    gc.collect()
    with TemporaryDirectory() as name, Ledger(Path(name) / "ledger.jsonl") as ledger:
        launcher, lane = _MarkingLauncher(truth, dict.fromkeys(CATEGORIES, NOISE_SD), seed=seed), wide_lane(knobs)
        context = open_night(wide_plan(probes, seed), launcher, {lane.name: lane}, Path(name), ledger)
        context.proposer = launcher.asking = _TimedProposer(context.proposer)
        launcher.mark()
        run_night(context)
        launcher.mark()
    return launcher.marks


def marks_apart(probes: int, knobs: int, seed: int = 0) -> list[Mark]:
    """Run one night in a process of its own and return its marks."""
    command = [sys.executable, "-m", __spec__.name, *(str(number) for number in (probes, knobs, seed))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [Mark(number, tuple(spent), took) for number, spent, took in json.loads(done.stdout)]


def _yardstick() -> float:
    """Return the CPU time of a fixed piece of work, some milliseconds: objects, text and small matrices."""
    began = process_time()
    for size in range(20, 60):
        json.loads(json.dumps({f"{i}": [i, float(i)] for i in range(size // 2)}))
        np.linalg.inv(np.eye(size) + 0.01)
    return process_time() - began


def steadied(nights: Sequence[Sequence[Mark]]) -> list[list[Mark]]:
    """Return the marks with their times at the nights' median speed, by the yardsticks beside each."""
    usual = median(mark.yardstick_s for marks in nights for mark in marks)
    found: list[list[Mark]] = []
    for marks in nights:
        steady = [Mark(marks[0].probes, (0.0, 0.0, 0.0), usual)]
        for i, (last, mark) in enumerate(pairwise(marks), start=1):
            beside = median(near.yardstick_s for near in marks[max(0, i - BESIDE) : i + BESIDE])
            spans = zip(steady[-1].spent_s, last.spent_s, mark.spent_s, strict=True)
            spent = tuple(so_far + (after - before) * usual / beside for so_far, before, after in spans)
            steady.append(Mark(mark.probes, spent, usual))
        found.append(steady)
    return found


if __name__ == "__main__":
    marks_of(40, 24)  # imports are no night's cost
    print(json.dumps(marks_of(*map(int, sys.argv[1:]))))
