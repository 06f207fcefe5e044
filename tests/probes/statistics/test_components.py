from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
import pytest

from probes.statistics.components import MeanSquare, difference_interval, estimate_components
from probes.statistics.runs import Run
from probes.statistics.verdicts import Component, NoiseComponents

TRUTH = {"run": 0.6, "run_category": 0.5, "run_item": 1.5, "sampling": 2.0}


def as_run(scores: Mapping[str, Sequence[float]], seed: int = 0, recipe: str = "") -> Run:
    """Items are named after their category: `a0`, `a1`, `b0`."""
    items = {item: tuple(values) for item, values in scores.items()}
    return Run(frozenset({recipe} - {""}), seed, {item[0]: 5.0 for item in scores}, items)


def categories(runs: Sequence[Run]) -> dict[str, str]:
    return {item: item[0] for run in runs for item in run.items}


def simulate(
    rng: np.random.Generator,
    recipes: Sequence[int],
    items: Mapping[str, int],
    samples: tuple[int, int],
    missing: float = 0.0,
) -> list[Run]:
    runs: list[Run] = []
    names = [f"{category}{i}" for category, count in items.items() for i in range(count)]
    for number, replicates in enumerate(recipes):
        level = {name: rng.normal(5, 2) for name in names}
        for seed in range(replicates):
            whole = rng.normal(0, TRUTH["run"])
            part = {category: rng.normal(0, TRUTH["run_category"]) for category in items}
            scores: dict[str, list[float]] = {}
            for name in names:
                mean = level[name] + whole + part[name[0]] + rng.normal(0, TRUTH["run_item"])
                count = 0 if rng.random() < missing else int(rng.integers(samples[0], samples[1] + 1))
                scores[name] = list(rng.normal(mean, TRUTH["sampling"], count))
            runs.append(as_run(scores, seed, str(number) if number else ""))
    return runs


def parts(found: NoiseComponents) -> dict[str, Component]:
    return {name: getattr(found, name) for name in TRUTH}


def test_moments_of_two_runs_by_hand() -> None:
    """Item means differ by 2 and 4 in `a`, by 0 and -2 in `b`: category differences 3 and -1, their mean 1."""
    first = as_run({"a0": [5, 7], "a1": [7, 9], "b0": [4, 4], "b1": [2, 2]})
    second = as_run({"a0": [4, 4], "a1": [4, 4], "b0": [4, 4], "b1": [4, 4]}, seed=1)
    found = estimate_components([first, second], categories([first]))
    assert found is not None
    between, interaction, items, sampling = 1 / 2, (4 + 4) / 2, (1 + 1 + 1 + 1) / 2 / 2, (2 + 2) / 8
    assert found.sampling.sd == pytest.approx(sqrt(sampling))
    assert found.run_item.sd == pytest.approx(sqrt(items - sampling / 2))
    assert found.run_category.sd == pytest.approx(sqrt(interaction - items / 2))
    assert found.run.sd == 0.0
    assert between - interaction / 2 < 0
    assert found.run.is_clipped
    assert not found.run_category.is_clipped
    assert found.samples == pytest.approx(2.0)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_true_components_are_recovered_from_unbalanced_replicates(missing: float) -> None:
    rng = np.random.default_rng(3)
    runs = simulate(rng, [400, 300, 60, 2, 2, 1], {"a": 4, "b": 9, "c": 6, "d": 3, "e": 8}, (1, 4), missing)
    found = estimate_components(runs, categories(runs))
    assert found is not None
    for name, component in parts(found).items():
        assert component.sd == pytest.approx(TRUTH[name], rel=0.12), name


def test_intervals_cover_the_truth_at_their_level() -> None:
    rng = np.random.default_rng(4)
    covered = dict.fromkeys(TRUTH, 0)
    nights = 200
    for _ in range(nights):
        found = estimate_components(runs := simulate(rng, [6, 2], dict.fromkeys("abcd", 5), (2, 3)), categories(runs))
        assert found is not None
        for name, component in parts(found).items():
            low, high = component.interval.low, component.interval.high
            covered[name] += low is not None and high is not None and low <= TRUTH[name] <= high
    for name, hits in covered.items():
        assert 0.84 <= hits / nights <= 0.96, name


