"""Negative results as results: what a change was shown not to do, and how large an effect the night leaves possible."""

from __future__ import annotations

from statistics import median
from typing import Literal

from probes.statistics.verdicts import CandidateReading
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
    Tone,
)
from runner.report.texts import foreign_cell, number_columns, one_line
from tracking.collapses import collapse_of
from tracking.figures import MISSING, show, show_count, show_effect
from tracking.headline import change_in_words
from tracking.night import NightRecord

Finding = Literal[
    "ruined",
    "harms a guard",
    "lowers the target",
    "no gain worth having",
    "helps, but was left out",
    "cannot tell",
    "not measured",
]
FINDINGS: dict[Finding, Tone] = {
    "ruined": "bad",
    "harms a guard": "bad",
    "lowers the target": "bad",
    "no gain worth having": "muted",
    "helps, but was left out": "open",
    "cannot tell": "open",
    "not measured": "open",
}
"""In the order in which they are told."""
MOST_ROWS = 100


def negatives_section(night: NightRecord) -> Section | None:
    """Return what every change that is not in the final recipe was shown not to do; None when all are in it."""
    found: list[tuple[str, Finding]] = [
        (name, finding_of(night, name)) for name in night.candidates if name not in night.accepted
    ]
    if not found:
        return None
    order: list[Finding] = list(FINDINGS)
    found.sort(key=lambda pair: (order.index(pair[1]), -_most(night.reading(pair[0]))))
    rows = tuple(_row(night, name, finding) for name, finding in found[:MOST_ROWS])
    note = (
        "At most: the upper end of the 90 % interval, the largest gain that the night leaves possible. “No gain worth "
        f"having” is said when it lies below {_worthwhile(night)} points, the smallest effect of interest."
    )
    if len(found) > MOST_ROWS:
        note += f" The first {show(MOST_ROWS, 'count')} of {show(len(found), 'count')}."
    columns = (*(Column(t) for t in ("Change", "Finding")), *number_columns("Effect and interval", "At most"))
    table = Table("Changes that are not in the final recipe", (*columns, Column("Seen")), rows, note)
    blocks: list[Block] = [Paragraph(_resolution(night)), table]
    return Section("negatives", "What did not work", tuple(blocks))


def finding_of(night: NightRecord, name: str) -> Finding:
    """Return what the night says of a change that it did not take."""
    reading = night.reading(name)
    if collapse_of(night, name) is not None and (reading is None or reading.effect is None):
        return "ruined"
    if reading is None or reading.effect is None:
        return "not measured"
    if any(guard.state == "harmful" for guard in reading.guards.values()):
        return "harms a guard"
    low, high = reading.interval.low, reading.interval.high
    if low is None or high is None:
        return "cannot tell"
    if high < worthwhile(night):
        return "lowers the target" if high < 0 else "no gain worth having"
    return "helps, but was left out" if low > 0 else "cannot tell"


def worthwhile(night: NightRecord) -> float:
    """Return the smallest effect of interest, as the session has it."""
    config = night.started.config if night.started else {}
    return float(config.get("referee", {}).get("worthwhile", 0.25))


def _worthwhile(night: NightRecord) -> str:
    return show(worthwhile(night), "margin")


def _resolution(night: NightRecord) -> str:
    """Return how fine the search could see a single change."""
    readings = [reading for name in night.candidates if (reading := night.reading(name)) is not None]
    halves = [
        (reading.interval.high - reading.interval.low) / 2
        for reading in readings
        if reading.interval.low is not None and reading.interval.high is not None
    ]
    tried = show_count(len(night.candidates), "change")
    text = f"{show(len(night.accepted), 'count')} of {tried} are in the final recipe; the others are results too."
    if not halves:
        return text
    return f"{text} The search knew an effect to ±{show(median(halves), 'margin')} points (median 90 % interval)."


def _most(reading: CandidateReading | None) -> float:
    return reading.interval.high if reading is not None and reading.interval.high is not None else float("-inf")


def _row(night: NightRecord, name: str, finding: Finding) -> tuple[Cell, ...]:
    reading = night.reading(name)
    high = reading.interval.high if reading else None
    guards = reading.guards.items() if reading else ()
    why = reading.reason if reading is not None and finding == "helps, but was left out" else ""
    harmed = [f"{guard} {show(found.effect, 'effect')}" for guard, found in guards if found.state == "harmful"]
    return (
        foreign_cell(one_line(change_in_words(night.candidates[name].change), 80)),
        Cell(finding, FINDINGS[finding]),
        Cell(show_effect(reading.effect, reading.interval) if reading else MISSING),
        Cell(show(high, "effect")),
        foreign_cell(", ".join(harmed) or collapse_of(night, name) or why),
    )
