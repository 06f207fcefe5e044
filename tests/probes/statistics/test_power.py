from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from probes.statistics.noise import estimate_noise
from probes.statistics.power import (
    blind_guards,
    is_directional,
    joint_pass_probability,
    pass_probability,
    power_table,
    resolvable_difference,
)
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL, Run
from probes.statistics.spread import plan_noise
from probes.statistics.verdicts import Noise, PowerTable

TEN = {"t": (10, 10), "g": (10, 10)}


def table(
    target: str = "t",
    guards: Mapping[str, float] | None = None,
    items: Mapping[str, tuple[int, int]] = TEN,
    measured: Noise | None = None,
) -> PowerTable:
    search, held_out = ({name: counts[side] for name, counts in items.items()} for side in (0, 1))
    noise = plan_noise(target, search, held_out, 3, measured=measured)
    return power_table(noise, target, {"g": 1.5} if guards is None else guards, items, 16, 0.05)


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
    assert [row.category for row in blind_guards(table(guards={"g": 0.3}))] == ["g"]
    assert blind_guards(table(guards={"g": 3.0})) == []


def test_guards_of_one_run_pass_together_more_often_than_their_product() -> None:
    guards, shared, runs = [(0.8, 1.0), (0.9, 1.2), (0.7, 0.8)], 0.6, 8
    rng = np.random.default_rng(7)
    nights = 6000
    whole = rng.normal(0.0, shared, (2, nights, runs))
    passed = np.ones(nights, dtype=bool)
    for sd, margin in guards:
        a, b = whole + rng.normal(0.0, np.sqrt(sd**2 - shared**2), (2, nights, runs))
        passed &= stats.ttest_ind(a + margin, b, axis=1, alternative="greater").pvalue < 0.05
    joint = joint_pass_probability(guards, shared, runs, 0.05)
    product = np.prod([pass_probability(sd, runs, margin, 0.05) for sd, margin in guards])
    assert joint == pytest.approx(passed.mean(), abs=0.02)
    assert joint > product + 0.03
    assert joint_pass_probability(guards, 0.0, runs, 0.05) == pytest.approx(product)
    assert joint_pass_probability([], shared, runs, 0.05) == 1.0


def test_a_category_with_fewer_items_resolves_less() -> None:
    rows = {row.category: row for row in table(items={"t": (20, 20), "g": (20, 5), "w": (9, 9)}).categories}
    assert (rows["t"].role, rows["g"].role, rows["w"].role) == ("target", "guard", "watched")
    sizes = [rows[name].resolvable or 0.0 for name in ("t", "w", "g")]
    assert sizes == sorted(sizes)
    assert (rows["g"].sd_search or 0) < (rows["g"].sd_held_out or 0)
    assert rows["g"].pass_probability == pytest.approx(pass_probability(rows["g"].sd_held_out or 0, 8, 1.5, 0.05))


def test_fewer_than_seven_items_on_either_side_of_what_decides_are_directional() -> None:
    rows = {row.category: row for row in table(items={"t": (7, 6), "g": (6, 7), "w": (2, 2)}).categories}
    assert rows["t"].directional
    assert rows["g"].directional
    assert not rows["w"].directional
    assert not any(row.directional for row in table(items={"t": (7, 7), "g": (7, 7)}).categories)
    assert [is_directional(count) for count in (0, 6, 7)] == [True, True, False]


def test_the_mean_of_all_categories_has_a_row_of_its_own_when_it_is_the_target() -> None:
    rows = table(target=OVERALL, guards={"t": 1.5, "g": 1.5}).categories
    assert (rows[-1].category, rows[-1].role, rows[-1].items_held_out) == (OVERALL, "target", 20)
    assert (rows[-1].resolvable or 9) < min(row.resolvable or 9 for row in rows[:-1])


def test_critical_failures_are_judged_once_their_noise_is_known() -> None:
    guards = {"g": 1.5, CRITICAL_FAILURES: 2.0}
    before = table(guards=guards)
    assert before.categories[-1].category == CRITICAL_FAILURES
    assert before.categories[-1].resolvable is before.categories[-1].pass_probability is None
    runs = [Run(frozenset(), seed, {"t": 5.0 + seed / 9, "g": 5.0}, critical_failures=seed % 4) for seed in range(12)]
    after = table(guards=guards, measured=estimate_noise(runs, "t"))
    assert after.categories[-1].pass_probability is not None
    assert after.guards_pass_probability < before.guards_pass_probability


def test_the_sentence_says_what_the_table_says() -> None:
    found = table()
    assert f"a gain of {found.target_resolvable:.2f} points in t" in found.sentence
    assert f"{100 * found.guards_pass_probability:.0f} %" in found.sentence
    assert "no guard is watched" in table(guards={}).sentence
    assert "assumed" in found.noise_words
