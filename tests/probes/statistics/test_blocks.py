"""Plackett–Burman blocks: orthogonal, balanced, and honest about what they mix up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from probes.statistics.blocks import PLACES, ROWS, Block, design_block, plackett_burman

NAMES = [f"c{i:02d}" for i in range(1, 12)]


def signs(block: Block, name: str) -> NDArray[np.float64]:
    return np.array([1.0 if name in row else -1.0 for row in block.rows])


def test_the_design_is_balanced_and_orthogonal() -> None:
    design = plackett_burman()
    assert design.shape == (ROWS, PLACES)
    assert np.array_equal(design.T @ design, ROWS * np.eye(PLACES))
    assert np.array_equal(design.sum(axis=0), np.zeros(PLACES))


@pytest.mark.parametrize("count", [4, 7, 11])
def test_every_factor_is_in_six_of_twelve_rows_and_no_two_overlap(count: int) -> None:
    block = design_block(1, NAMES[:count], seed=3)
    assert [sum(name in row for row in block.rows) for name in block.factors] == [6] * count
    table = np.array([signs(block, name) for name in block.factors])
    assert np.array_equal(table @ table.T, ROWS * np.eye(count))


def test_an_effect_is_estimated_from_six_against_six_without_error_when_effects_add_up() -> None:
    block = design_block(1, NAMES, seed=1)
    effects = dict(zip(NAMES, np.linspace(-1, 2, 11), strict=True))
    scores = np.array([5 + sum(effects[name] for name in row) for row in block.rows])
    for name, effect in effects.items():
        assert signs(block, name) @ scores / 6 == pytest.approx(effect)


def test_an_interaction_leaks_a_third_into_other_changes_and_not_into_its_own() -> None:
    block = design_block(1, NAMES, seed=5)
    both = np.array([1.0 if {"c01", "c02"} <= set(row) else 0.0 for row in block.rows])
    product = signs(block, "c01") * signs(block, "c02")
    leaks = {name: float(signs(block, name) @ product / ROWS) for name in NAMES}
    assert leaks["c01"] == leaks["c02"] == 0.0
    assert {round(abs(leak), 6) for name, leak in leaks.items() if name not in ("c01", "c02")} == {round(1 / 3, 6)}
    assert both.sum() == 3
    assert "a third of every interaction" in block.aliasing


def test_a_fold_over_frees_every_effect_of_interactions() -> None:
    block = design_block(1, NAMES, seed=5, folded=True)
    product = signs(block, "c01") * signs(block, "c02")
    assert len(block.rows) == 24
    assert all(signs(block, name) @ product == 0.0 for name in NAMES)
    assert "no main effect carries" in block.aliasing


def test_what_others_start_from_is_on_in_every_row_and_comes_first() -> None:
    block = design_block(2, NAMES[:6], fixed=["a0", "a1"], seed=9)
    assert all(row[:2] == ("a0", "a1") for row in block.rows)
    assert all(list(row) == sorted(row, key=["a0", "a1", *NAMES].index) for row in block.rows)


def test_the_same_seed_gives_the_same_block_and_another_one_another() -> None:
    assert design_block(1, NAMES, seed=4) == design_block(1, NAMES, seed=4)
    assert design_block(1, NAMES, seed=4).rows != design_block(1, NAMES, seed=5).rows
