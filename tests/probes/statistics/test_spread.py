from __future__ import annotations

from math import sqrt

import pytest

from probes.statistics.spread import ASSUMED, plan_noise
from probes.statistics.verdicts import Component, EarlierNoise, Interval, Noise, NoiseComponents

SIX = dict.fromkeys("abcdef", 4)
UNKNOWN = Interval(low=None, high=None)


def measured(target_sd: float | None, run_sd: float | None = None, **category_sd: float) -> Noise:
    known = Component(sd=run_sd, interval=UNKNOWN, degrees_of_freedom=5)
    parts = NoiseComponents(run=known, run_category=known, run_item=known, sampling=known, samples=3.0)
    return Noise(
        runs=6,
        degrees_of_freedom=5,
        target_sd=target_sd,
        category_sd=dict(category_sd),
        target_interval=UNKNOWN,
        components=None if run_sd is None else parts,
    )


def test_assumed_components_give_the_noise_that_was_measured_once() -> None:
    """The figures of the first study: 24 items of six categories with three answers, 36 with eight, 14 with one."""
    assert sqrt(ASSUMED.of_mean(SIX, 3)) == pytest.approx(0.49, abs=0.005)
    assert sqrt(ASSUMED.of_mean({"a": 4}, 3)) == pytest.approx(1.03, abs=0.005)
    assert sqrt(ASSUMED.of_mean({"a": 1}, 1)) == pytest.approx(2.5, abs=0.05)
    normal = (1.645 + 0.842) * sqrt(2 / 8)
    assert normal * sqrt(ASSUMED.of_mean(dict.fromkeys("abcdef", 6), 8)) == pytest.approx(0.51, abs=0.005)
    assert normal * sqrt(ASSUMED.of_mean({"a": 6}, 8)) == pytest.approx(0.98, abs=0.005)
    assert normal * sqrt(ASSUMED.of_mean(dict(zip("abcdef", [2, 2, 2, 2, 3, 3], strict=True)), 1)) == pytest.approx(
        0.93, abs=0.005
    )


def test_fewer_items_or_answers_mean_more_noise() -> None:
    noise = plan_noise("a", {"a": 4, "b": 16}, {"a": 8, "b": 8}, 3)
    assert noise.source == "assumed"
    assert noise.search.categories["a"] > noise.held_out.categories["a"] > noise.search.categories["b"]
    assert noise.search.target == noise.search.categories["a"]
    assert plan_noise("a", {"a": 4}, {"a": 4}, 1).search.target > noise.search.target
    assert 0 < noise.shared_sd < min(noise.search.categories.values())


def test_the_users_own_assumption_is_the_targets_sd_and_scales_the_rest() -> None:
    items = {"a": 5, "b": 20}
    plain, own = plan_noise("a", items, items, 3), plan_noise("a", items, items, 3, assumed_sd=0.2)
    assert own.search.target == pytest.approx(0.2)
    assert own.search.categories["b"] / own.search.target == pytest.approx(
        plain.search.categories["b"] / plain.search.target
    )
    assert "referee.noise_sd" in own.words


def test_measured_noise_goes_before_earlier_and_earlier_before_assumed() -> None:
    items = {"a": 10, "b": 10}
    earlier = EarlierNoise(nights=3, degrees_of_freedom=30, metric_sd={"a": 0.3, "overall": 0.2})
    noise = plan_noise("a", items, items, 3, assumed_sd=5.0, earlier=earlier)
    assert (noise.source, noise.search.target) == ("earlier night", 0.3)
    assert "3 earlier nights" in noise.words
    tonight = plan_noise("a", items, items, 3, earlier=earlier, measured=measured(0.6, a=0.6))
    assert (tonight.source, tonight.search.target) == ("measured", 0.6)
    silent = plan_noise("a", items, items, 3, measured=measured(0.0, a=0.0))
    assert silent.source == "assumed"
    assert silent.search.target == plan_noise("a", items, items, 3).search.target


def test_measured_noise_is_carried_over_to_another_number_of_items() -> None:
    noise = plan_noise("a", {"a": 20}, {"a": 5}, 3, measured=measured(0.5, a=0.5))
    ratio = sqrt(ASSUMED.of_mean({"a": 5}, 3) / ASSUMED.of_mean({"a": 20}, 3))
    assert noise.held_out.target == noise.held_out.categories["a"] == pytest.approx(0.5 * ratio)
    same = plan_noise("a", {"a": 20}, {"a": 20}, 3, measured=measured(0.5, a=0.5))
    assert same.held_out == same.search


def test_a_category_without_items_has_no_noise_to_speak_of() -> None:
    noise = plan_noise("overall", {"a": 9, "b": 0}, {"a": 9, "c": 9}, 2)
    assert set(noise.search.categories) == {"a"}
    assert set(noise.held_out.categories) == {"a", "c"}


def test_what_the_categories_share_is_measured_or_follows_from_the_mean() -> None:
    items = dict.fromkeys("abcd", 10)
    assert plan_noise("a", items, items, 3, measured=measured(1.0, run_sd=0.4, a=1.0)).shared_sd == pytest.approx(0.4)
    shared, own = 0.3, 0.8
    sds = dict.fromkeys("abcd", sqrt(shared**2 + own**2))
    mean = sqrt(shared**2 + own**2 / 4)
    earlier = EarlierNoise(nights=1, degrees_of_freedom=9, metric_sd={**sds, "overall": mean})
    assert plan_noise("a", items, items, 3, earlier=earlier).shared_sd == pytest.approx(shared)
    independent = EarlierNoise(nights=1, degrees_of_freedom=9, metric_sd={**sds, "overall": 0.1})
    assert plan_noise("a", items, items, 3, earlier=independent).shared_sd == 0.0


def test_equal_weights_given_by_name_are_the_unweighted_mean() -> None:
    items = {"a": 4, "b": 16, "c": 9}
    thirds = dict.fromkeys(items, 1 / 3)
    plain, named = (plan_noise("overall", items, items, 3, weights=weights) for weights in (None, thirds))
    assert named.search.target == pytest.approx(plain.search.target)
    earlier = EarlierNoise(nights=3, degrees_of_freedom=20, metric_sd={"a": 0.8, "b": 0.6, "c": 0.5, "overall": 0.5})
    shared = [plan_noise("a", items, items, 3, earlier=earlier, weights=w).shared_sd for w in (None, thirds)]
    assert shared[1] == pytest.approx(shared[0])


def test_a_mean_over_prompts_has_the_noise_of_all_its_prompts() -> None:
    items = {"a": 4, "b": 16}
    prompts = {"a": 0.2, "b": 0.8}
    assert ASSUMED.answer_level(items, prompts) == pytest.approx(ASSUMED.sampling / 20)
    one = plan_noise("overall", items, items, 3, weights={"a": 1.0, "b": 0.0})
    assert one.search.target == pytest.approx(one.search.categories["a"]), "all weight on one category is that category"
