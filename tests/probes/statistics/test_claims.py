"""Tonight's level among the claims of a project: known answers of SAFFRON, its limits, and months with nothing real."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from probes.statistics.claims import CANDIDATE, claim_level, saffron
from probes.statistics.earlier import PastClaim

FDR = 0.15


def past(*tests: tuple[float, bool]) -> list[PastClaim]:
    return [
        PastClaim(session=f"n{i}", target="overall", p_value=p, level=0.05, confirmed=confirmed)
        for i, (p, confirmed) in enumerate(tests)
    ]


def level(*tests: tuple[float, bool], running: int = 0, session_level: float = 0.05, fdr: float = FDR) -> float:
    return claim_level(past(*tests), running, session_level, fdr).level


def test_the_first_claim_is_tested_at_the_sessions_own_level() -> None:
    first = claim_level([], 0, 0.05, FDR)
    assert first.level == pytest.approx(0.05)
    assert (first.number, first.confirmed) == (1, 0)


def test_a_rate_too_small_for_the_sessions_level_lowers_the_first_one() -> None:
    assert 0.03 < level(fdr=0.1) < 0.05
    assert level(session_level=0.2) < 0.2


@pytest.mark.parametrize("nulls", [1, 2, 3, 10])
def test_each_test_that_found_nothing_lowers_the_level_along_saffrons_sequence(nulls: int) -> None:
    # (1 - λ)·w0·γ(1 + non-candidates), γ(j) ∝ j^-1.6; the first level is (1 - λ)·w0·γ(1) = .05.
    assert level(*[(0.7, False)] * nulls) == pytest.approx(0.05 * (1 + nulls) ** -1.6)


def test_a_small_p_value_costs_nothing_even_without_a_claim() -> None:
    assert level((CANDIDATE, False)) == pytest.approx(0.05)


def test_claims_earn_level_back() -> None:
    poor = [(0.7, False)] * 3
    assert level(*poor, (0.001, True)) > level(*poor, (0.08, False))
    assert level(*poor, (0.001, True), (0.001, True)) == pytest.approx(0.05)


def test_a_significant_night_whose_guard_failed_counts_as_nothing_found() -> None:
    assert level((0.001, False)) == level((1.0, False)) < level((0.001, True))


def test_a_claim_above_the_procedures_level_earns_nothing() -> None:
    assert level((0.7, False), (0.7, False), (0.04, True)) == level((0.7, False), (0.7, False), (0.06, False))


def test_a_night_that_is_running_counts_as_a_test_that_finds_nothing() -> None:
    assert level(running=1) == level((1.0, False))
    assert claim_level([], 2, 0.05, FDR).number == 3


def test_the_level_never_exceeds_the_sessions_own() -> None:
    assert max(level(*[(0.001, True)] * n) for n in range(12)) <= 0.05


def months(fdr: float, real: float, count: int, seed: int) -> tuple[float, float]:
    """Return (mean share of false claims, share of months with a false claim) over months of 30 tests."""
    chance = np.random.default_rng(seed)
    shares: list[float] = []
    for _ in range(count):
        truth = chance.random(30) < real
        p_values = np.where(truth, chance.beta(0.1, 8.0, 30), chance.random(30))
        claims = played(fdr, [float(p) for p in p_values])
        wrong = sum(bool(claimed) for claimed, is_real in zip(claims, truth, strict=True) if not is_real)
        shares.append(wrong / max(1, sum(claims)))
    return float(np.mean(shares)), float(np.mean([share > 0 for share in shares]))


def played(fdr: float, p_values: Sequence[float]) -> list[bool]:
    levels, claims = saffron(0.05, fdr), list[bool]()
    for p_value in p_values:
        claims.append(p_value <= levels.next())
        levels.take(p_value, claims[-1])
    return claims


def test_a_month_of_empty_nights_makes_a_false_claim_no_more_often_than_stated() -> None:
    share, any_false = months(FDR, 0.0, 500, 1)
    assert share == any_false
    assert 0.06 < any_false <= FDR


@pytest.mark.parametrize("real", [0.1, 0.4, 0.8])
def test_the_share_of_false_claims_stays_below_the_stated_rate_in_mixed_months(real: float) -> None:
    share, _ = months(FDR, real, 300, 2)
    assert share <= FDR


def test_the_levels_of_a_row_equal_those_asked_for_night_by_night() -> None:
    p_values, row = [0.3, 0.002, 0.6, 0.04, 0.9], saffron(0.05, FDR)
    seen: list[tuple[float, bool]] = []
    for p_value in p_values:
        tonight = claim_level(past(*seen), 0, 0.05, FDR).level
        assert tonight == row.next()
        row.take(p_value, p_value <= tonight)
        seen.append((p_value, p_value <= tonight))
