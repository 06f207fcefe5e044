from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probes.statistics.power import (
    blind_guards,
    empty_noise,
    pass_probability,
    power_table,
    resolvable_difference,
)


def test_resolvable_difference_is_found_with_the_stated_power() -> None:
    difference = resolvable_difference(0.5, 8, 0.05)
    rng = np.random.default_rng(5)
    a, b = rng.normal(difference, 0.5, (4000, 8)), rng.normal(0.0, 0.5, (4000, 8))
    found = stats.ttest_ind(a, b, axis=1, alternative="greater").pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_guard_pass_rate_matches_simulation() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(0.0, 1.03, (4000, 8)), rng.normal(0.0, 1.03, (4000, 8))
    passed = stats.ttest_ind(a + 1.5, b, axis=1, alternative="greater").pvalue < 0.05
    assert pass_probability(1.03, 8, 1.5, 0.05) == pytest.approx(passed.mean(), abs=0.02)


def test_one_run_a_side_resolves_nothing() -> None:
    assert resolvable_difference(0.5, 1, 0.05) == float("inf")
    assert pass_probability(0.5, 1, 1.5, 0.05) == 0.0


def test_a_guard_that_cannot_resolve_its_margin_is_named() -> None:
    items = {"t": (8, 8), "g": (8, 8)}
    table = power_table(empty_noise(), "t", {"g": 0.3}, items, 16, 0.05, 0.5, 1.0)
    assert [row.category for row in blind_guards(table)] == ["g"]
    assert blind_guards(power_table(empty_noise(), "t", {"g": 3.0}, items, 16, 0.05, 0.5, 1.0)) == []
