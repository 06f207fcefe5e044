from __future__ import annotations

import numpy as np
import pytest

from probes.statistics.blocks import design_block
from probes.statistics.companions import Companion, borrow, choose_companion, read_signals
from probes.statistics.design import Array, Design
from probes.statistics.effects import EffectPrior, Effects
from probes.statistics.fits import KnownNoise, Question, SearchFits
from probes.statistics.race import Beliefs, Information, fit_effects, gather, posterior
from probes.statistics.runs import Run

PRIOR = EffectPrior(-0.15, 0.4)
NOISE = 0.5
NAMES = tuple(f"c{i:02d}" for i in range(44))
RECIPES = [frozenset[str]()] * 6 + [
    frozenset(row)
    for number in range(8)
    for row in design_block(number, NAMES[11 * (number % 4) : 11 * (number % 4) + 11], seed=number).rows
]


def night(
    rng: np.random.Generator, correlation: float, own_sd: float = 0.0, slope: float = 0.0
) -> tuple[dict[str, float], list[Run]]:
    """Return true effects and runs whose companion has noise of sd 1 and effects of its own."""
    truth = {name: rng.normal(PRIOR.mean, PRIOR.sd) for name in NAMES}
    beside = {name: slope * effect + rng.normal(0, own_sd) for name, effect in truth.items()}
    runs = list[Run]()
    for seed, recipe in enumerate(RECIPES):
        luck, other = rng.normal(size=2)
        score = 5 + sum(truth[name] for name in recipe) + NOISE * luck
        signal = sum(beside[name] for name in recipe) + correlation * luck + np.sqrt(1 - correlation**2) * other
        runs.append(Run(recipe, seed, {"t": float(score)}, companions={"signal": float(signal)}))
    return truth, runs


def without(runs: list[Run]) -> list[Run]:
    return [Run(run.changes, run.seed, run.categories) for run in runs]


def fits(runs: list[Run]) -> SearchFits:
    fitted = SearchFits([Question("t", PRIOR, KnownNoise(NOISE, 3.0))])
    fitted.take(runs)
    return fitted


def errors(truth: dict[str, float], effects: Effects) -> Array:
    return np.array([(effects.of(name).mean - effect) ** 2 for name, effect in truth.items()])


def dense(runs: list[Run], companion: Companion) -> tuple[Array, Array]:
    """Solve the model in full: level and effects of the score, then level and ψ of the companion."""
    design = Design.of([run.changes for run in runs])
    x, width = design.rows_R_C, design.rows_R_C.shape[1]
    stacked = np.block([[x, np.zeros_like(x)], [companion.slope * x, x]])
    shared = companion.used * NOISE * companion.noise_sd
    noise = np.kron([[NOISE**2, shared], [shared, companion.noise_sd**2]], np.eye(len(runs)))
    own = [1e-6, *[PRIOR.sd**-2] * (width - 1)]
    beside = [1e-6 / companion.noise_sd**2, *[companion.spread**-2] * (width - 1)]
    centre = np.array([5.0, *[PRIOR.mean] * (width - 1), *[0.0] * width])
    values = np.array([*(run.metric("t") for run in runs), *(run.companions["signal"] for run in runs)])
    weighted = stacked.T @ np.linalg.inv(noise)
    covariance = np.linalg.inv(np.diag([*own, *beside]) + weighted @ stacked)
    mean = covariance @ (np.array([*own, *beside]) * centre + weighted @ values)
    return mean[:width], covariance[:width, :width]


def borrowed(runs: list[Run], companion: Companion) -> Effects:
    design = Design.of([run.changes for run in runs])
    columns = np.array([[run.metric("t"), run.companions["signal"]] for run in runs])
    gathered = gather(design, [run.seed for run in runs], columns, 0.0)
    matrix, weighted = borrow(companion, NOISE, gathered[:, :-2], gathered[:, -2], gathered[:, -1])
    return posterior(Information(matrix, weighted), Beliefs.of(design.names, PRIOR))


