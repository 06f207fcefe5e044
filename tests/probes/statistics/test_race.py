from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from probes.statistics.effects import EffectPrior, Posterior
from probes.statistics.race import fit_effects
from probes.statistics.runs import Run

PRIOR = EffectPrior(-0.15, 0.4)


def run(value: float, *changes: str, seed: int = 0) -> Run:
    return Run(changes=frozenset(changes), seed=seed, categories={"t": value})


def test_one_candidate_matches_the_conjugate_formula() -> None:
    baseline = [run(5.0, seed=s) for s in range(100_000)]
    effects = fit_effects([*baseline[:2000], run(6.0, "c")], "t", PRIOR, noise_sd=0.5).of("c")
    weight = 0.16 / (0.16 + 0.25)
    assert effects.mean == pytest.approx(-0.15 + weight * 1.15, abs=2e-3)
    assert effects.sd == pytest.approx(np.sqrt(0.16 * 0.25 / 0.41), abs=2e-3)


def test_adding_a_constant_to_all_scores_changes_no_effect() -> None:
    runs = [run(5.0), run(5.4), run(6.1, "c"), run(4.0, "d")]
    moved = [Run(r.changes, r.seed, {"t": r.categories["t"] + 0.5}) for r in runs]
    first, second = fit_effects(runs, "t", PRIOR, 0.5), fit_effects(moved, "t", PRIOR, 0.5)
    assert first.of("c").mean == pytest.approx(second.of("c").mean, abs=1e-6)


def test_swapping_the_arms_negates_the_effect_under_a_centred_prior() -> None:
    centred = EffectPrior(0.0, 0.4)
    up = fit_effects([run(5.0), run(5.0), run(6.0, "c"), run(6.0, "c")], "t", centred, 0.5).of("c")
    down = fit_effects([run(6.0), run(6.0), run(5.0, "c"), run(5.0, "c")], "t", centred, 0.5).of("c")
    assert up.mean == pytest.approx(-down.mean, abs=2e-3)
    assert up.sd == pytest.approx(down.sd)


def test_the_order_of_runs_does_not_matter() -> None:
    runs = [run(5.0), run(6.1, "c"), run(6.0, "c", "d"), run(4.8)]
    first, second = fit_effects(runs, "t", PRIOR, 0.5), fit_effects(runs[::-1], "t", PRIOR, 0.5)
    assert first.of("d").mean == pytest.approx(second.of("d").mean)


def test_probes_on_top_of_a_lucky_change_pull_it_back() -> None:
    lucky = [run(5.0, seed=s) for s in range(6)] + [run(6.5, "c")]
    before = fit_effects(lucky, "t", PRIOR, 0.5).of("c").mean
    after = fit_effects([*lucky, *[run(5.0, "c", f"d{i}") for i in range(4)]], "t", PRIOR, 0.5).of("c").mean
    assert after < before


def test_one_observation_never_gives_certainty() -> None:
    posterior = fit_effects([run(9.0, "c")], "t", PRIOR, 0.5).of("c")
    assert posterior.sd > 0.1
    assert posterior.interval()[0] < posterior.mean < posterior.interval()[1]


def test_shared_seeds_sharpen_the_effect_when_they_correlate() -> None:
    runs = [run(5.0 + s, seed=s) for s in range(3)] + [run(5.5 + s, "c", seed=s) for s in range(3)]
    paired = fit_effects(runs, "t", PRIOR, 0.8, seed_correlation=0.8).of("c")
    unpaired = fit_effects(runs, "t", PRIOR, 0.8).of("c")
    assert paired.sd < unpaired.sd
    assert paired.mean > unpaired.mean


