"""The project's own race on a simulated night: the schedule of the agent, the fit and the verdicts of the referee.

What is the agent's is called, not copied: `target_effects`, `read_candidate`, `pulled_back`. What is left out for want
of a ledger: guards, lanes, failures and interruptions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from agent.evidence import pulled_back, target_effects
from probes.statistics.config import RefereeConfig
from probes.statistics.referee import read_candidate
from probes.statistics.runs import Run
from runner.bench.nights import Measured, Night, SpentError

TARGET = "target"
SIDE_BY_SIDE = 4


@dataclass
class _State:
    """The night so far, as the ledger would hold it."""

    runs: list[Run] = field(default_factory=list[Run])
    accepted: tuple[int, ...] = ()
    live: dict[int, int] = field(default_factory=dict[int, int])
    """Candidate → its replicates."""
    replicates: int = 0
    """Replicates of all candidates together."""
    baselines: int = 0


def our_race(night: Night, rules: RefereeConfig, side_by_side: int = SIDE_BY_SIDE) -> tuple[int, ...]:
    """Race candidates side by side until the search is spent and return the accepted ones."""
    state, waiting = _State(), iter(night.candidates)
    try:
        for _ in range(rules.calibration_runs):
            _probe_baseline(night, state)
        while True:
            while len(state.live) < side_by_side and (change := next(waiting, None)) is not None:
                state.live[change] = 0
            if not state.live:
                break
            _run_round(night, state, rules)
            _decide(state, rules)
    except SpentError:
        # The last round may be cut short by the budget; what it measured is read all the same.
        _decide(state, rules)
    return state.accepted


def _run_round(night: Night, state: _State, rules: RefereeConfig) -> None:
    if rules.calibration_runs + state.replicates // rules.baseline_every > state.baselines:
        _probe_baseline(night, state)
    for change, replicate in list(state.live.items()):
        changes = (*state.accepted, change)
        _record(state, changes, night.measure(changes), replicate)
        state.live[change] += 1
        state.replicates += 1


def _decide(state: _State, rules: RefereeConfig) -> None:
    effects = target_effects(state.runs, TARGET, rules)
    for change, replicates in list(state.live.items()):
        if replicates == 0:
            continue
        reading = read_candidate(effects.of(change_name(change)), {}, replicates, rules)
        if reading.decision != "more":
            del state.live[change]
        if reading.decision == "accept":
            state.accepted = (*state.accepted, change)
    state.accepted = tuple(c for c in state.accepted if pulled_back(effects.of(change_name(c))) is None)


def _probe_baseline(night: Night, state: _State) -> None:
    _record(state, (), night.measure(), state.baselines)
    state.baselines += 1


def _record(state: _State, changes: tuple[int, ...], measured: Measured, replicate: int) -> None:
    state.runs.append(as_run(changes, measured, replicate))


def as_run(changes: Collection[int], measured: Measured, seed: int) -> Run:
    """Return a probe of the bench as the statistics know it."""
    scores = {TARGET: measured.score}
    return Run(frozenset(map(change_name, changes)), seed, scores, companions=measured.companions)


def change_name(change: int) -> str:
    """Return the id of a candidate, as the statistics know it."""
    return f"c{change:03d}"