def test_borrowing_equals_the_bivariate_model_in_full() -> None:
    _, runs = night(np.random.default_rng(0), 0.6, 0.3)
    companion = Companion("signal", 1.1, 0.6, 0.55, 50, slope=0.7, spread=0.4, worth=9.0)
    mean, covariance = dense(runs, companion)
    effects = borrowed(runs, companion)
    np.testing.assert_allclose(effects.mean, mean, atol=1e-6)
    np.testing.assert_allclose(effects.covariance, covariance, atol=1e-6)


@pytest.mark.parametrize(("used", "slope", "spread"), [(0.0, 0.0, 0.5), (0.6, 1.5, 1e5)])
def test_without_correlation_or_with_free_effects_the_scores_own_fit_comes_out(
    used: float, slope: float, spread: float
) -> None:
    _, runs = night(np.random.default_rng(0), 0.6)
    effects = borrowed(runs, Companion("signal", 1.0, used, used, 50, slope, spread, 9.0))
    alone = fit_effects(runs, "t", PRIOR, NOISE)
    np.testing.assert_allclose(effects.mean, alone.mean, atol=1e-4)
    np.testing.assert_allclose(effects.covariance, alone.covariance, atol=1e-4)


def test_a_companion_of_the_noise_alone_takes_its_share_of_the_variance() -> None:
    rng = np.random.default_rng(1)
    wide = Question("t", EffectPrior(0.0, 5.0), KnownNoise(NOISE, 3.0))
    ratios, saved = list[float](), list[float]()
    for _ in range(25):
        truth, runs = night(rng, 0.6)
        own, alone = SearchFits([wide]), SearchFits([wide])
        own.take(runs)
        alone.take(without(runs))
        ratios.append(float(errors(truth, own.effects("t")).mean() / errors(truth, alone.effects("t")).mean()))
        saved.append(own.companion_use("t").variance_saved)
    assert np.mean(ratios) == pytest.approx(1 - 0.36, abs=0.08)
    assert np.mean(saved) == pytest.approx(0.36, abs=0.1)


@pytest.mark.parametrize(("correlation", "own_sd", "slope"), [(0.6, 1.0, 0.0), (0.6, 0.3, 2.0), (0.0, 0.0, 0.0)])
def test_chances_of_a_gain_stay_calibrated_whatever_a_change_does_to_the_companion(
    correlation: float, own_sd: float, slope: float
) -> None:
    rng = np.random.default_rng(2)
    chances, gains, with_it, alone = list[float](), list[bool](), 0.0, 0.0
    for _ in range(25):
        truth, runs = night(rng, correlation, own_sd, slope)
        effects = fits(runs).effects("t")
        chances += [effects.of(name).above(0.0) for name in truth]
        gains += [effect > 0 for effect in truth.values()]
        with_it += float(errors(truth, effects).sum())
        alone += float(errors(truth, fits(without(runs)).effects("t")).sum())
    stated, is_gain = np.array(chances), np.array(gains)
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.0)):
        inside = (stated >= low) & (stated < high)
        spread = np.sqrt((stated[inside] * (1 - stated[inside])).sum()) / inside.sum()
        assert abs(stated[inside].mean() - is_gain[inside].mean()) < 3 * spread
    assert with_it <= 1.03 * alone


def test_effects_that_go_together_are_found_and_help_without_any_correlation_of_noise() -> None:
    truth, runs = night(np.random.default_rng(3), 0.0, 0.2, 2.0)
    fitted = fits(runs).fitted("t")
    assert fitted.companion is not None
    assert fitted.companion.slope == pytest.approx(2.0, abs=0.7)
    assert errors(truth, fitted.effects).mean() < 0.8 * errors(truth, fits(without(runs)).effects("t")).mean()