def test_seed_blocks_equal_the_dense_covariance() -> None:
    runs = [run(5.1, seed=1), run(5.9, "c", seed=1), run(4.8, seed=2), run(6.2, "c", seed=3), run(5.5, "d", seed=2)]
    sd, rho = 0.6, 0.5
    x = np.array([[1, "c" in r.changes, "d" in r.changes] for r in runs], float)
    y = np.array([r.metric("t") for r in runs])
    seeds = np.array([r.seed for r in runs])
    noise = sd**2 * ((1 - rho) * np.eye(5) + rho * (seeds[:, None] == seeds[None, :]))
    precision = np.diag([1e-6, 0.4**-2, 0.4**-2])
    covariance = np.linalg.inv(precision + x.T @ np.linalg.inv(noise) @ x)
    mean = covariance @ (precision @ np.array([5.0, -0.15, -0.15]) + x.T @ np.linalg.inv(noise) @ y)
    effects = fit_effects(runs, "t", PRIOR, sd, rho)
    np.testing.assert_allclose(effects.mean, mean)
    np.testing.assert_allclose(effects.covariance, covariance)


def test_intervals_cover_effects_drawn_from_the_prior() -> None:
    rng = np.random.default_rng(3)
    covered, total = 0, 0
    for _ in range(150):
        truth = {f"c{i}": rng.normal(-0.15, 0.4) for i in range(6)}
        runs = [run(5 + rng.normal(0, 0.5)) for _ in range(4)]
        runs += [run(5 + d + rng.normal(0, 0.5), name) for name, d in truth.items() for _ in range(2)]
        effects = fit_effects(runs, "t", PRIOR, 0.5)
        for name, d in truth.items():
            low, high = effects.of(name).interval(0.9)
            covered, total = covered + (low <= d <= high), total + 1
    assert 0.87 <= covered / total <= 0.93


def test_total_of_two_changes_is_the_sum_of_their_means() -> None:
    effects = fit_effects([run(5.0), run(6.0, "c"), run(6.4, "c", "d")], "t", PRIOR, 0.5)
    assert effects.total(["c", "d"]).mean == pytest.approx(effects.of("c").mean + effects.of("d").mean)


def test_a_heavy_tail_lets_a_large_effect_keep_its_size() -> None:
    runs = [*(run(5.0 + 0.1 * s, seed=s) for s in range(6)), run(8.6, "big"), run(5.4, "small")]
    normal = fit_effects(runs, "t", PRIOR, 0.5)
    heavy = fit_effects(runs, "t", EffectPrior(-0.15, 0.4, tail_df=3.0), 0.5)
    assert normal.of("big").mean < 1.5
    assert 2.5 < heavy.of("big").mean < 3.4
    assert heavy.of("small").mean == pytest.approx(normal.of("small").mean, abs=0.1)


def test_a_very_light_tail_is_the_normal_prior() -> None:
    runs = [run(5.0), run(5.2), run(6.0, "c")]
    heavy = fit_effects(runs, "t", EffectPrior(-0.15, 0.4, tail_df=1e9), 0.5).of("c")
    normal = fit_effects(runs, "t", PRIOR, 0.5).of("c")
    assert (heavy.mean, heavy.sd) == pytest.approx((normal.mean, normal.sd), abs=1e-6)


def test_heavy_tailed_intervals_cover_heavy_tailed_effects() -> None:
    rng = np.random.default_rng(7)
    covered, total = 0, 0
    for _ in range(150):
        truth = {f"c{i}": -0.15 + 0.4 * rng.standard_t(3) for i in range(6)}
        runs = [run(5 + rng.normal(0, 0.5)) for _ in range(6)]
        runs += [run(5 + d + rng.normal(0, 0.5), name) for name, d in truth.items()]
        effects = fit_effects(runs, "t", EffectPrior(-0.15, 0.4, tail_df=3.0), 0.5)
        for name, d in truth.items():
            low, high = effects.of(name).interval(0.9)
            covered, total = covered + (low <= d <= high), total + 1
    assert 0.84 <= covered / total <= 0.95


@pytest.mark.parametrize("value", [-3.0, -0.1, 0.0, 0.25, 4.0])
def test_tail_probabilities_are_the_normal_ones(value: float) -> None:
    posterior = Posterior(0.1, 0.3)
    assert posterior.above(value) == pytest.approx(stats.norm.sf(value, 0.1, 0.3), rel=1e-12)
    assert posterior.below(value) == pytest.approx(stats.norm.cdf(value, 0.1, 0.3), rel=1e-12)
    assert posterior.interval(0.9) == pytest.approx(stats.norm.interval(0.9, 0.1, 0.3), rel=1e-12)


