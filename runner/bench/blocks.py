"""A proposal for the night's design: rolling Plackett–Burman blocks over the joint fit of the race.

Eleven live candidates share every probe, each on in half of a block's twelve. Unlike a block that decides once, all
blocks of the night enter one fit, an undecided candidate stays for the next block, and an accepted change goes on
being toggled: half the probes without it keep the level away from saturation and go on testing it. The final recipe is
every change that the whole night's fit believes in. Fit and verdicts are the project's own; what is left out is the
same as in `race`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from agent.evidence import target_effects
from probes.statistics.config import RefereeConfig
from probes.statistics.race import Effects
from probes.statistics.referee import read_candidate
from probes.statistics.runs import Run
from runner.bench.nights import Night, SpentError
from runner.bench.race import TARGET, as_run, change_name
from runner.bench.rules import plackett_burman

FACTORS, ROWS = 11, 12
LEAST_ROWS = 6
"""A block cut shorter than this by the budget decides nothing by itself; its probes still enter the last fit."""
BLOCK_RULES = RefereeConfig(accept_level=0.92, worthwhile=0.15, max_replicates=4, prior_tail_df=1000.0)
"""`max_replicates` counts blocks here."""
BOLD_RULES = BLOCK_RULES.model_copy(update={"accept_level": 0.85})
"""For short nights: more harmful changes come along, and more good ones."""


@dataclass
class _State:
    """The night so far."""

    runs: list[Run] = field(default_factory=list[Run])
    accepted: tuple[int, ...] = ()
    live: dict[int, int] = field(default_factory=dict[int, int])
    """Candidate → blocks it has been in."""
    probed: set[int] = field(default_factory=set[int])


def rolling_blocks(night: Night, rules: RefereeConfig = BLOCK_RULES) -> tuple[int, ...]:
    """Run blocks until the search is spent and return every change believed in at the end."""
    state, waiting = _State(), iter(night.candidates)
    chance = np.random.default_rng(night.number)
    try:
        for _ in range(rules.calibration_runs):
            _record(night, state, ())
        while _fill(night, state, waiting):
            _run_block(night, state, rules, chance)
    except SpentError:
        pass
    effects = target_effects(state.runs, TARGET, rules)
    return tuple(c for c in sorted(state.probed) if effects.of(change_name(c)).above(0.0) >= rules.accept_level)


def _fill(night: Night, state: _State, waiting: Iterator[int]) -> bool:
    """Fill the free places with candidates that survived a smoke run; return whether there is anything to probe."""
    while len(state.live) < FACTORS and (change := next(waiting, None)) is not None:
        if not night.smoke(change):
            state.live[change] = 0
    return bool(state.live)


def _run_block(night: Night, state: _State, rules: RefereeConfig, chance: np.random.Generator) -> None:
    columns = {change: signs > 0 for change, signs in zip(state.live, plackett_burman().T, strict=False)}
    half = np.arange(ROWS) < ROWS // 2
    columns |= {change: chance.permutation(half) for change in state.accepted}
    rows = 0
    try:
        for row in range(ROWS):
            _record(night, state, tuple(change for change, on in columns.items() if on[row]))
            rows += 1
    finally:
        if rows >= LEAST_ROWS:
            _decide(state, rules)


def _decide(state: _State, rules: RefereeConfig) -> None:
    effects = target_effects(state.runs, TARGET, rules)
    for change in list(state.live):
        state.live[change] += 1
        if change not in state.probed:
            continue
        reading = read_candidate(effects.of(change_name(change)), {}, state.live[change], rules)
        if reading.decision != "more":
            del state.live[change]
        if reading.decision == "accept":
            state.accepted = (*state.accepted, change)
    state.accepted = tuple(change for change in state.accepted if _is_believed(effects, change))


def _is_believed(effects: Effects, change: int) -> bool:
    return effects.of(change_name(change)).above(0.0) >= 0.5


def _record(night: Night, state: _State, changes: tuple[int, ...]) -> None:
    state.runs.append(as_run(changes, night.measure(changes), len(state.runs)))
    state.probed.update(changes)
