from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from probes.statistics.correlation import across, prediction_sd, within


def draws(rng: np.random.Generator, count: int, rho: float) -> list[tuple[float, float]]:
    x = rng.normal(size=count)
    y = rho * x + sqrt(1 - rho**2) * rng.normal(size=count)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def test_across_is_pearsons_r() -> None:
    pairs = draws(np.random.default_rng(0), 40, 0.5)
    assert across(pairs).value == pytest.approx(np.corrcoef(np.array(pairs).T)[0, 1])


def test_what_differs_between_groups_is_no_correlation_within_them() -> None:
    rng = np.random.default_rng(1)
    groups = [[(x + 10 * g, y + 10 * g) for x, y in draws(rng, 60, 0.0)] for g in range(5)]
    inside, over_all = within(groups), across([pair for group in groups for pair in group])
    assert inside.value is not None
    assert over_all.value is not None
    assert abs(inside.value) < 0.15
    assert over_all.value > 0.95


def test_swapping_a_sign_negates_and_shifting_changes_nothing() -> None:
    groups = [draws(np.random.default_rng(n), 8, 0.6) for n in range(3)]
    plain = within(groups)
    turned = within([[(-x, y) for x, y in group] for group in groups])
    moved = within([[(3 * x + 7, y - 2) for x, y in group] for group in groups])
    assert plain.value is not None
    assert turned.value == pytest.approx(-plain.value)
    assert moved.value == pytest.approx(plain.value)
    assert turned.interval.low == pytest.approx(-(plain.interval.high or 0.0))


def test_the_interval_covers_the_truth_at_its_level() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(600):
        interval = within([draws(rng, 4, 0.6) for _ in range(6)]).interval
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.6 <= interval.high
    assert covered / 600 == pytest.approx(0.9, abs=0.035)


def test_too_few_or_constant_or_infinite_data_give_no_correlation() -> None:
    for groups in ([], [[(1.0, 2.0)]] * 9, [[(1.0, 2.0), (2.0, 3.0)]], [[(1.0, float(i)) for i in range(9)]]):
        assert within(groups).value is None
        assert within(groups).interval.low is None
    assert across([*draws(np.random.default_rng(3), 9, 0.5), (float("inf"), 1.0)]).value is None


def test_a_prediction_errs_by_the_scatter_and_by_the_readings_own_noise() -> None:
    line = [(float(x), 2.0 * x + 1.0) for x in range(6)]
    assert prediction_sd(line, 0.0) == pytest.approx(0.0, abs=1e-9)
    assert prediction_sd(line, 0.3) == pytest.approx(0.6)
    bent = [(x, y + (-1) ** i) for i, (x, y) in enumerate(line)]
    assert (prediction_sd(bent, 0.0) or 0.0) > 0.9
    assert prediction_sd(line[:3], 0.0) is None
    assert prediction_sd([(1.0, float(i)) for i in range(5)], 0.0) is None