def test_a_useless_companion_is_left_alone() -> None:
    chosen = sum(fits(night(np.random.default_rng(s), 0.0)[1]).companion_use("t").name is not None for s in range(30))
    assert chosen <= 6


def test_swapping_the_companions_sign_changes_no_effect() -> None:
    _, runs = night(np.random.default_rng(4), 0.6)
    turned = [Run(r.changes, r.seed, r.categories, companions={"signal": 7 - 3 * r.companions["signal"]}) for r in runs]
    first, second = fits(runs).effects("t"), fits(turned).effects("t")
    np.testing.assert_allclose(first.mean, second.mean, atol=1e-6)
    assert fits(turned).companion_use("t").correlation == pytest.approx(
        -(fits(runs).companion_use("t").correlation or 0)
    )


def test_the_measured_correlation_lies_in_its_interval_as_often_as_stated() -> None:
    hits = 0
    for seed in range(60):
        use = fits(night(np.random.default_rng(seed), 0.6)[1]).companion_use("t")
        assert use.interval.low is not None
        assert use.interval.high is not None
        hits += use.interval.low <= 0.6 <= use.interval.high
    assert 48 <= hits <= 59


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0, float("nan"), 2.0], "no finite value in 1 of 3"),
        ([1.0, None, 2.0], "no finite value in 1 of 3"),
        ([2.0, 2.0, 2.0], "the same value in every probe"),
    ],
)
def test_an_unusable_companion_is_left_out_with_the_reason(values: list[float | None], reason: str) -> None:
    runs = [
        Run(frozenset(), seed, {"t": 5.0 + seed}, companions={} if value is None else {"signal": value})
        for seed, value in enumerate(values)
    ]
    signals = read_signals(runs)
    assert signals.values == {}
    assert reason in signals.left_out["signal"]
    assert reason in fits(runs).companion_use("t").left_out["signal"]


def test_a_metric_is_served_by_its_own_margin_and_by_what_belongs_to_no_category() -> None:
    run = {"margin/a": 1.0, "margin/b": 3.0, "reward_margin": 0.5}
    runs = [Run(frozenset(), s, {"a": 5.0, "b": 5.0}, companions={k: v + s for k, v in run.items()}) for s in range(3)]
    signals = read_signals(runs)
    assert signals.serving("a") == ["margin/a", "reward_margin"]
    assert signals.serving("overall") == ["reward_margin", "margin/overall"]
    assert list(signals.values["margin/overall"]) == [2.0, 3.0, 4.0]


def test_too_few_replicates_say_nothing_about_a_correlation() -> None:
    runs = [Run(frozenset(), s, {"t": float(v)}, companions={"signal": float(v)}) for s, v in enumerate([5, 6, 7])]
    design = Design.of([run.changes for run in runs])
    split = design.split(np.array([[run.metric("t"), run.companions["signal"]] for run in runs]))
    assert choose_companion(design, {"signal": split.pair(0, 1)}, NOISE, np.zeros(0)) is None
    assert fits(runs).companion_use("t").name is None


def test_the_overall_of_a_family_is_formed_as_the_scores_overall_is() -> None:
    def run(seed: int, a: float, b: float, weights: dict[str, float] | None) -> Run:
        beside = {"margin/a": a, "margin/b": b}
        return Run(frozenset(), seed, {"a": 5.0, "b": 5.0}, companions=beside, weights=weights)

    def overall(weights: dict[str, float] | None) -> list[float]:
        runs = [run(1, 2.0, 6.0, weights), run(2, 4.0, 0.0, weights)]
        return [float(value) for value in read_signals(runs).values["margin/overall"]]

    assert overall(None) == overall({"a": 0.5, "b": 0.5}) == [4.0, 2.0]
    assert overall({"a": 0.75, "b": 0.25}) == [3.0, 3.0]
    assert overall({"a": 1.0, "b": 0.0}) == [2.0, 4.0]
