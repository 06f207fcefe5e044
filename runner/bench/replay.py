"""Rules on real noise: sessions whose candidates are draws of one configuration, and pairs that truly differ.

A peer is taken at its word, as its users take it: what it keeps is its claim. Ours claims only what the final test
claims; the column `after_test` says what the peers' claims would be worth behind the same test.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from runner.bench.contenders import OURS, RULES, SLOW
from runner.bench.nights import CONFIRM_PROBES, Measured, Night
from runner.bench.pairs import PAIR_RULES, PairRule
from runner.bench.repeated_runs import Pair, Scores, null_groups, read_groups, real_pairs

NULL_CANDIDATES = 20
NULL_BUDGET = 120
PAIR_RUNS = (8, 16)
"""Runs of both arms together."""
CLOSE_SD = 3.0
"""Pairs nearer than this are also counted by themselves: the others are seen by any rule."""
SESSIONS_PER_PAIR = 20
KEEPS_ERROR_RATE = 0.06
"""Share of false claims on equal arms up to which a rule keeps its 5 %."""


class ReplayRow(BaseModel):
    """What one rule did on real runs."""

    model_config = ConfigDict(frozen=True)

    rule: str
    case: str
    runs: float
    """Probes of a session, mean; the final test's included where there is one."""
    sessions: int
    false_claim: float | None
    """Share of sessions without any difference that end in a claim."""
    after_test: float | None = None
    """The same, had the rule's keeps faced the final test."""
    power: float | None
    """Share of sessions with a real difference that claim it."""


class ReplayNight(Night):
    """A night whose every score is a draw, with replacement, from one configuration's runs."""

    def __init__(self, scores: Scores, candidates: int, probes: float, rng: np.random.Generator, number: int) -> None:
        super().__init__(np.zeros(candidates), probes, rng, number=number)
        self._scores, self._draws = scores, rng

    def _measure(self, changes: object) -> Measured:
        return Measured(self._scores[int(self._draws.integers(len(self._scores)))])


def replay(folder: Path, sessions: int, seed: int = 0) -> list[ReplayRow]:
    """Return the rows of all rules on null sessions and on pairs.

    Args:
        folder: Where `repeated_runs.tsv` is.
        sessions: Null sessions per configuration; slow rules a tenth.
        seed: Of all draws.

    Raises:
        DataError: the file is missing or broken.
    """
    groups = read_groups(folder)
    nulls, pairs = null_groups(groups), real_pairs(groups)
    rows = [null_row(rule, list(nulls.values()), sessions, seed) for rule in RULES if not rule.startswith("(")]
    for runs in PAIR_RUNS:
        rows += [pair_row(rule, list(nulls.values()), pairs, runs, sessions, seed) for rule in PAIR_RULES]
        close = [pair for pair in pairs if pair.difference_sd < CLOSE_SD]
        rows += [pair_row(rule, list(nulls.values()), close, runs, sessions, seed, "close ") for rule in PAIR_RULES]
    return rows


def null_row(rule: str, groups: Sequence[Scores], sessions: int, seed: int) -> ReplayRow:
    """Play sessions of 20 candidates without any effect on every group."""
    count = max(1, sessions // 10) if rule in SLOW else sessions
    search, kept, claimed, runs = NULL_BUDGET - CONFIRM_PROBES, 0, 0, 0.0
    for index, scores in enumerate(groups):
        for number in range(count):
            rng = np.random.default_rng([seed, index, number])
            night = ReplayNight(scores, NULL_CANDIDATES, search, rng, number)
            changes = RULES[rule](night)
            kept += bool(changes)
            claimed += night.is_claimed(changes)
            is_tested = bool(changes) and rule.startswith(OURS)
            runs += search - night.left + (CONFIRM_PROBES if is_tested else 0)
    played = count * len(groups)
    after = claimed / played
    return ReplayRow(
        rule=rule,
        case="20 null candidates",
        runs=runs / played,
        sessions=played,
        false_claim=after if rule.startswith(OURS) else kept / played,
        after_test=after,
        power=None,
    )


def pair_row(
    rule: str, nulls: Sequence[Scores], pairs: Sequence[Pair], runs: int, sessions: int, seed: int, kind: str = ""
) -> ReplayRow:
    """Ask a rule of two arms whether the second is better: on one configuration twice, and on pairs that differ."""
    false = _claims(PAIR_RULES[rule], [(scores, scores) for scores in nulls], runs, sessions, seed)
    true = _claims(PAIR_RULES[rule], [(p.worse, p.better) for p in pairs], runs, SESSIONS_PER_PAIR, seed)
    return ReplayRow(
        rule=rule,
        case=f"{len(pairs)} {kind}pairs",
        runs=runs,
        sessions=len(pairs) * SESSIONS_PER_PAIR,
        false_claim=false,
        power=true,
    )


def in_a_sentence(rows: Sequence[ReplayRow], ours: str, runs: int) -> str:
    """Say how our power on all pairs stands beside that of the best peer that keeps its error rate."""
    own = next(row for row in rows if row.rule == ours and row.runs == runs)
    peers = [row for row in rows if (row.case, row.runs) == (own.case, runs) and not row.rule.startswith(OURS)]
    honest = [row for row in peers if (row.false_claim or 0.0) <= KEEPS_ERROR_RATE and row.power is not None]
    best = max(honest, key=lambda row: row.power or 0.0, default=None)
    if own.power is None or best is None:
        return f"{own.case}, {runs} runs: no pair or no peer to compare with"
    return (
        f"{own.case}, {runs} runs: {ours} sees {own.power:.3f} (false claims {own.false_claim:.3f}), the best peer "
        f"that keeps its error rate, {best.rule}, {best.power:.3f} ({best.false_claim:.3f})"
    )


def _claims(rule: PairRule, arms: Sequence[tuple[Scores, Scores]], runs: int, sessions: int, seed: int) -> float | None:
    hits = 0
    for index, (base, candidate) in enumerate(arms):
        for number in range(sessions):
            rng = np.random.default_rng([seed, index, number])
            half = runs // 2
            hits += rule([*rng.choice(base, half).tolist()], [*rng.choice(candidate, half).tolist()])
    return hits / (len(arms) * sessions) if arms else None
