"""The project's own night on a simulated search: smoke runs, blocks of changes, the race for the rest, the settling.

What decides is called, not copied: the joint fit, the designs of blocks and rows, the verdicts, and the levels of
`[referee]`. What is left out for want of a ledger: guards, lanes, failures, interruptions and the rehearsal's verdict
(its probes are kept back all the same). There is always something new to try, so no search ends for want of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal

from agent.bases import FIRM
from agent.evidence import of_single_changes, pulled_back, target_question
from agent.referee import LEAST_ROWS
from agent.search import LAST_REFILL
from probes.statistics.blocks import LEAST_FACTORS, PLACES, ROWS, design_block
from probes.statistics.config import RefereeConfig
from probes.statistics.effects import EffectPrior
from probes.statistics.fits import Fitted, SearchFits
from probes.statistics.referee import read_candidate
from probes.statistics.rows import believed, choose_rows
from probes.statistics.runs import Run
from runner.bench.nights import SMOKE_COST, Measured, Night, SpentError

TARGET = "target"
SIDE_BY_SIDE = 4
ROW_SEEDS = 10_000
"""First train seed of rows: none pairs with a replicate."""
Design = Literal["race", "rows", "blocks"]
"""`rows` is no night's design: chosen rows from the first probe on, for comparison."""


@dataclass
class _Search:
    """The night so far, as the ledger would hold it."""

    night: Night
    rules: RefereeConfig
    waiting: Iterator[int]
    fits: SearchFits
    live: dict[int, int] = field(default_factory=dict[int, int])
    """Candidate → the rounds or blocks it was in; from chosen rows on, the rows."""
    accepted: tuple[int, ...] = ()
    probed: set[int] = field(default_factory=set[int])
    probes: int = 0
    baselines: int = 0
    raced: int = 0
    blocks: int = 0

    @property
    def left(self) -> float:
        """Probes that the search may still have: those of the rehearsal are kept."""
        return self.night.left - (self.rules.rehearsals if self.accepted else 0)

    @property
    def fitted(self) -> Fitted:
        """The fit of all probes so far."""
        return self.fits.fitted(TARGET)

    def better(self, change: int) -> float:
        """Return P(effect > 0)."""
        return self.fitted.effects.of(change_name(change)).above(0.0)


def our_night(night: Night, rules: RefereeConfig, design: Design | None = None) -> tuple[int, ...]:
    """Search as a night does until its probes are spent and return the changes of the final recipe.

    Args:
        night: What is searched.
        rules: Levels and limits.
        design: How probes are spent; None: as `rules.design` says.
    """
    design = design or ("race" if rules.design == "race" else "blocks")
    asked = target_question(TARGET, of_single_changes(rules) if design == "race" else rules)
    search = _Search(night, rules, iter(night.candidates), SearchFits([asked]))
    try:
        while search.baselines < rules.calibration_runs:
            _probe(search, (), search.baselines)
        while design == "blocks" and _run_block(search):
            pass
        if design == "rows" or search.blocks:
            _run_rows(search)
        while not search.blocks and _run_round(search):
            pass
    except SpentError:
        pass
    if not search.blocks:
        return search.accepted
    names = {change_name(change): change for change in search.probed}
    shipped = believed(search.fitted.effects, names, rules.most_harmful, rules.least_belief)
    return tuple(names[name] for name in shipped)


def _run_block(search: _Search) -> bool:
    """Run one block and decide; return False when none can be paid for or filled."""
    rules = search.rules
    fresh = PLACES - sum(change in search.probed for change in search.live)
    if search.left < ROWS + SMOKE_COST * fresh:
        return False
    _fill(search, PLACES, smoke=rules.smoke)
    if len(search.live) < LEAST_FACTORS:
        return False
    search.blocks += 1
    names = {change_name(change): change for change in search.live}
    block = design_block(search.blocks, list(names), seed=search.night.number * 100 + search.blocks)
    base = _firm(search)
    for row in block.rows:
        _probe(search, [*base, *(names[name] for name in row)], ROW_SEEDS + search.probes)
    levels = {"accept_level": rules.block_accept_level, "worthwhile": rules.block_worthwhile}
    search.live = {change: blocks + 1 for change, blocks in search.live.items()}
    _decide(search, rules.model_copy(update={**levels, "max_replicates": rules.max_blocks}))
    return True


