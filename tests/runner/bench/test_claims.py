"""The months of the claims bench: what it draws is what it says, and its rows are what was played."""

from __future__ import annotations

import numpy as np
import pytest

from runner.bench.claims import CASES, LEVEL, NIGHTS, RULES, Case, bench, claims_table, draw_month, play


def test_null_p_values_are_uniform_and_real_ones_have_the_stated_power() -> None:
    chance = np.random.default_rng(0)
    drawn = [draw_month(Case(1.0, 0.5, 2.6), chance) for _ in range(300)]
    p_of = {
        truth: [p for t, ps in drawn for is_real, p in zip(t, ps, strict=True) if is_real is truth]
        for truth in (True, False)
    }
    assert np.mean(np.array(p_of[False]) < LEVEL) == pytest.approx(LEVEL, abs=0.01)
    assert np.mean(np.array(p_of[True]) < LEVEL) == pytest.approx(0.8, abs=0.03)
    assert all(len(truth) == NIGHTS for truth, _ in drawn)


def test_a_fixed_level_claims_what_is_below_it() -> None:
    assert play(RULES["every night at .05"](), [0.01, 0.06]) == [(LEVEL, True), (LEVEL, False)]


def test_rows_name_every_rule_and_ours_claims_less_on_empty_months_than_fixed_levels() -> None:
    empty = next(iter(CASES))
    rows = bench(["every night at .05", "ours, .15"], [empty], 40)
    fixed, ours = rows
    assert fixed.any_false > 0.5 > ours.any_false
    assert (ours.first_level, ours.power) == (pytest.approx(LEVEL), None)
    assert bench(["ours, .15"], [empty], 40) == [ours]
    assert claims_table(rows).row_count == 2
