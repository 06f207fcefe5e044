from __future__ import annotations

import numpy as np
import pytest

from probes.statistics.design import Design

RECIPES = [frozenset[str](), frozenset("a"), frozenset("b"), frozenset("ab"), frozenset("a"), frozenset[str]()]


def test_a_full_rank_split_is_least_squares() -> None:
    y = np.array([5.0, 6.1, 4.8, 6.4, 5.9, 5.2])
    design = Design.of(RECIPES)
    split = design.split(y[:, None])
    expected, squares, _, _ = np.linalg.lstsq(design.rows_R_C, y, rcond=None)
    np.testing.assert_allclose(design.axes_C_K @ split.along_K_M[:, 0], expected[1:])
    assert split.residual_M_M[0, 0] == pytest.approx(squares[0])
    assert split.df == 3


def test_changes_that_always_come_together_share_one_axis() -> None:
    design = Design.of([frozenset[str](), frozenset("ab"), frozenset("ab"), frozenset("c")])
    assert len(design.weight_K) == 2
    assert design.split(np.array([[1.0], [2.0], [4.0], [9.0]])).df == 1


def test_every_axis_is_estimated_with_its_weight() -> None:
    rng = np.random.default_rng(0)
    design = Design.of(RECIPES)
    draws = np.array([design.split(rng.normal(0, 2, (6, 1))).along_K_M[:, 0] for _ in range(4000)])
    np.testing.assert_allclose(np.cov(draws.T), np.diag(4 / design.weight_K), atol=0.25)


def test_residuals_hold_their_cross_products() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(6, 2))
    residual = (
        values - Design.of(RECIPES).rows_R_C @ np.linalg.lstsq(Design.of(RECIPES).rows_R_C, values, rcond=None)[0]
    )
    split = Design.of(RECIPES).split(values)
    np.testing.assert_allclose(split.residual_M_M, residual.T @ residual)
    np.testing.assert_allclose(split.pair(1, 0).residual_M_M, split.residual_M_M[::-1, ::-1])


def test_no_recipe_at_all_has_nothing_to_split() -> None:
    split = Design.of([]).split(np.zeros((0, 2)))
    assert (split.df, split.along_K_M.shape) == (0, (0, 2))


def test_one_recipe_leaves_no_degree_of_freedom() -> None:
    assert Design.of([frozenset("a")]).split(np.ones((1, 1))).df == 0