def test_no_interval_has_zero_width() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        found = estimate_components(runs := simulate(rng, [3], {"a": 2, "b": 2}, (1, 2)), categories(runs))
        assert found is not None
        for component in parts(found).values():
            low, high = component.interval.low, component.interval.high
            assert (low is None) == (high is None)
            assert low is None or high is None or low < high


def test_one_answer_per_item_cannot_tell_sampling_from_the_item() -> None:
    rng = np.random.default_rng(6)
    runs = simulate(rng, [8], {"a": 6, "b": 6}, (1, 1))
    found = estimate_components(runs, categories(runs))
    assert found is not None
    assert found.sampling.sd is found.run_item.sd is None
    assert found.run.sd is not None
    assert found.run_category.sd is not None


def test_one_category_cannot_tell_the_run_from_its_category() -> None:
    runs = simulate(np.random.default_rng(7), [300], {"a": 6}, (2, 2))
    found = estimate_components(runs, categories(runs))
    assert found is not None
    assert found.run_category.sd is None
    assert found.run.sd == pytest.approx(sqrt(TRUTH["run"] ** 2 + TRUTH["run_category"] ** 2), rel=0.15)


def test_too_little_data_gives_nothing() -> None:
    one = as_run({"a0": [5], "b0": [6]})
    assert estimate_components([], {}) is None
    assert estimate_components([one], categories([one])) is None
    apart = [one, as_run({"a1": [5], "b1": [6]}, seed=1)]
    assert estimate_components(apart, categories(apart)) is None
    bare = [Run(frozenset(), seed, {"a": 5.0 + seed}) for seed in range(4)]
    assert estimate_components(bare, {"a0": "a"}) is None


def test_answers_that_never_vary_have_no_sampling_interval() -> None:
    runs = [as_run({"a0": [5, 5], "a1": [6.0 + s, 6.0 + s], "b0": [4, 4], "b1": [s, s]}, s) for s in range(4)]
    found = estimate_components(runs, categories(runs))
    assert found is not None
    assert found.sampling.sd == 0.0
    assert found.sampling.interval.low is None


def test_constants_names_and_order_change_nothing() -> None:
    runs = simulate(np.random.default_rng(8), [5, 3], {"a": 4, "b": 3}, (1, 3), missing=0.1)
    moved = [
        Run(
            run.changes,
            run.seed,
            run.categories,
            {f"x{item}": tuple(s + 3 for s in v) for item, v in run.items.items()},
        )
        for run in reversed(runs)
    ]
    first = estimate_components(runs, categories(runs))
    second = estimate_components(moved, {f"x{item}": category for item, category in categories(runs).items()})
    assert first is not None
    assert second is not None
    for one, other in zip(parts(first).values(), parts(second).values(), strict=True):
        assert one.sd == pytest.approx(other.sd)
        assert one.interval.high == pytest.approx(other.interval.high)


def test_an_interval_without_a_second_mean_square_is_the_exact_chi_square_one() -> None:
    from scipy import stats

    low, high = difference_interval(MeanSquare(2.0, 7), 0.5, MeanSquare(0.0, 30))
    assert low == pytest.approx(2.0 * 7 / stats.chi2.ppf(0.95, 7))
    assert high == pytest.approx(2.0 * 7 / stats.chi2.ppf(0.05, 7))


def test_ten_thousand_probes_take_seconds() -> None:
    rng = np.random.default_rng(9)
    runs = [
        as_run({f"{c}{i}": [x] for c in "abc" for i, x in enumerate(rng.normal(5, 1, 5))}, seed, recipe)
        for recipe, count in (("", 1000), *((str(n), 3) for n in range(1, 3001)))
        for seed in range(count)
    ]
    start = time.perf_counter()
    assert estimate_components(runs, categories(runs)) is not None
    assert time.perf_counter() - start < 10.0
