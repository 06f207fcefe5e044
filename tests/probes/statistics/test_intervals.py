"""Intervals of shares and correlations: known answers, and never of zero width."""

from __future__ import annotations

from math import atanh, sqrt, tanh

import pytest
from scipy import stats

from probes.statistics.intervals import fisher, wilson
from probes.statistics.verdicts import Interval


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (1, 10), (7, 20), (100, 100)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_that_of_scipy(hits: int, count: int, level: float) -> None:
    expected = stats.binomtest(hits, count).proportion_ci(confidence_level=level, method="wilson")
    found = wilson(hits, count, level)
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=1e-12), pytest.approx(expected.high))
    assert found.low is not None
    assert found.high is not None
    assert found.high > found.low


def test_a_share_of_nothing_has_no_interval() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (None, None)


def test_fisher_by_hand_and_without_degrees_of_freedom() -> None:
    found = fisher(0.5, 27, 0.95)
    half = 1.959964 / sqrt(25)
    assert found.low == pytest.approx(tanh(atanh(0.5) - half), abs=1e-6)
    assert found.high == pytest.approx(tanh(atanh(0.5) + half), abs=1e-6)
    assert fisher(0.5, 2).low is None


@pytest.mark.parametrize("correlation", [-1.0, 1.0])
def test_a_perfect_correlation_has_finite_bounds(correlation: float) -> None:
    found = fisher(correlation, 10)
    assert found.low is not None
    assert found.high is not None
    assert -1.0 <= found.low <= found.high <= 1.0


def test_more_data_narrow_both() -> None:
    assert width(wilson(50, 100)) < width(wilson(5, 10))
    assert width(fisher(0.3, 100)) < width(fisher(0.3, 10))


def width(interval: Interval) -> float:
    assert interval.low is not None
    assert interval.high is not None
    return interval.high - interval.low
