"""What must hold for any data: drawn by hypothesis, through the public functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus
from probes.statistics.confirmation import confirm, moderated
from probes.statistics.effects import EffectPrior, Effects
from probes.statistics.fits import KnownNoise, Question, SearchFits
from probes.statistics.runs import OVERALL, Run
from probes.statistics.verdicts import EarlierNoise

CENTRED = EffectPrior(0.0, 0.4, 3.0)
SCORES = st.floats(0.0, 10.0).map(lambda value: round(value, 3))
RECIPES = st.frozensets(st.sampled_from("abcd"), max_size=3)
NIGHTS = st.lists(st.tuples(RECIPES, SCORES, SCORES, st.floats(-5.0, 5.0)), min_size=1, max_size=25)
ARMS = st.lists(SCORES, min_size=3, max_size=8).filter(lambda arm: max(arm) - min(arm) > 0.01)
EARLIER = EarlierNoise(nights=2, degrees_of_freedom=8, metric_sd={"t": 0.6, "g": 0.9, OVERALL: 0.5})
FEW = settings(max_examples=40, deadline=None, derandomize=True)

Drawn = list[tuple[frozenset[str], float, float, float]]


def runs(night: Drawn) -> list[Run]:
    return [Run(c, seed, {"t": t, "g": g}, companions={"m": m}) for seed, (c, t, g, m) in enumerate(night)]


def arm(scores: Sequence[float], changes: frozenset[str] = frozenset()) -> list[Run]:
    return [Run(changes, seed, {"t": score, "g": 10 - score}) for seed, score in enumerate(scores)]


def effects(night: Sequence[Run], metric: str = "t", prior: EffectPrior = CENTRED) -> Effects:
    fits = SearchFits([Question(metric, prior, KnownNoise(0.5, 3.0))])
    fits.take(night)
    return fits.effects(metric)


def gap(first: Effects, second: Effects) -> float:
    """Return the largest difference between two fits' effects and their covariances, the level left out."""
    assert first.names == second.names
    means, covariances = first.mean[1:] - second.mean[1:], first.covariance[1:, 1:] - second.covariance[1:, 1:]
    return float(max((abs(part).max() for part in (means, covariances) if part.size), default=0.0))


@FEW
@given(NIGHTS, st.randoms(use_true_random=False))
def test_permuting_the_probes_changes_no_effect(night: Drawn, chance: Random) -> None:
    ordered = runs(night)
    shuffled = ordered[:]
    chance.shuffle(shuffled)
    assert gap(effects(ordered), effects(shuffled)) <= 1e-6


@FEW
@given(NIGHTS, st.floats(-2.0, 2.0))
def test_a_constant_on_all_scores_changes_no_effect(night: Drawn, shift: float) -> None:
    """Beyond the level's prior of sd 1000: with one probe alone by shift × effect variance / 1,000,000."""
    moved = [replace(r, categories={n: v + shift for n, v in r.categories.items()}) for r in runs(night)]
    assert gap(effects(runs(night)), effects(moved)) <= 1e-4


@FEW
@given(NIGHTS)
def test_mirrored_scores_negate_every_effect(night: Drawn) -> None:
    mirrored = [
        replace(r, categories={n: 10 - v for n, v in r.categories.items()}, companions={"m": -r.companions["m"]})
        for r in runs(night)
    ]
    first, second = effects(runs(night)), effects(mirrored)
    np.testing.assert_allclose(first.mean[1:], -second.mean[1:], atol=1e-6)
    np.testing.assert_allclose(first.covariance, second.covariance, atol=1e-6)


@FEW
@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=8))
def test_swapping_which_arm_is_the_change_negates_the_effect(pairs: list[tuple[float, float]]) -> None:
    change = frozenset("c")
    one = [Run(c, s, {"t": v}) for s, p in enumerate(pairs) for c, v in zip((frozenset[str](), change), p, strict=True)]
    other = [replace(run, changes=change - run.changes) for run in one]
    first, second = effects(one).of("c"), effects(other).of("c")
    assert first.mean == pytest.approx(-second.mean, abs=1e-4)
    assert first.sd == pytest.approx(second.sd, abs=1e-4)


@FEW
@given(NIGHTS)
def test_no_interval_is_ever_of_zero_width_or_empty(night: Drawn) -> None:
    found = effects(runs(night))
    for name in found.names:
        low, high = found.of(name).interval()
        assert low + 1e-3 < found.of(name).mean < high - 1e-3
        assert math.isfinite(low + high)


@FEW
@given(SCORES)
def test_one_probe_of_a_change_decides_nothing_beyond_its_prior_and_noise(score: float) -> None:
    found = effects([Run(frozenset("c"), 0, {"t": score})]).of("c")
    assert found.sd > 0.2


