"""Claims across the nights of one project: tonight's level, so that a month of claims stays honest.

Each night ends in one test. Thirty nights at 5 % make a false claim in four months of five though nothing ever helps.
SAFFRON (Ramdas, Zrnic, Wainwright and Jordan, ICML 2018), as `online-fdr` implements it, sets each night's level from
the nights before, so that at most a stated share of all claims ever made is expected to be false.

Why SAFFRON: a test whose p-value is small costs nothing, so a project with real effects goes on at the full level,
where LORD++ would start at a tenth of it and stay there. Assumptions: one p-value a night, valid and independent of the
earlier ones given the held-out items, which fresh train seeds give. Not covered: that the same held-out items serve
every night, so "false" means false on these items.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import isclose
from typing import TYPE_CHECKING

from probes.statistics.earlier import ClaimLevel, PastClaim

if TYPE_CHECKING:
    from online_fdr.core.abstract.abstract_sequential_test import AbstractSequentialTest

CANDIDATE = 0.1
"""SAFFRON's λ: a p-value up to this costs nothing. Above every level that is used, and small, because every other test
costs 1 / (1 - λ) of its level."""
_SPENT = 0.999
"""Initial wealth must stay below the false discovery rate."""


class Levels:
    """An online procedure as a row of nights sees it: the next level, and what became of the last test."""

    def __init__(self, procedure: AbstractSequentialTest, most: float) -> None:
        """Follow `procedure` with levels of at most `most`."""
        self._procedure, self._most = procedure, most

    def next(self) -> float:
        """Return the level of the next test."""
        level = _next(self._procedure)
        return self._most if isclose(level, self._most) else min(self._most, level)

    def take(self, p_value: float, confirmed: bool) -> None:
        """Take the result of a test.

        Where the procedure would have claimed and the night did not (a guard failed, or the level was capped), it
        learns p = 1, which is never below the true p-value and so keeps the guarantee. A claim made above the
        procedure's level, by a night that ran without its memory, counts as no discovery and earns nothing.
        """
        would_claim = p_value <= _next(self._procedure)
        self._procedure.test_one(1.0 if would_claim and not confirmed else p_value)


def saffron(session_level: float, fdr: float) -> Levels:
    """Return SAFFRON, its first level being `session_level` where `fdr` allows as much; no level exceeds it."""
    from online_fdr.p_values import Saffron

    candidate = max(CANDIDATE, min(0.5, 2 * session_level))
    half = fdr / 2
    first = _next(Saffron(fdr, half, candidate))
    wealth = min(_SPENT * fdr, half * session_level / first)
    return Levels(Saffron(fdr, wealth, candidate), session_level)


def claim_level(past: Sequence[PastClaim], running: int, session_level: float, fdr: float) -> ClaimLevel:
    """Return the level at which tonight's claim may be tested.

    Args:
        past: The earlier tests, oldest first; with none, tonight's is the first and has the largest level.
        running: Other nights of the project that may still make a test.
        session_level: Level of one night by itself.
        fdr: Largest expected share of false claims, 0 … 1.
    """
    levels = saffron(session_level, fdr)
    for claim in past:
        levels.take(claim.p_value, claim.confirmed)
    for _ in range(running):
        levels.take(1.0, confirmed=False)
    return ClaimLevel(
        number=len(past) + running + 1,
        level=levels.next(),
        session_level=session_level,
        fdr=fdr,
        past=tuple(past),
        running=running,
    )


def _next(procedure: AbstractSequentialTest) -> float:
    """Return the level of the next test without making it."""
    asked = copy.deepcopy(procedure)
    asked.test_one(1.0)
    level = asked.last_test_level
    assert level is not None
    return level
