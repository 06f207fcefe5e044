"""From simulated nights to an outlook: what the budget finds, what it misses, what it would claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev

from pydantic import Field

from probes.frozen import Frozen
from probes.statistics.intervals import wilson
from probes.statistics.verdicts import Interval
from runner.simulation.night import Played, Setting
from tracking.figures import show

LEVEL = 0.9
STREAM_WORDS: Mapping[str, str] = {
    "rich": "15 % of changes help",
    "lean": "5 % help",
    "barren": "none helps, most hurt",
    "null": "none does anything",
}
EMPTY = ("barren", "null")
"""Streams with nothing to find."""


class StreamOutlook(Frozen):
    """What the session's nights come to on one stream of changes; means over nights unless said otherwise."""

    stream: str
    words: str
    """What the stream offers."""
    nights: int
    shipped: float
    """True gain in the target where a night claims one, else 0."""
    shipped_interval: Interval
    claim: float
    """Share of nights that claim a gain."""
    claim_interval: Interval
    false_claim: float
    """Share of nights that claim a gain that is not there."""
    false_claim_interval: Interval
    accepted: float
    """Changes in the final recipe."""
    harmful: float
    """Of these, changes whose own effect is below zero."""
    tried: float
    worthwhile: float
    """Of the tried changes, those worth at least `Outlook.worthwhile`."""
    found: float
    """Of these, changes in the final recipe."""
    missed: float
    """The rest of these."""


class Outlook(Frozen):
    """What a session's budget is expected to find and to miss."""

    budget: int = Field(ge=1)
    """Probes of a night."""
    worthwhile: float
    """Smallest effect of interest, in points."""
    streams: tuple[StreamOutlook, ...]
    sentence: str


def summarise(stream: str, nights: Sequence[Played]) -> StreamOutlook:
    """Return what the nights of one stream come to; normal interval for the mean, Wilson's for the shares."""
    shipped = [night.shipped for night in nights]
    mean = fmean(shipped)
    half = None
    if len(shipped) > 1 and (spread := stdev(shipped)) > 0:
        half = NormalDist().inv_cdf(0.5 + LEVEL / 2) * spread / sqrt(len(shipped))
    claims = sum(night.claimed for night in nights)
    wrong = sum(night.claimed and night.gain <= 0 for night in nights)
    worthwhile, found = fmean(night.worthwhile for night in nights), fmean(night.found for night in nights)
    return StreamOutlook(
        stream=stream,
        words=STREAM_WORDS.get(stream, ""),
        nights=len(nights),
        shipped=mean,
        shipped_interval=Interval(
            low=None if half is None else mean - half, high=None if half is None else mean + half, level=LEVEL
        ),
        claim=claims / len(nights),
        claim_interval=wilson(claims, len(nights), LEVEL),
        false_claim=wrong / len(nights),
        false_claim_interval=wilson(wrong, len(nights), LEVEL),
        accepted=fmean(night.accepted for night in nights),
        harmful=fmean(night.harmful for night in nights),
        tried=fmean(night.tried for night in nights),
        worthwhile=worthwhile,
        found=found,
        missed=worthwhile - found,
    )


def outlook_of(setting: Setting, streams: Sequence[StreamOutlook]) -> Outlook:
    """Return the outlook with its one sentence."""
    worth = setting.rules.worthwhile
    return Outlook(
        budget=setting.probes,
        worthwhile=worth,
        streams=tuple(streams),
        sentence=_sentence(setting, {row.stream: row for row in streams}),
    )


def _sentence(setting: Setting, rows: Mapping[str, StreamOutlook]) -> str:
    finds = [
        f"{row.found:.1f} of the {row.worthwhile:.1f} it tries on the {name} stream "
        f"({show(row.shipped, 'effect')} points shipped)"
        for name, row in rows.items()
        if name not in EMPTY
    ]
    wrong = max((row.false_claim for name, row in rows.items() if name in EMPTY), default=None)
    limit = ""
    if setting.is_directional:
        limit = f" {setting.target} has too few held-out items: whatever the night finds, it claims nothing."
    return (
        f"Of the changes truly worth {show(setting.rules.worthwhile, 'effect')} or more, expect a budget of "
        f"{setting.probes} probes to find {' and '.join(finds)}, to miss the rest, and to claim a gain in "
        f"{show(wrong, 'share')} of nights with nothing to find.{limit}"
    )
