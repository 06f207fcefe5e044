from __future__ import annotations

import numpy as np
import pytest

from probes.errors import DataError
from probes.statistics.blocks import design_block
from probes.statistics.effects import EffectPrior
from probes.statistics.fits import WINDOW, KnownNoise, Question, SearchFits
from probes.statistics.race import fit_effects
from probes.statistics.runs import Run

PRIOR = EffectPrior(-0.15, 0.4)
TARGET = Question("t", PRIOR, KnownNoise(0.5, 3.0))


def run(value: float, *changes: str, seed: int = 0) -> Run:
    return Run(changes=frozenset(changes), seed=seed, categories={"t": value})


def race(count: int, seed: int = 0) -> list[Run]:
    """Return a night's race: two probes of each candidate, every tenth of which stays in the recipe."""
    rng, runs = np.random.default_rng(seed), list[Run]()
    kept = list[str]()
    for i in range(count):
        changes = (*kept, f"c{i // 2:04d}") if i >= 6 else ()
        runs.append(run(5 + 0.2 * len(kept) + float(rng.normal(0, 0.5)), *changes, seed=i))
        if i % 20 == 19:
            kept.append(f"c{i // 2:04d}")
    return runs


def fitted(runs: list[Run], question: Question = TARGET) -> SearchFits:
    fits = SearchFits([question])
    fits.take(runs)
    return fits


def test_recipes_that_do_not_add_up_make_the_fit_less_sure() -> None:
    def night(lift: float) -> list[Run]:
        together = [run(6.0 + lift + 0.1 * s, "a", "b") for s in range(3)]
        return [run(5.0), run(5.1), run(5.2), run(5.5), run(5.6, "a"), run(5.4, "b"), run(5.7, "a"), *together]

    additive, interacting = fitted(night(0.0)), fitted(night(2.0))
    assert interacting.fitted("t").noise_sd > 1.5 * additive.fitted("t").noise_sd
    assert interacting.effects("t").of("a").sd > additive.effects("t").of("a").sd


def test_the_misfit_that_large_effects_let_expect_joins_the_noise() -> None:
    means: dict[tuple[str, ...], float] = {(): 5.0, ("a",): 8.0, ("a", "b"): 9.0}
    runs = [run(mean, *changes) for changes, mean in means.items() for _ in range(4)]
    question = Question("t", EffectPrior(0.0, 1e3), KnownNoise(0.5, 1e6), curvature=0.1)
    assert fitted(runs[:4], question).fitted("t").noise_sd == pytest.approx(0.5, rel=1e-3)
    moved = (3**2 + (3**2 + 1**2)) / 2
    assert fitted(runs, question).fitted("t").noise_sd == pytest.approx(np.hypot(0.5, 0.1 * moved), rel=1e-3)


def test_a_change_without_effect_is_rarely_taken_for_one_where_large_effects_level_off() -> None:
    names = [f"c{i:02d}" for i in range(11)]
    block = design_block(1, names, seed=0)

    def mistaken(curvature: float) -> float:
        found = list[bool]()
        for seed in range(60):
            rng = np.random.default_rng(seed)
            strong = set(rng.permutation(names)[:4])
            recipes = [(), (), (), (), (), (), *block.rows]
            logits = [1.6 * len(strong.intersection(recipe)) - 0.7 for recipe in recipes]
            runs = [run(10 / (1 + np.exp(-x)) + rng.normal(0, 0.5), *r) for r, x in zip(recipes, logits, strict=True)]
            question = Question("t", EffectPrior(-0.15, 0.4, 3.0), KnownNoise(0.5, 3.0), 1.2, curvature)
            effects = fitted(runs, question).effects("t")
            found += [effects.of(name).above(0.0) > 0.95 for name in names if name not in strong]
        return float(np.mean(found))

    assert mistaken(0.15) < 0.1 < 0.4 < mistaken(0.0)


def test_the_noise_is_unbiased_when_recipes_add_up() -> None:
    rng = np.random.default_rng(0)
    variances = list[float]()
    for _ in range(200):
        runs = [run(5 + rng.normal(0, 0.7)) for _ in range(4)]
        runs += [run(6 + rng.normal(0, 0.7), f"c{i}") for i in range(4) for _ in range(2)]
        variances.append(fitted(runs, Question("t", PRIOR, KnownNoise(0.7, 3.0))).fitted("t").noise_sd ** 2)
    assert np.mean(variances) == pytest.approx(0.49, rel=0.05)


def test_the_noise_of_earlier_nights_counts_as_its_degrees_of_freedom() -> None:
    runs = [run(v, seed=s) for s, v in enumerate([5.0, 5.2, 5.4])]
    sd = fitted(runs, Question("t", PRIOR, KnownNoise(0.6, 10.0))).fitted("t").noise_sd
    assert sd == pytest.approx(np.sqrt((10 * 0.36 + 0.08) / 12))


def test_before_any_run_prior_and_known_noise_stand() -> None:
    fits = fitted([])
    assert fits.effects("t").names == ()
    assert fits.fitted("t").noise_sd == 0.5


