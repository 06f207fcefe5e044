from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from probes.statistics.advice import ProbeCosts, advise, best_samples, known_variances
from probes.statistics.spread import ASSUMED, Variances
from probes.statistics.verdicts import Component, Interval, NoiseComponents

SIX = dict.fromkeys("abcdef", 4)


def test_best_number_of_samples_is_three_at_ten_to_one() -> None:
    best = best_samples(10, ASSUMED.seed_level(SIX), ASSUMED.answer_level(SIX))
    assert best == pytest.approx(sqrt(10 * (4 * 6 / 4 / 36) / (0.08 + 0.08 / 6 + 2.25 / 24)))
    assert best == pytest.approx(3.0, abs=0.1)


def test_no_other_number_of_samples_measures_more_for_the_money() -> None:
    ratio, seed, answer = 25.0, 0.2, 0.9
    best = best_samples(ratio, seed, answer)
    grid = np.linspace(1, 40, 4000)
    price = (seed + answer / grid) * (ratio + grid)
    assert best == pytest.approx(grid[price.argmin()], abs=0.02)
    assert best_samples(0.01, seed, answer) == 1.0
    assert best_samples(ratio, 0.0, answer) is None


def test_better_buy_follows_from_cost_and_noise() -> None:
    dear = advise(ASSUMED, SIX, 1, ProbeCosts(100.0, 1.0), None)
    assert dear.better_buy == "samples"
    assert dear.best_samples == pytest.approx(9.4, abs=0.1)
    assert "about 9 per item instead of 1 give the same precision" in dear.sentence
    cheap = advise(ASSUMED, SIX, 8, ProbeCosts(1.0, 1.0), None)
    assert cheap.better_buy == "replicates"
    seed, answer = ASSUMED.seed_level(SIX), ASSUMED.answer_level(SIX)
    assert cheap.time_saved == pytest.approx(1 - (seed + answer) * 2 / ((seed + answer / 8) * 9))
    right = advise(ASSUMED, SIX, 3, ProbeCosts(10.0, 1.0), None)
    assert right.better_buy is None
    assert right.time_saved == pytest.approx(0.0, abs=1e-9)
    assert "about right" in right.sentence


def test_noise_of_answers_alone_asks_for_more_answers() -> None:
    only_sampling = Variances(0.0, 0.0, 0.0, 4.0)
    advice = advise(only_sampling, {"a": 8}, 2, ProbeCosts(5.0, 1.0), None)
    assert advice.best_samples is None
    assert advice.better_buy == "samples"
    assert "32 or more" in advice.sentence
    greedy = advise(Variances(0.1, 0.1, 1.0, 0.0), {"a": 8}, 3, ProbeCosts(5.0, 1.0), None)
    assert greedy.best_samples == 1.0
    assert greedy.better_buy == "replicates"


@pytest.mark.parametrize(("correlation", "saves"), [(0.4, 0.4), (-0.3, 0.0), (None, None)])
def test_pairing_saves_what_the_correlation_says(correlation: float | None, saves: float | None) -> None:
    advice = advise(None, SIX, 3, None, correlation)
    assert advice.pairing_saves == saves
    assert ("40 %" in advice.sentence) == (saves == 0.4)


def test_what_is_not_known_is_not_advised() -> None:
    one = advise(None, SIX, 1, ProbeCosts(10.0, 1.0), None)
    assert one.best_samples is one.time_saved is one.better_buy is None
    assert "suite.samples = 2" in one.sentence
    assert advise(ASSUMED, SIX, 3, None, None).sentence == ""
    assert advise(ASSUMED, {}, 3, ProbeCosts(10.0, 1.0), None).best_samples is None


def test_variances_are_known_only_when_seed_and_sampling_are_apart() -> None:
    unknown = Component(sd=None, interval=Interval(low=None, high=None), degrees_of_freedom=0)
    known = unknown.model_copy(update={"sd": 2.0})
    parts = NoiseComponents(run=known, run_category=unknown, run_item=known, sampling=known, samples=3.0)
    assert known_variances(parts) == Variances(4.0, 0.0, 4.0, 4.0)
    assert known_variances(parts.model_copy(update={"sampling": unknown})) is None
    assert known_variances(None) is None
