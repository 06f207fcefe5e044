from __future__ import annotations

import numpy as np
import pytest

from probes.statistics.effects import EffectPrior, Effects, Posterior
from probes.statistics.rows import believed, choose_rows, joint_state

PRIOR = EffectPrior(-0.15, 0.4)
NOISE = 0.5


def state(means: dict[str, float], sd: float = 0.4) -> Effects:
    return Effects(tuple(means), np.array([5.0, *means.values()]), np.diag([0.01] + [sd**2] * len(means)))


def test_rows_hold_what_is_undecided() -> None:
    names = ("open", "good", "bad")
    effects = Effects(names, np.array([5.0, 0.0, 2.0, -2.0]), np.diag([0.01, 0.16, 0.01, 0.01]))
    rows = choose_rows(effects, names, 8, NOISE, PRIOR, seed=0)
    assert len(rows) == 8
    assert sum("open" in row for row in rows) >= 6
    assert effects.covariance[1, 1] == 0.16


def test_each_row_of_a_round_counts_on_those_before_it() -> None:
    names = [f"c{i}" for i in range(8)]
    rows = choose_rows(state(dict.fromkeys(names, 0.0)), names, 8, NOISE, PRIOR, seed=0)
    assert len(set(rows)) == 8
    assert all(2 <= sum(name in row for row in rows) <= 6 for name in names)


def test_rows_are_the_same_for_a_seed_and_do_not_depend_on_the_scale_of_scores() -> None:
    names = ["a", "b", "c", "d", "e"]
    effects = state({name: 0.1 * i for i, name in enumerate(names)})
    rows = choose_rows(effects, names, 4, NOISE, PRIOR, seed=3)
    assert rows == choose_rows(effects, names, 4, NOISE, PRIOR, seed=3)
    tenfold = Effects(effects.names, 10 * effects.mean, 100 * effects.covariance)
    assert rows == choose_rows(tenfold, names, 4, 10 * NOISE, EffectPrior(-1.5, 4.0), seed=3)
    assert rows != choose_rows(effects, names, 4, NOISE, PRIOR, seed=4)


def test_changes_that_exclude_each_other_never_share_a_row() -> None:
    names = [f"c{i}" for i in range(6)]
    effects = state(dict.fromkeys(names, 0.0))
    rows = choose_rows(effects, names, 12, NOISE, PRIOR, 0, lambda row: not {"c0", "c1"} <= set(row))
    assert not any({"c0", "c1"} <= set(row) for row in rows)
    assert {"c0", "c1"} <= {name for row in rows for name in row}
    assert choose_rows(effects, names, 1, NOISE, PRIOR, 0, lambda row: False) == [()]


def test_a_change_never_probed_enters_with_its_prior_and_a_settled_one_with_its_posterior() -> None:
    effects = Effects(("a", "b"), np.array([5.0, 0.1, 0.2]), np.diag([0.1, 0.2, 0.3]), {"old": Posterior(0.5, 0.1)})
    mean, covariance = joint_state(effects, ["new", "b", "old"], PRIOR)
    assert mean.tolist() == [5.0, -0.15, 0.2, 0.5]
    assert np.diag(covariance).tolist() == pytest.approx([0.1, 0.16, 0.3, 0.01])


def test_chosen_rows_learn_more_of_the_open_signs_than_random_ones() -> None:
    names = [f"c{i}" for i in range(10)]
    effects = state({name: (-1.0 if i < 5 else 0.1) for i, name in enumerate(names)})

    def open_variance(rows: list[tuple[str, ...]]) -> float:
        design = np.array([[1.0, *(float(name in row) for name in names)] for row in rows])
        precision = np.linalg.inv(effects.covariance) + design.T @ design / NOISE**2
        return float(np.diag(np.linalg.inv(precision))[6:].sum())

    chosen = open_variance(choose_rows(effects, names, 12, NOISE, PRIOR, seed=0))
    rng = np.random.default_rng(0)
    drawn = [[tuple(n for n in names if rng.random() < 0.5) for _ in range(12)] for _ in range(40)]
    assert chosen < min(map(open_variance, drawn))


def test_as_many_changes_are_shipped_as_keep_the_expected_harm_small() -> None:
    sure, likely, doubtful, unlikely = 1.0, 0.4, 0.25, -0.4
    effects = state({"d": doubtful, "a": sure, "u": unlikely, "b": likely, "c": likely}, sd=0.4)
    doubt = {name: 1 - effects.of(name).above(0.0) for name in effects.names}
    assert believed(effects, effects.names, 0.5, 0.7) == ("a", "b", "c")
    assert doubt["a"] + doubt["b"] + doubt["c"] <= 0.5 < doubt["a"] + doubt["b"] + doubt["c"] + doubt["d"]
    assert believed(effects, effects.names, 5.0, 0.7) == ("a", "b", "c", "d")
    assert believed(effects, effects.names, 0.1, 0.7) == ("a",)
    assert believed(effects, [], 0.5, 0.7) == ()
