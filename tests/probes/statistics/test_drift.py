"""Drift between nights: known answers, error rates under nothing moved, and what too few data give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from probes.statistics.drift import LEAST_NIGHTS, check_drift, level_drift, noise_drift
from probes.statistics.earlier import BaselineLevel
from probes.statistics.runs import Run
from probes.statistics.verdicts import EarlierNoise

KNOWN = EarlierNoise(nights=2, degrees_of_freedom=60, metric_sd={"voice": 0.5, "facts": 0.5, "overall": 0.354})


def baselines(values: Sequence[float], facts: Sequence[float] | None = None) -> list[Run]:
    return [
        Run(changes=frozenset(), seed=i, categories={"voice": v, "facts": f})
        for i, (v, f) in enumerate(zip(values, facts or values[::-1], strict=True))
    ]


def night(mean: float, runs: int = 6, number: int = 1) -> BaselineLevel:
    return BaselineLevel(session=f"n{number}", runs=runs, means={"voice": mean, "overall": mean})


def test_one_earlier_night_gives_the_two_sample_interval_by_seed_noise() -> None:
    own = baselines([5.0, 5.4, 5.2, 5.6])
    drift = level_drift(own, "voice", None, [night(5.0, runs=8)], 0.01)
    assert drift is not None
    sd = np.std([5.0, 5.4, 5.2, 5.6], ddof=1)
    half = stats.t.ppf(0.995, 3) * sd * np.sqrt(1 / 4 + 1 / 8)
    assert (drift.interval.low, drift.interval.high) == (pytest.approx(5.0 - half), pytest.approx(5.0 + half))
    assert (drift.between_sd, drift.drifted) == (None, False)


def test_a_level_far_from_one_earlier_night_has_drifted_and_the_warning_has_both_values() -> None:
    own = baselines([5.0, 5.4, 5.2, 5.6, 5.1, 5.3])
    check = check_drift(own, "voice", KNOWN, [night(8.0)])
    assert check.levels[0].drifted
    assert "5.27" in check.warnings[0]
    assert "8.00" in check.warnings[0]


def test_nights_that_always_differed_widen_the_interval_by_their_own_spread() -> None:
    own = baselines([5.0, 5.4, 5.2, 5.6, 5.1, 5.3])
    spread = [night(mean, number=i) for i, mean in enumerate((6.5, 4.0, 7.0, 5.5, 6.0))]
    drift = level_drift(own, "voice", KNOWN, spread, 0.01)
    assert drift is not None
    assert not drift.drifted
    assert drift.between_sd == pytest.approx(
        np.sqrt(np.var([6.5, 4.0, 7.0, 5.5, 6.0], ddof=1) - drift.within_sd**2 / 6)
    )
    assert drift.between_sd > drift.within_sd


@pytest.mark.parametrize(("nights", "between_sd"), [(1, 0.0), (3, 0.0), (LEAST_NIGHTS, 0.0), (6, 1.5)])
def test_when_nothing_new_moved_a_night_drifts_no_more_often_than_stated(nights: int, between_sd: float) -> None:
    chance = np.random.default_rng(nights)
    drifted = 0
    for _ in range(600):
        levels = 5 + chance.normal(0, between_sd, nights + 1)
        before = [night(chance.normal(level, 0.5 / 6**0.5), number=i) for i, level in enumerate(levels[:-1])]
        own = baselines(list(chance.normal(levels[-1], 0.5, 6)))
        drift = level_drift(own, "voice", None, before, 0.05)
        drifted += drift is not None and drift.drifted
    assert drifted / 600 <= 0.075


def test_the_noise_of_earlier_nights_is_dropped_when_tonights_disagrees() -> None:
    quiet = baselines([5.0, 5.02, 5.01, 5.0, 5.02, 5.01], [5.5, 4.6, 5.2, 4.9, 5.7, 4.8])
    check = check_drift(quiet, "voice", KNOWN, [])
    assert check.noise_dropped
    assert "0.01 tonight and was 0.50" in check.warnings[0]
    loud = baselines([2.0, 8.0, 5.0, 9.0, 1.0, 5.0])
    assert check_drift(loud, "voice", KNOWN, []).noise_dropped


def test_equal_noise_is_dropped_once_in_a_hundred_nights() -> None:
    chance = np.random.default_rng(1)
    dropped = sum(
        check_drift(
            baselines(list(chance.normal(5, 0.5, 6)), list(chance.normal(5, 0.5, 6))), "voice", KNOWN, []
        ).noise_dropped
        for _ in range(800)
    )
    assert dropped / 800 <= 0.02


def test_the_f_test_is_two_sided_and_allows_for_all_metrics() -> None:
    own = baselines([5.0, 6.0, 4.0, 5.5, 4.5, 5.0])
    found = {each.metric: each for each in noise_drift(own, KNOWN)}
    sd = np.std([5.0, 6.0, 4.0, 5.5, 4.5, 5.0], ddof=1)
    expected = 2 * min(stats.f.cdf((sd / 0.5) ** 2, 5, 60), stats.f.sf((sd / 0.5) ** 2, 5, 60))
    assert found["voice"].p_value == pytest.approx(min(1.0, 3 * expected))
    assert set(found) == {"voice", "facts", "overall"}


def test_too_few_data_say_nothing() -> None:
    assert check_drift([], "voice", KNOWN, [night(5.0)]).levels == ()
    assert check_drift(baselines([5.0]), "voice", KNOWN, [night(5.0)]).warnings == ()
    assert check_drift(baselines([5.0, 5.5]), "voice", KNOWN, []).noise == ()
    assert check_drift(baselines([5.0, 5.0, 5.0]), "voice", None, [night(5.0)]).levels == ()
    assert check_drift(baselines([5.0, 5.5, 5.2]), "voice", None, []).warnings == ()


def test_candidates_of_tonight_do_not_count_as_its_baseline() -> None:
    own = baselines([5.0, 5.4, 5.2])
    changed = [Run(changes=frozenset({"c01"}), seed=9, categories={"voice": 9.0, "facts": 9.0})]
    assert check_drift([*own, *changed], "voice", KNOWN, [night(5.1)]) == check_drift(own, "voice", KNOWN, [night(5.1)])
