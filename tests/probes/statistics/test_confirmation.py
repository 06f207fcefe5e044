from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probes.errors import DataError
from probes.statistics.confirmation import confirm, moderated, welch
from probes.statistics.runs import CRITICAL_FAILURES, Run
from probes.statistics.verdicts import EarlierNoise


def runs(values: list[float], guard: list[float] | None = None) -> list[Run]:
    guard = guard or [6.0 + 0.1 * (i % 3) for i in range(len(values))]
    return [Run(frozenset(), i, {"t": v, "g": g}) for i, (v, g) in enumerate(zip(values, guard, strict=True))]


def test_welch_agrees_with_scipy() -> None:
    a, b = [5.1, 6.0, 5.5, 6.2], [4.0, 4.9, 4.4]
    difference = welch(a, b)
    assert difference is not None
    expected = stats.ttest_ind(a, b, equal_var=False, alternative="greater")
    assert difference.p_above(0.0) == pytest.approx(expected.pvalue)
    interval, reference = difference.interval(0.9), stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high))


def test_swapping_the_arms_negates_the_effect() -> None:
    a, b = runs([5.0, 6.0, 7.0, 6.5]), runs([4.0, 4.5, 5.5, 5.0])
    forward, backward = confirm(a, b, "t", {}, 0.05), confirm(b, a, "t", {}, 0.05)
    assert forward.effect == pytest.approx(-(backward.effect or 0.0))


def test_a_clear_gain_is_confirmed_and_its_interval_excludes_zero() -> None:
    claim = confirm(runs([5.0, 5.2, 4.9, 5.1]), runs([7.0, 7.3, 6.9, 7.1]), "t", {"g": 1.0}, 0.05)
    assert claim.confirmed
    assert claim.interval.low is not None
    assert claim.interval.low > 0


def test_a_gain_that_breaks_a_guard_is_not_confirmed() -> None:
    final = runs([7.0, 7.3, 6.9, 7.1], guard=[3.0, 3.2, 2.9, 3.1])
    claim = confirm(runs([5.0, 5.2, 4.9, 5.1]), final, "t", {"g": 1.0}, 0.05)
    assert not claim.confirmed
    assert "non-inferiority failed for g" in claim.reason


@pytest.mark.parametrize("bad", [[], [5.0], [5.0, 6.0]])
def test_too_few_runs_are_inconclusive_without_an_interval(bad: list[float]) -> None:
    claim = confirm(runs([5.0, 5.5, 5.2]), runs(bad), "t", {}, 0.05)
    assert not claim.confirmed
    assert (claim.effect, claim.interval.low) == (None, None)


def test_identical_replicates_are_a_fault_of_measurement() -> None:
    claim = confirm(runs([5.0] * 4, [6.0] * 4), runs([7.0] * 4, [6.0] * 4), "t", {}, 0.05)
    assert not claim.confirmed
    assert "fault of measurement" in claim.reason


def test_scores_that_are_not_finite_support_nothing() -> None:
    assert welch([1.0, float("nan"), 2.0], [1.0, 2.0, 3.0]) is None


def test_equal_arms_are_claimed_at_the_stated_rate() -> None:
    rng = np.random.default_rng(4)
    claimed = sum(
        confirm(runs(list(rng.normal(5, 0.5, 8))), runs(list(rng.normal(5, 0.5, 8))), "t", {}, 0.05).confirmed
        for _ in range(1500)
    )
    assert 0.035 <= claimed / 1500 <= 0.065


def rate(runs_per_arm: int, earlier_sd: float | None, earlier_df: float = 20.0, gain: float = 0.0) -> float:
    """Return how often 3,000 comparisons of noise 1 claim at 5 %; None: the earlier sd is itself an estimate."""
    rng, claims = np.random.default_rng(11), 0
    for _ in range(3000):
        a, b = rng.normal(gain, 1, runs_per_arm).tolist(), rng.normal(0, 1, runs_per_arm).tolist()
        sd = float(np.sqrt(rng.chisquare(earlier_df) / earlier_df)) if earlier_sd is None else earlier_sd
        difference = moderated(a, b, sd, earlier_df)
        claims += difference is not None and difference.p_above(0.0) <= 0.05
    return claims / 3000


def test_without_earlier_noise_the_moderated_test_is_welchs() -> None:
    a, b = [5.1, 6.0, 5.5, 6.2], [4.0, 4.9, 4.4]
    assert moderated(a, b, 0.5, 0.0) == welch(a, b)


def test_the_moderated_variance_is_the_weighted_one() -> None:
    difference = moderated([5.0, 6.0, 7.0], [4.0, 5.0, 6.0], 2.0, 4.0)
    assert difference is not None
    assert difference.standard_error == pytest.approx(np.sqrt(2 * (2 * 4.0 + 2 * 1.0) / 4 / 3))
    assert difference.df == pytest.approx(2 * (2 + 2))


