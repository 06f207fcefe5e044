"""Scores of forecasts: known answers by hand, invariances, and that honesty pays."""

from __future__ import annotations

import numpy as np
import pytest

from probes.statistics.forecasts import MeasuredForecast, interval_score, score_forecasts


def forecast(effect: float, low: float, high: float, measured: float, name: str = "m", sure: float = 0.5) -> MeasuredForecast:  # noqa: E501  # fmt: skip
    return MeasuredForecast(proposer=name, effect=effect, low=low, high=high, confidence=sure, measured=measured)


def test_the_interval_score_is_width_and_twenty_times_the_miss() -> None:
    assert interval_score(-1.0, 1.0, 0.3) == pytest.approx(2.0)
    assert interval_score(-1.0, 1.0, 1.25) == pytest.approx(2.0 + 20 * 0.25)
    assert interval_score(-1.0, 1.0, -1.25) == pytest.approx(2.0 + 20 * 0.25)


def test_known_answers() -> None:
    rows = [forecast(1.0, 0.0, 2.0, 0.5, sure=0.8), forecast(2.0, 1.0, 3.0, 0.0), forecast(3.0, 2.0, 4.0, 2.0),
            forecast(4.0, 3.0, 5.0, 3.5), forecast(5.0, 4.0, 6.0, 6.5)]  # fmt: skip
    score = score_forecasts(rows)[0]
    assert (score.forecasts, score.coverage, score.sharpness) == (5, pytest.approx(0.6), pytest.approx(2.0))
    assert score.error == pytest.approx((0.5 + 2.0 + 1.0 + 0.5 - 1.5) / 5)
    assert score.absolute_error == pytest.approx(5.5 / 5)
    assert score.rank_correlation == pytest.approx(0.9)
    assert score.interval_score == pytest.approx(2.0 + 20 * 1.5 / 5)
    assert score.brier == pytest.approx((0.2**2 + 4 * 0.25) / 5)
    assert score.coverage_interval.low is not None
    assert 0.15 < score.coverage_interval.low < 0.6 < (score.coverage_interval.high or 0.0) < 0.95


def test_too_few_are_not_scored_beyond_what_they_show() -> None:
    assert score_forecasts([]) == []
    score = score_forecasts([forecast(1.0, 0.0, 2.0, 0.5)])[0]
    assert score.rank_correlation is None
    assert (score.error_interval.low, score.error_interval.high) == (None, None)
    assert score.coverage_interval.low is not None
    assert score.coverage_interval.low < 0.1, "one hit is no calibration"
    same = score_forecasts([forecast(1.0, 0.0, 2.0, m) for m in (0.1, 0.2, 0.3, 0.4, 0.5)])[0]
    assert same.rank_correlation is None


def test_proposers_are_scored_apart_and_swapping_signs_negates_the_error() -> None:
    rows = [forecast(1.0 + i, 0.0, 9.0, 0.5 * i, name) for i in range(6) for name in ("a", "b")]
    scores = score_forecasts(rows)
    assert [score.proposer for score in scores] == ["a", "b"]
    assert scores[0].model_copy(update={"proposer": "b"}) == scores[1]
    turned = [forecast(-f.effect, -f.high, -f.low, -f.measured, "a") for f in rows if f.proposer == "a"]
    mirrored = score_forecasts(turned)[0]
    assert mirrored.error == pytest.approx(-(scores[0].error or 0.0))
    assert (mirrored.coverage, mirrored.interval_score) == (scores[0].coverage, pytest.approx(scores[0].interval_score))


def test_honest_intervals_cover_as_stated_and_score_best() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(0.0, 1.0, 4000)
    by_width = {
        width: score_forecasts([forecast(0.0, -width, width, float(m)) for m in truth])[0]
        for width in (0.8, 1.2, 1.645, 2.2, 3.0)
    }
    assert by_width[1.645].coverage == pytest.approx(0.9, abs=0.015)
    best = min(by_width, key=lambda width: by_width[width].interval_score or 0.0)
    assert best == 1.645