def test_the_tail_iteration_may_end_once_it_has_settled() -> None:
    rng = np.random.default_rng(0)
    runs = [run(5.0 + rng.normal(0.0, 0.5), seed=i) for i in range(8)]
    for i in range(30):
        runs += [run(5.0 + rng.normal(0.2, 0.6), "c0", f"d{i}", seed=s) for s in range(1 + i % 3)]
    fitted = fit_effects(runs, "t", EffectPrior(-0.15, 0.4, 3.0), 0.5)
    design = np.array([[1.0, *(name in r.changes for name in fitted.names)] for r in runs])
    centre = np.array([5.0, *[-0.15] * len(fitted.names)])
    precision = np.array([1e-6, *[0.4**-2] * len(fitted.names)])
    score = design.T @ [r.metric("t") for r in runs] / 0.25
    for _ in range(26):
        covariance = np.linalg.inv(np.diag(precision) + design.T @ design / 0.25)
        mean = covariance @ (precision * centre + score)
        precision[1:] = (4.0 / (3.0 * 0.16 + (mean - centre) ** 2 + np.diag(covariance)))[1:]
    assert fitted.mean == pytest.approx(mean, abs=1e-4)
    assert fitted.covariance == pytest.approx(covariance, abs=1e-4)


def test_each_change_may_have_the_prior_of_its_lane() -> None:
    def of_lane(name: str) -> EffectPrior:
        return EffectPrior(0.3, 0.1) if name == "tame" else PRIOR

    runs = [run(5.0), run(5.2), run(6.0, "tame"), run(6.0, "wild")]
    lanes, one = fit_effects(runs, "t", of_lane, 0.5), fit_effects(runs, "t", PRIOR, 0.5)
    assert lanes.of("tame").mean == pytest.approx(0.3, abs=0.06)
    assert lanes.of("tame").sd < 0.1
    assert lanes.of("wild").mean == pytest.approx(one.of("wild").mean, abs=0.05)


def test_what_earlier_runs_left_is_as_good_as_the_runs() -> None:
    first = [run(5.0), run(5.3), run(6.0, "c"), run(5.9, "c", "d"), run(5.1, "e")]
    second = [run(5.2), run(6.3, "c"), run(5.5, "f")]
    whole = fit_effects([*first, *second], "t", PRIOR, 0.5)
    left = fit_effects(first, "t", PRIOR, 0.5).keep(["c", "d", "e"])
    parts = fit_effects(second, "t", PRIOR, 0.5, start=fit_effects(first, "t", PRIOR, 0.5).keep(["c"]))
    assert (parts.of("c").mean, parts.of("f").sd) == pytest.approx((whole.of("c").mean, whole.of("f").sd))
    assert parts.settled["d"] == left.of("d")
    assert parts.total(["c", "e"]).mean == pytest.approx(whole.of("c").mean + left.of("e").mean)


def test_a_settled_change_that_is_probed_again_counts_as_it_stands_now() -> None:
    left = fit_effects([run(5.0), run(5.3), run(6.0, "c"), run(5.1, "e")], "t", PRIOR, 0.5).keep([])
    again = fit_effects([run(5.2), run(8.0, "c")], "t", PRIOR, 0.5, start=left)
    assert again.of("c").mean > left.of("c").mean
    assert again.of("e") == left.of("e")
    assert again.total(["c"]).mean == pytest.approx(again.of("c").mean)
    assert again.keep([]).of("c") == again.of("c")


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 0.4), (0.09, 0.13), (-0.3, 0.2), (2.0, 0.1)])
def test_the_regret_is_what_knowing_the_effect_would_bring(mean: float, sd: float) -> None:
    known, _ = integrate.quad(lambda e: max(0.0, e) * stats.norm.pdf(e, mean, sd), 0.0, mean + 12 * sd + 1.0, limit=200)
    assert Posterior(mean, sd).regret == pytest.approx(known - max(0.0, mean), abs=1e-9)
    assert Posterior(-mean, sd).regret == Posterior(mean, sd).regret
    assert Posterior(10 * mean, 10 * sd).regret == pytest.approx(10 * Posterior(mean, sd).regret)
