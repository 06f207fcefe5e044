from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probes.statistics.confirmation import confirm, welch
from probes.statistics.runs import Run


def runs(values: list[float], guard: list[float] | None = None) -> list[Run]:
    guard = guard or [6.0 + 0.1 * (i % 3) for i in range(len(values))]
    return [Run(frozenset(), i, {"t": v, "g": g}) for i, (v, g) in enumerate(zip(values, guard, strict=True))]


def test_welch_agrees_with_scipy() -> None:
    a, b = [5.1, 6.0, 5.5, 6.2], [4.0, 4.9, 4.4]
    difference = welch(a, b)
    assert difference is not None
    expected = stats.ttest_ind(a, b, equal_var=False, alternative="greater")
    assert difference.p_above(0.0) == pytest.approx(expected.pvalue)
    interval, reference = difference.interval(0.9), stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high))


def test_swapping_the_arms_negates_the_effect() -> None:
    a, b = runs([5.0, 6.0, 7.0, 6.5]), runs([4.0, 4.5, 5.5, 5.0])
    forward, backward = confirm(a, b, "t", {}, 0.05), confirm(b, a, "t", {}, 0.05)
    assert forward.effect == pytest.approx(-(backward.effect or 0.0))


def test_a_clear_gain_is_confirmed_and_its_interval_excludes_zero() -> None:
    claim = confirm(runs([5.0, 5.2, 4.9, 5.1]), runs([7.0, 7.3, 6.9, 7.1]), "t", {"g": 1.0}, 0.05)
    assert claim.confirmed
    assert claim.interval.low is not None
    assert claim.interval.low > 0


def test_a_gain_that_breaks_a_guard_is_not_confirmed() -> None:
    final = runs([7.0, 7.3, 6.9, 7.1], guard=[3.0, 3.2, 2.9, 3.1])
    claim = confirm(runs([5.0, 5.2, 4.9, 5.1]), final, "t", {"g": 1.0}, 0.05)
    assert not claim.confirmed
    assert "non-inferiority failed for g" in claim.reason


@pytest.mark.parametrize("bad", [[], [5.0], [5.0, 6.0]])
def test_too_few_runs_are_inconclusive_without_an_interval(bad: list[float]) -> None:
    claim = confirm(runs([5.0, 5.5, 5.2]), runs(bad), "t", {}, 0.05)
    assert not claim.confirmed
    assert (claim.effect, claim.interval.low) == (None, None)


def test_identical_replicates_are_a_fault_of_measurement() -> None:
    claim = confirm(runs([5.0] * 4, [6.0] * 4), runs([7.0] * 4, [6.0] * 4), "t", {}, 0.05)
    assert not claim.confirmed
    assert "fault of measurement" in claim.reason


def test_scores_that_are_not_finite_support_nothing() -> None:
    assert welch([1.0, float("nan"), 2.0], [1.0, 2.0, 3.0]) is None


def test_equal_arms_are_claimed_at_the_stated_rate() -> None:
    rng = np.random.default_rng(4)
    claimed = sum(
        confirm(runs(list(rng.normal(5, 0.5, 8))), runs(list(rng.normal(5, 0.5, 8))), "t", {}, 0.05).confirmed
        for _ in range(1500)
    )
    assert 0.035 <= claimed / 1500 <= 0.065