def _run_rows(search: _Search) -> None:
    """Run rounds of chosen rows until the probes are spent."""
    rules, prior = search.rules, EffectPrior(search.rules.prior_mean, search.rules.prior_sd)
    levels = {"accept_level": rules.block_accept_level, "worthwhile": rules.block_worthwhile, "max_replicates": 50}
    row_levels = rules.model_copy(update=levels)
    search.live = {change: blocks * ROWS // 2 for change, blocks in search.live.items()}
    while True:
        if search.left > LAST_REFILL:
            _fill(search, PLACES, smoke=rules.smoke)
        if not search.live:
            return
        search.blocks += 1
        names = {change_name(change): change for change in search.live}
        seed = search.night.number * 1000 + search.blocks
        chosen = choose_rows(search.fitted.effects, list(names), SIDE_BY_SIDE, search.fitted.noise_sd, prior, seed)
        base = _firm(search)
        for row in chosen:
            if search.left < 1:
                raise SpentError
            _probe(search, [*base, *(names[name] for name in row)], ROW_SEEDS + search.probes)
            for name in row:
                search.live[names[name]] += 1
        _decide(search, row_levels, LEAST_ROWS)


def _run_round(search: _Search) -> bool:
    """Run one round of the race and decide; return False when it is over."""
    rules = search.rules
    if search.left < 1:
        return False
    _fill(search, SIDE_BY_SIDE)
    if rules.calibration_runs + search.raced // rules.baseline_every > search.baselines:
        _probe(search, (), search.baselines)
    # What blocks left undecided is raced too, a few at a time, the best first.
    racing = sorted(search.live, key=lambda change: -search.better(change) if change in search.probed else 0.0)
    read = dict[int, int]()
    for change in racing[:SIDE_BY_SIDE]:
        if search.left < 1:
            break
        read[change] = search.live[change] + 1
        _probe(search, (*search.accepted, change), search.live[change])
        search.raced += 1
    search.live |= read
    _decide(search, rules, only=read)
    return bool(read)


def _firm(search: _Search) -> list[int]:
    """Return the accepted changes that blocks and rows are run on, as `agent.bases.firm` says."""
    least, effects = FIRM * search.fitted.noise_sd, search.fitted.effects
    return [change for change in search.accepted if effects.of(change_name(change)).mean >= least]


def _fill(search: _Search, places: int, smoke: bool = False) -> None:
    while len(search.live) < places and (change := next(search.waiting, None)) is not None:
        if not smoke or not search.night.smoke(change):
            search.live[change] = 0


def _decide(search: _Search, rules: RefereeConfig, least: int = 1, only: Collection[int] | None = None) -> None:
    effects = search.fitted.effects
    for change, looks in list(search.live.items()):
        if looks < least or change not in search.probed or (only is not None and change not in only):
            continue
        reading = read_candidate(effects.of(change_name(change)), {}, looks, rules)
        if reading.decision != "more":
            del search.live[change]
        if reading.decision == "accept":
            search.accepted = (*search.accepted, change)
    search.accepted = tuple(c for c in search.accepted if pulled_back(effects.of(change_name(c))) is None)


def _probe(search: _Search, changes: Collection[int], seed: int) -> None:
    search.fits.take([as_run(changes, search.night.measure(changes), seed)])
    search.probes += 1
    search.baselines += not changes
    search.probed.update(changes)


def as_run(changes: Collection[int], measured: Measured, seed: int) -> Run:
    """Return a probe of the bench as the statistics know it."""
    scores = {TARGET: measured.score}
    return Run(frozenset(map(change_name, changes)), seed, scores, companions=measured.companions)


def change_name(change: int) -> str:
    """Return the id of a candidate, as the statistics know it."""
    return f"c{change:03d}"