def test_a_short_night_is_one_regression() -> None:
    runs = race(120)
    fits = fitted(runs)
    alone = fit_effects(runs, "t", PRIOR, fits.fitted("t").noise_sd)
    np.testing.assert_allclose(fits.effects("t").mean, alone.mean)
    np.testing.assert_allclose(fits.effects("t").covariance, alone.covariance)


def test_a_fit_rebuilt_from_the_ledger_is_the_running_one() -> None:
    runs = race(3 * WINDOW)
    running = SearchFits([TARGET])
    for start in range(0, len(runs), 7):
        running.take(runs[start : start + 7])
        running.effects("t")
    rebuilt = fitted(runs).effects("t")
    np.testing.assert_array_equal(running.effects("t").mean, rebuilt.mean)
    assert running.effects("t").settled == rebuilt.settled


def test_windows_lose_next_to_nothing_against_one_regression() -> None:
    runs = race(3 * WINDOW)
    fits = fitted(runs)
    whole, windows = fit_effects(runs, "t", PRIOR, fits.fitted("t").noise_sd), fits.effects("t")
    gaps = [abs(whole.of(name).mean - windows.of(name).mean) / whole.of(name).sd for name in whole.names]
    spreads = [windows.of(name).sd / whole.of(name).sd for name in whole.names]
    assert max(gaps) < 0.6
    assert np.mean(gaps) < 0.12
    assert np.mean(spreads) == pytest.approx(1.0, abs=0.05)


def test_a_change_taken_up_again_goes_on_from_its_last_posterior() -> None:
    runs = race(2 * WINDOW)
    fits = fitted(runs)
    before = fits.effects("t").of("c0010")
    assert "c0010" in fits.effects("t").settled
    level = fits.effects("t").total(runs[-1].changes).mean
    fits.take([run(5 + level + 3, *(runs[-1].changes | {"c0010"})) for _ in range(3)])
    after = fits.effects("t").of("c0010")
    assert after.sd < before.sd
    assert after.mean > before.mean
    assert "c0010" in fits.effects("t").names


def test_the_order_of_looks_and_metrics_changes_nothing() -> None:
    runs = [Run(r.changes, r.seed, {"t": r.categories["t"], "g": 2 * r.categories["t"]}) for r in race(60)]
    both = SearchFits([TARGET, Question("g", EffectPrior(-0.3, 0.8), KnownNoise(1.0, 3.0))])
    both.take(runs)
    assert both.effects("g").of("c0010").mean == pytest.approx(2 * both.effects("t").of("c0010").mean, abs=0.01)
    np.testing.assert_array_equal(both.effects("t").mean, fitted(runs).effects("t").mean)


def test_runs_that_share_a_seed_pair_once_they_were_seen_to_move_together() -> None:
    rng = np.random.default_rng(5)
    luck = rng.normal(0, 0.6, 12)
    runs = [run(5 + luck[s] + rng.normal(0, 0.15), seed=s) for s in range(12)]
    runs += [run(5.3 + luck[s] + rng.normal(0, 0.15), "c", seed=s) for s in range(8)]
    paired = fitted(runs, Question("t", PRIOR, KnownNoise(0.6, 3.0), is_paired=True)).effects("t").of("c")
    assert paired.sd < 0.7 * fitted(runs).effects("t").of("c").sd


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (
            Run(frozenset("c"), 3, {"t": float("nan")}, {"t1": (1.0, float("nan"))}),
            "'t' \\(item t1\\) must be a finite",
        ),
        (Run(frozenset("c"), 3, {"t": float("inf")}), "probe of c with train seed 3"),
        (Run(frozenset("c"), 3, {"t": 5.0, "g": 5.0}), "category g was scored in some probes"),
    ],
)
def test_a_run_measured_otherwise_is_refused_by_name(bad: Run, says: str) -> None:
    fits = fitted([run(5.0)])
    with pytest.raises(DataError, match=says):
        fits.take([bad])


def test_a_metric_nobody_measured_is_refused() -> None:
    with pytest.raises(DataError, match="no category 'g'"):
        fitted([run(5.0)], Question("g", PRIOR, KnownNoise(0.5, 3.0)))


@pytest.mark.parametrize("seed", range(5))
def test_the_first_of_two_fits_may_settle_roughly(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    question = Question("t", EffectPrior(-0.15, 0.4, tail_df=3.0), KnownNoise(0.5, 3.0), curvature=0.03)
    rough = fitted(race(200, seed), question).fitted("t")
    monkeypatch.setattr("probes.statistics.fits.ROUGHLY", 1e-9)
    exact = fitted(race(200, seed), question).fitted("t")
    assert rough.noise_sd != exact.noise_sd
    assert rough.noise_sd == pytest.approx(exact.noise_sd, rel=1e-3)
    gaps = np.abs(rough.effects.mean - exact.effects.mean) / np.sqrt(np.diag(exact.effects.covariance))
    assert gaps.max() < 2e-3
