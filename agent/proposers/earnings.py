"""What each proposer's changes have earned so far, read off the ledger: the counts behind the hybrid's share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from probes.statistics.forecasts import FORECAST_LEVEL, MeasuredForecast, score_forecasts
from tracking.night import NightRecord

LEAST_SHARE, MOST_SHARE = 0.05, 0.5
"""The model is never silenced for good, and never has the majority of the turns unless the session says so."""
PRIOR_PROBES = 12.0
"""Probes at the rate of both together that each side is taken to have had."""
PRIOR_TURNS = 2.0
"""Turns with a legal proposal that the model is taken to have had."""
LEAST_FORECASTS = 8
"""Fewer measured forecasts say nothing of the model."""


class Earned(NamedTuple):
    """One side's changes: the language model's, or the statistical proposer's."""

    proposed: int
    decided: int
    accepted: int
    """Of these, in the working recipe now."""
    probes: int
    """Scored probes with one of its changes; a probe with several counts for each."""
    gain: float
    """Sum of the posterior means of what is accepted, in points of the target; a measure of merit, not a claim."""


class Share(NamedTuple):
    """The language model's share of the next turns, and what it rests on."""

    share: float
    model: Earned
    statistical: Earned
    turns: int
    """The model's turns that were asked and answered."""
    legal: int
    """Of these, with a legal proposal."""
    coverage: float | None
    """Of the model's forecast intervals; None while too few were measured."""


def earned(night: NightRecord, by_model: bool) -> Earned:
    """Return what one side earned; a language model's changes are those with a forecast."""
    own = [name for name, c in night.candidates.items() if (c.forecast is not None) == by_model]
    accepted = [name for name in night.accepted if (night.candidates[name].forecast is not None) == by_model]
    effects = [reading.effect or 0.0 for name in accepted if (reading := night.reading(name)) is not None]
    return Earned(
        proposed=len(own),
        decided=sum(name not in night.live for name in own),
        accepted=len(accepted),
        probes=sum(night.seen[name] for name in own),
        gain=sum(max(0.0, effect) for effect in effects),
    )


def share_now(night: NightRecord, start: float) -> Share:
    """Return the model's share of the turns: `start`, times what its changes earned against the others.

    The odds move with the ratio of gain per probe, both shrunk to their common rate; with the share of the model's
    turns that gave a legal proposal; and, once there are eight measured forecasts, with how far the coverage of their
    intervals falls short of the 90 % stated. Nothing earned on either side moves nothing.
    """
    model, statistical = earned(night, True), earned(night, False)
    answered = [turn for turn in night.model_turns if turn.outcome in ("accepted", "repaired", "refused")]
    legal = sum(turn.outcome != "refused" for turn in answered)
    coverage = _coverage(measured_forecasts(night))
    odds = start / (1.0 - start) if start < 1.0 else float("inf")
    odds *= _ratio(model, statistical)
    odds *= (legal + PRIOR_TURNS) / (len(answered) + PRIOR_TURNS)
    if coverage is not None:
        odds *= 0.5 + 0.5 * min(1.0, coverage / FORECAST_LEVEL)
    share = 1.0 if odds == float("inf") else odds / (1.0 + odds)
    share = min(max(MOST_SHARE, start), max(LEAST_SHARE, share))
    return Share(share, model, statistical, len(answered), legal, coverage)


def measured_forecasts(night: NightRecord) -> list[MeasuredForecast]:
    """Return the forecasts whose changes were measured, in order of proposal."""
    found: list[MeasuredForecast] = []
    for name, candidate in night.candidates.items():
        reading, forecast = night.reading(name), candidate.forecast
        if forecast is None or reading is None or reading.effect is None:
            continue
        found.append(
            MeasuredForecast(
                proposer=candidate.proposer,
                effect=forecast.effect,
                low=forecast.low,
                high=forecast.high,
                confidence=forecast.confidence,
                measured=reading.effect,
            )
        )
    return found


def _ratio(model: Earned, statistical: Earned) -> float:
    """Return the model's gain per probe over the others', 1 while neither earned anything."""
    total = model.gain + statistical.gain
    if total <= 0.0:
        return 1.0
    common = PRIOR_PROBES * total / max(1, model.probes + statistical.probes)
    rates = [(side.gain + common) / (side.probes + PRIOR_PROBES) for side in (model, statistical)]
    return rates[0] / rates[1]


def _coverage(forecasts: Sequence[MeasuredForecast]) -> float | None:
    if len(forecasts) < LEAST_FORECASTS:
        return None
    scores = score_forecasts(forecasts)
    return sum((score.coverage or 0.0) * score.forecasts for score in scores) / len(forecasts)
