from __future__ import annotations

import numpy as np
import pytest

from probes.statistics.advice import ProbeCosts
from probes.statistics.noise import (
    estimate_noise,
    measurement_fault,
    paired_correlation,
    pooled_sd,
    regularised_sd,
    sd_interval,
)
from probes.statistics.runs import Run
from probes.statistics.verdicts import Noise

BASE: frozenset[str] = frozenset()


def run(value: float, seed: int = 0, changes: frozenset[str] = BASE, **kwargs: object) -> Run:
    return Run(changes=changes, seed=seed, categories={"a": value, "b": 2 * value}, **kwargs)  # type: ignore[arg-type]


def test_sd_of_three_replicates_is_the_textbook_value() -> None:
    noise = estimate_noise([run(1.0), run(2.0), run(3.0)], "a")
    assert noise.target_sd == pytest.approx(1.0)
    assert noise.category_sd == {"a": pytest.approx(1.0), "b": pytest.approx(2.0)}
    assert noise.degrees_of_freedom == 2


def test_recipes_pool_around_their_own_means() -> None:
    runs = [run(1.0), run(3.0), run(101.0, changes=frozenset("c")), run(103.0, changes=frozenset("c"))]
    assert pooled_sd(runs, "a") == pytest.approx(np.sqrt(2.0))


def test_one_run_of_each_recipe_says_nothing_about_noise() -> None:
    noise = estimate_noise([run(1.0), run(9.0, changes=frozenset("c"))], "a")
    assert noise.target_sd is None
    assert noise.target_interval.low is None
    assert noise.paired_correlation is None


def test_adding_a_constant_changes_no_sd() -> None:
    values = [4.1, 5.2, 4.4, 6.0]
    first = estimate_noise([run(v) for v in values], "overall")
    second = estimate_noise([run(v + 3.0) for v in values], "a")
    assert first.target_sd == pytest.approx(second.target_sd * 1.5)


def test_order_of_runs_does_not_matter() -> None:
    runs = [run(v, seed) for seed, v in enumerate([4.1, 5.2, 4.4, 6.0])]
    assert estimate_noise(runs, "a").target_sd == pytest.approx(estimate_noise(runs[::-1], "a").target_sd)


def test_interval_covers_the_true_sd_at_its_level() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        sd = float(rng.normal(0.0, 0.7, 6).std(ddof=1))
        interval = sd_interval(sd, 5)
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.7 <= interval.high
    assert 0.87 <= covered / 1000 <= 0.93


def test_a_lucky_calibration_does_not_make_the_noise_zero() -> None:
    assert regularised_sd(0.0, 2, prior_sd=0.5, prior_df=3.0) == pytest.approx(np.sqrt(3 * 0.25 / 5))
    assert regularised_sd(None, 0, prior_sd=0.5, prior_df=3.0) == 0.5


def test_pairing_correlation_is_recovered_from_shared_seeds() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(0.0, np.sqrt(0.6), 40)
    runs = [run(5 + s + e, i) for i, (s, e) in enumerate(zip(shared, rng.normal(0, np.sqrt(0.4), 40), strict=True))]
    runs += [
        run(6 + s + e, i, frozenset("c"))
        for i, (s, e) in enumerate(zip(shared, rng.normal(0, np.sqrt(0.4), 40), strict=True))
    ]
    assert paired_correlation(runs, "a") == pytest.approx(0.6, abs=0.15)


def test_sampling_noise_is_told_apart_from_the_seed() -> None:
    rng = np.random.default_rng(2)
    runs: list[Run] = []
    for seed in range(60):
        items = {f"i{i}": tuple(float(x) for x in 5 + rng.normal(0, 1.5) + rng.normal(0, 2.0, 3)) for i in range(8)}
        runs.append(run(5.0 + rng.normal(), seed, items=items))
    noise = estimate_noise(runs, "a")
    assert noise.sampling_sd == pytest.approx(2.0, rel=0.1)
    assert noise.seed_item_sd == pytest.approx(1.5, rel=0.15)


def answers(seed: int, recipe: str = "", level: float = 5.0) -> Run:
    """A run whose items' scores depend on the level alone."""
    items = {"x": (level, level + 1), "y": (level - 1, level)}
    return Run(frozenset({recipe} - {""}), seed, {"a": level}, items)


def test_equal_scores_from_different_seeds_are_a_measurement_fault() -> None:
    fault = estimate_noise([answers(seed) for seed in range(3)], "a").fault
    assert fault is not None
    assert "3 replicates with different train seeds gave identical scores" in fault
    assert measurement_fault([run(4.2, seed) for seed in range(3)]) is not None


def test_scorers_that_give_one_score_to_everything_are_named_as_such() -> None:
    flat = [Run(frozenset(), seed, {"a": 0.0}, {"x": (0.0, 0.0), "y": (0.0,)}) for seed in range(3)]
    assert "every answer of 3 replicates scored 0" in str(measurement_fault(flat))


def test_one_answer_that_differs_is_no_fault() -> None:
    runs = [answers(0), answers(1), answers(2, level=5.1)]
    assert measurement_fault(runs) is None
    assert measurement_fault([answers(0), answers(1), answers(0, "c"), answers(1, "c", 5.5)]) is None


def test_nothing_is_said_of_recipes_that_ran_once_or_with_one_seed() -> None:
    assert measurement_fault([]) is None
    assert measurement_fault([answers(0), answers(1, "c")]) is None
    assert measurement_fault([answers(7), answers(7)]) is None


def test_noise_is_split_and_advised_on_where_items_have_categories() -> None:
    rng = np.random.default_rng(3)
    runs = [
        run(5.0 + rng.normal(), seed, items={f"i{i}": tuple(float(x) for x in rng.normal(5, 2, 3)) for i in range(8)})
        for seed in range(6)
    ]
    category = {f"i{i}": "ab"[i % 2] for i in range(8)}
    noise = estimate_noise(runs, "a", category, 3, ProbeCosts(30.0, 1.0))
    assert noise.components is not None
    assert noise.components.sampling.sd == noise.sampling_sd
    assert noise.advice is not None
    assert noise.advice.cost_ratio == 30.0
    assert noise.fault is None
    bare = estimate_noise(runs, "a")
    assert bare.components is bare.advice is None
    assert Noise.model_validate(noise.model_dump(mode="json")) == noise
