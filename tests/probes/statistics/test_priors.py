"""Lane-wise priors: known answers, recovery from simulated nights, and no shrinking twice."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest

from probes.statistics.earlier import RawEffect
from probes.statistics.effects import EffectPrior
from probes.statistics.priors import SESSION_WEIGHT, lane_priors, learn_prior, raw_effects
from probes.statistics.runs import Run

SESSION = EffectPrior(-0.15, 0.4, 3.0)
NORMAL = EffectPrior(-0.15, 0.4)


def estimates(effects: np.ndarray, errors: np.ndarray | float, seed: int = 0) -> list[RawEffect]:
    chance = np.random.default_rng(seed)
    errors = np.broadcast_to(errors, effects.shape)
    seen = effects + chance.normal(size=effects.size) * errors
    return [
        RawEffect(lane="hyperparameters", effect=float(d), standard_error=float(e))
        for d, e in zip(seen, errors, strict=True)
    ]


def run(value: float, *changes: str, seed: int = 0) -> Run:
    return Run(changes=frozenset(changes), seed=seed, categories={"voice": value})


def test_raw_effects_are_plain_differences_with_their_standard_error() -> None:
    runs = [run(5.0, seed=1), run(5.4, seed=2), run(6.0, "a", seed=1), run(6.4, "a", seed=2), run(4.0, "b")]
    a, b = raw_effects(runs, "voice", 0.4, {"a": "hyperparameters", "b": "data_mix"})
    assert (a.lane, a.effect) == ("hyperparameters", pytest.approx(1.0, abs=0.01))
    assert a.standard_error == pytest.approx(0.4, abs=0.01)
    assert b.effect == pytest.approx(-1.2, abs=0.01)
    assert b.standard_error == pytest.approx(0.4 * sqrt(1 + 1 / 2), abs=0.01)


def test_a_change_that_nothing_tells_apart_keeps_an_error_without_weight() -> None:
    runs = [run(5.0), run(5.2), run(6.0, "a", "b"), run(6.2, "a", "b")]
    effects = raw_effects(runs, "voice", 0.3, {"a": "hyperparameters", "b": "hyperparameters"})
    assert all(each.standard_error > 5 for each in effects)
    assert learn_prior(effects, SESSION)[1] < 0.01


def test_a_night_of_very_many_changes_is_cut_and_not_refused() -> None:
    runs = [run(5.0), run(6.0, "a"), run(4.0, "b"), run(7.0, "c"), run(7.0, "a", "c"), run(6.2, "a")]
    effects = raw_effects(runs, "voice", 0.3, dict.fromkeys("abc", "data_mix"), most_changes=2)  # type: ignore[arg-type]
    assert [each.effect for each in effects] == [pytest.approx(1.1, abs=0.01), pytest.approx(-1.0, abs=0.01)]


def test_without_estimates_the_sessions_prior_stands() -> None:
    assert learn_prior([], SESSION) == (SESSION, 0.0)
    assert lane_priors([], "voice", SESSION) == ()
    assert raw_effects([], "voice", 0.5, {}) == ()


@pytest.mark.parametrize("tail_df", [3.0, inf])
def test_location_and_scale_are_recovered_from_noisy_estimates(tail_df: float) -> None:
    chance = np.random.default_rng(5)
    drawn = chance.normal(size=3000) if tail_df == inf else chance.standard_t(tail_df, 3000)
    errors = chance.choice([0.25, 0.35, 0.5], 3000)
    prior, share = learn_prior(estimates(0.3 + 0.6 * drawn, errors), EffectPrior(-0.15, 0.4, tail_df))
    assert prior.mean == pytest.approx(0.3, abs=0.05)
    assert prior.sd == pytest.approx(0.6, abs=0.05)
    assert prior.tail_df == tail_df
    assert share > 0.98


def test_effects_that_are_all_noise_give_a_narrow_prior_and_not_the_noise() -> None:
    prior, _ = learn_prior(estimates(np.zeros(400), 0.4), NORMAL)
    assert prior.sd < 0.2
    assert prior.mean == pytest.approx(0.0, abs=0.05)


def test_a_few_estimates_move_the_sessions_prior_by_their_stated_share() -> None:
    prior, share = learn_prior(estimates(np.full(5, 2.0), 0.001), NORMAL)
    assert share == pytest.approx(5 / (5 + SESSION_WEIGHT), abs=0.001)
    assert prior.mean == pytest.approx(share * 2.0 + (1 - share) * -0.15, abs=0.01)


def test_more_replicates_for_the_promising_do_not_bias_the_prior_as_they_bias_the_mean() -> None:
    chance = np.random.default_rng(7)
    true, noise = chance.normal(0.0, 0.4, 4000), 0.6
    first = true + chance.normal(0.0, noise, 4000)
    later = true + chance.normal(0.0, noise / sqrt(3), 4000)
    raced = first > 0.2
    effects = [
        RawEffect(
            lane="data_mix",
            effect=float((first[i] + 3 * later[i]) / 4 if raced[i] else first[i]),
            standard_error=noise / 2 if raced[i] else noise,
        )
        for i in range(4000)
    ]
    prior, _ = learn_prior(effects, NORMAL)
    assert np.mean([each.effect for each in effects]) < -0.1
    assert prior.mean == pytest.approx(0.0, abs=0.04)
    assert prior.sd == pytest.approx(0.4, abs=0.04)


def test_lanes_are_learned_apart_and_adding_a_constant_to_all_scores_changes_nothing() -> None:
    chance = np.random.default_rng(3)
    lanes = {f"h{i}": "hyperparameters" for i in range(12)} | {f"m{i}": "data_mix" for i in range(12)}
    gains = {name: (1.0 if lane == "hyperparameters" else -0.5) for name, lane in lanes.items()}
    runs = [run(5 + chance.normal(0, 0.2), seed=i) for i in range(8)]
    runs += [run(5 + gains[name] + chance.normal(0, 0.2), name, seed=i) for name in lanes for i in range(2)]
    shifted = [Run(r.changes, r.seed, {"voice": r.categories["voice"] + 3.0}) for r in runs]
    first, second = (
        lane_priors(raw_effects(each, "voice", 0.2, lanes), "voice", SESSION)  # type: ignore[arg-type]
        for each in (runs, shifted)
    )
    means = {prior.lane: prior.mean for prior in first}
    assert means["hyperparameters"] > 0.3 > -0.2 > means["data_mix"]
    assert [p.mean for p in second] == pytest.approx([p.mean for p in first], abs=0.01)