@pytest.mark.parametrize("runs_per_arm", [4, 8])
def test_the_moderated_test_keeps_its_level(runs_per_arm: int) -> None:
    low, high = stats.binom(3000, 0.05).interval(0.998)
    assert 0.035 <= rate(runs_per_arm, 1.0) <= high / 3000
    assert low / 3000 <= rate(runs_per_arm, None) <= high / 3000


@pytest.mark.parametrize("runs_per_arm", [4, 8])
def test_an_earlier_sd_that_is_off_by_a_third_claims_little_too_much(runs_per_arm: int) -> None:
    assert rate(runs_per_arm, 0.7) <= 0.06 + 3 * np.sqrt(0.06 * 0.94 / 3000)
    assert rate(runs_per_arm, 1.3) <= 0.05


def test_earlier_noise_finds_more_with_few_runs() -> None:
    assert rate(4, 1.0, gain=1.8) > rate(4, 1.0, earlier_df=0.0, gain=1.8) + 0.03


def test_earlier_noise_reaches_target_and_guards() -> None:
    base, final = runs([5.0, 5.6, 5.2]), runs([5.6, 6.3, 6.0])
    known = EarlierNoise(nights=3, degrees_of_freedom=40, metric_sd={"t": 0.3, "g": 0.1})
    alone, with_it = confirm(base, final, "t", {"g": 1.0}, 0.05), confirm(base, final, "t", {"g": 1.0}, 0.05, known)
    assert with_it.effect == alone.effect
    assert (with_it.p_value or 1.0) < (alone.p_value or 0.0)
    assert (with_it.guards["g"].p_value or 1.0) < (alone.guards["g"].p_value or 0.0)


def test_a_directional_category_never_confirms_however_clear_it_is() -> None:
    base, final = runs([5.0, 5.2, 4.9, 5.1]), runs([7.0, 7.3, 6.9, 7.1])
    for few in ("t", "g"):
        claim = confirm(base, final, "t", {"g": 1.0}, 0.05, directional={few})
        assert not claim.confirmed
        assert claim.reason.startswith(f"{few}: too few held-out items")
    assert confirm(base, final, "t", {"g": 1.0}, 0.05, directional={"unasked"}).confirmed


def test_a_lower_level_claims_less_and_says_its_own_interval() -> None:
    base, final = runs([5.0, 5.6, 5.2, 5.5]), runs([5.8, 6.2, 5.9, 5.7])
    assert confirm(base, final, "t", {}, 0.05).confirmed
    strict = confirm(base, final, "t", {}, 0.001)
    assert not strict.confirmed
    assert strict.interval.level == pytest.approx(0.998)


def test_no_critical_failure_in_either_arm_passes_that_guard() -> None:
    claim = confirm(runs([5.0, 5.2, 4.9]), runs([7.0, 7.3, 6.9]), "t", {CRITICAL_FAILURES: 1.0}, 0.05)
    test = claim.guards[CRITICAL_FAILURES]
    assert claim.confirmed
    assert test.p_value == pytest.approx(np.exp(-3))
    assert (test.interval.low, test.interval.high) == (pytest.approx(np.log(0.05) / 3), 0.0)


def test_intervals_of_a_moderated_confirmation_cover_the_truth() -> None:
    rng, covered = np.random.default_rng(12), 0
    known = EarlierNoise(nights=2, degrees_of_freedom=20, metric_sd={"t": 0.5})
    for _ in range(1000):
        base, final = runs(list(rng.normal(5, 0.5, 8))), runs(list(rng.normal(5.4, 0.5, 8)))
        interval = confirm(base, final, "t", {}, 0.05, known).interval
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.4 <= interval.high
    assert 0.87 <= covered / 1000 <= 0.93


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused_by_name(value: float) -> None:
    bad = [*runs([7.0, 7.3, 6.9]), Run(frozenset(["c1"]), 77, {"t": value, "g": 6.0}, {"t-04": (value,)})]
    with pytest.raises(DataError, match=r"probe of c1 with train seed 77: .*'t' \(item t-04\)"):
        confirm(runs([5.0, 5.2, 4.9]), bad, "t", {"g": 1.0}, 0.05)


def test_a_category_in_one_arm_only_is_refused() -> None:
    final = [Run(frozenset(["c1"]), s, {"t": 7.0 + s}) for s in range(3)]
    with pytest.raises(DataError, match="category g was scored in some probes and not in others"):
        confirm(runs([5.0, 5.2, 4.9]), final, "t", {}, 0.05)