@FEW
@given(ARMS, ARMS)
def test_swapping_the_arms_of_the_confirmation_negates_effect_and_interval(
    first: list[float], second: list[float]
) -> None:
    for earlier in (None, EARLIER):
        forth, back = (confirm(arm(a), arm(b), "t", {}, 0.05, earlier) for a, b in ((first, second), (second, first)))
        assert (forth.effect, forth.interval.low, forth.interval.high) == pytest.approx(
            (-(back.effect or 0.0), -(back.interval.high or 0.0), -(back.interval.low or 0.0))
        )
        assert (forth.p_value or 0.0) + (back.p_value or 0.0) == pytest.approx(1.0)


@FEW
@given(ARMS, ARMS, st.floats(-5.0, 5.0))
def test_a_constant_on_both_arms_changes_no_claim(first: list[float], second: list[float], shift: float) -> None:
    plain = confirm(arm(first), arm(second), "t", {"g": 1.0}, 0.05, EARLIER)
    moved = confirm(
        *(
            [replace(r, categories={n: v + shift for n, v in r.categories.items()}) for r in arm(a)]
            for a in (first, second)
        ),
        "t",
        {"g": 1.0},
        0.05,
        EARLIER,
    )
    assert (moved.effect, moved.p_value) == pytest.approx((plain.effect, plain.p_value), abs=1e-9)
    assert moved.guards["g"].p_value == pytest.approx(plain.guards["g"].p_value, abs=1e-9)


@FEW
@given(ARMS, ARMS, st.randoms(use_true_random=False))
def test_permuting_the_confirmations_probes_changes_nothing(
    first: list[float], second: list[float], chance: Random
) -> None:
    mixed = first[:]
    chance.shuffle(mixed)
    one, other = (confirm(arm(a), arm(second), "t", {}, 0.05, EARLIER) for a in (first, mixed))
    assert (one.effect, one.p_value) == pytest.approx((other.effect, other.p_value))


@FEW
@given(st.lists(SCORES, min_size=0, max_size=2), ARMS)
def test_too_few_runs_have_no_effect_and_no_interval(few: list[float], enough: list[float]) -> None:
    for baseline, final in ((few, enough), (enough, few)):
        claim = confirm(arm(baseline), arm(final), "t", {"g": 1.0}, 0.05, EARLIER)
        assert (claim.confirmed, claim.effect, claim.interval.low, claim.guards) == (False, None, None, {})


@FEW
@given(SCORES, SCORES, st.integers(3, 8))
def test_arms_without_any_variance_are_never_a_verdict(first: float, second: float, count: int) -> None:
    claim = confirm(arm([first] * count), arm([second] * count), "t", {}, 0.05, EARLIER)
    assert (claim.confirmed, claim.effect) == (False, None)
    assert "fault of measurement" in claim.reason


@FEW
@given(ARMS, ARMS)
def test_earlier_noise_never_moves_the_estimate(first: list[float], second: list[float]) -> None:
    plain, known = moderated(first, second, 0.0, 0.0), moderated(first, second, 0.6, 8.0)
    assert plain is not None
    assert known is not None
    assert known.effect == plain.effect
    assert known.standard_error > 0.0


ITEMS = st.lists(
    st.tuples(st.sampled_from(["t", "g"]), st.lists(st.one_of(st.none(), SCORES), min_size=1, max_size=3)),
    min_size=1,
    max_size=10,
)


def outcome(items: list[tuple[str, list[float | None]]]) -> ProbeOutcome:
    scored = (
        ItemScores(item=f"i{i}", category=category, difficulty="easy", scores=tuple(scores))
        for i, (category, scores) in enumerate(items)
    )
    return ProbeOutcome(key="k", status=ProbeStatus.COMPLETED, items=tuple(scored))


@FEW
@given(ITEMS, st.randoms(use_true_random=False))
def test_permuting_items_changes_no_mean(items: list[tuple[str, list[float | None]]], chance: Random) -> None:
    mixed = items[:]
    chance.shuffle(mixed)
    assert outcome(mixed).category_means() == pytest.approx(outcome(items).category_means())


@FEW
@given(ITEMS)
def test_missing_stays_missing(items: list[tuple[str, list[float | None]]]) -> None:
    means, whole = outcome(items).category_means(), outcome(items).overall()
    for category, mean in means.items():
        known = [s for c, scores in items if c == category for s in scores if s is not None]
        assert (mean is None) == (not known)
        assert mean is None or min(known) - 1e-9 <= mean <= max(known) + 1e-9
    assert (whole is None) == (None in means.values())
