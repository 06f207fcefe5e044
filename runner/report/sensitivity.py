"""How sensitive the model is to each knob: every value tried, what it did, and the band in which nothing was harmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lanes.knobs import is_number
from probes.candidate import Candidate, KnobValue, show_value
from probes.statistics.verdicts import CandidateReading
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    KnobChart,
    KnobCharts,
    KnobPoint,
    Section,
    Table,
    Tone,
)
from runner.report.texts import foreign_cell, number_columns, one_line, text_columns
from tracking.collapses import collapse_of
from tracking.figures import MISSING, show, show_effect
from tracking.night import NightRecord

MOST_KNOBS = 40
"""Knobs shown, those that moved the target most; all are in `summary.json`."""
MOST_CHARTS = 12


class Step(NamedTuple):
    """One value of a knob that was trained, or was meant to be."""

    value: KnobValue
    candidate: str
    level: float | None
    """Change of the target against the baseline's value: the steps' estimates added up."""
    reading: CandidateReading | None
    harm: str
    """What it ruined or harmed, in a few words; empty: nothing."""
    is_known: bool
    """Whether its guards are safe and its effect was read."""


class Sensitivity(NamedTuple):
    """One knob and all that was tried on it."""

    lane: str
    knob: str
    start: KnobValue | None
    """Its value in the baseline."""
    steps: tuple[Step, ...]
    """Rising where they are numbers, else in order of proposal."""

    @property
    def band(self) -> tuple[KnobValue, ...]:
        """The values that harmed nothing and lie together with the baseline's: numbers beyond a harmful one are out."""
        safe = [(step.value, step.is_known and not step.harm) for step in self.steps]
        if not is_number(self.start):
            return (*(() if self.start is None else (self.start,)), *(value for value, is_safe in safe if is_safe))
        numbers = [(value, is_safe) for value, is_safe in safe if is_number(value)]
        below = _until_harm([pair for pair in reversed(numbers) if pair[0] < self.start])
        above = _until_harm([pair for pair in numbers if pair[0] > self.start])
        return (*reversed(below), self.start, *above)

    @property
    def largest(self) -> float:
        """The largest step of the target, either way."""
        effects = [step.reading.effect for step in self.steps if step.reading is not None]
        return max((abs(effect) for effect in effects if effect is not None), default=0.0)


def sensitivities(night: NightRecord) -> list[Sensitivity]:
    """Return every knob that was tried, the one that moved the target most first."""
    by_knob: dict[tuple[str, str], list[tuple[str, Candidate]]] = {}
    for name, candidate in night.candidates.items():
        by_knob.setdefault((candidate.change.lane, candidate.change.knob), []).append((name, candidate))
    found = [_sensitivity(night, lane, knob, tried) for (lane, knob), tried in by_knob.items()]
    return sorted(found, key=lambda each: -each.largest)


def sensitivity_section(night: NightRecord) -> Section | None:
    """Return the safe band of each knob that was tried, and how the target followed it."""
    found = sensitivities(night)
    if not found:
        return None
    blocks: list[Block] = [_table(night, found)]
    charts = [chart for each in found if (chart := _chart(each)) is not None][:MOST_CHARTS]
    if charts:
        note = (
            "Each step is the search's estimate on the working recipe of its time, added to the one it started from; "
            "the bar is the 90 % interval of that step alone. Shaded: the safe band."
        )
        blocks.insert(0, KnobCharts(f"{night.target} against the baseline, in points, by knob", tuple(charts), note))
    return Section("sensitivity", "Sensitivity, and the safe bands", tuple(blocks))


def sensitivity_summary(night: NightRecord) -> list[dict[str, Any]]:
    """Return the same for `summary.json`."""
    return [
        {
            "lane": each.lane,
            "knob": each.knob,
            "baseline": each.start,
            "safe_band": list(each.band),
            "steps": [
                {"value": step.value, "candidate": step.candidate, "level": step.level, "harm": step.harm or None}
                for step in each.steps
            ],
        }
        for each in sensitivities(night)
    ]


def _sensitivity(night: NightRecord, lane: str, knob: str, tried: Sequence[tuple[str, Candidate]]) -> Sensitivity:
    start = tried[0][1].change.before
    levels: dict[KnobValue | None, float] = {start: 0.0}
    steps: dict[KnobValue, Step] = {}
    for name, candidate in tried:
        change, reading = candidate.change, night.reading(name)
        below, effect = levels.get(change.before), reading.effect if reading else None
        level = below + effect if below is not None and effect is not None else None
        if level is not None:
            levels[change.after] = level
        steps[change.after] = Step(change.after, name, level, reading, _harm(night, name, reading), _is_safe(reading))
    ordered = list(steps.values())
    if all(is_number(step.value) for step in ordered):
        ordered.sort(key=lambda step: float(step.value))
    return Sensitivity(lane, knob, start, tuple(ordered))


def _harm(night: NightRecord, name: str, reading: CandidateReading | None) -> str:
    ruined = collapse_of(night, name)
    if ruined is not None:
        return ruined
    if reading is None:
        return ""
    harmed = [f"{g} {show(found.effect, 'effect')}" for g, found in reading.guards.items() if found.state == "harmful"]
    if not harmed and reading.verdict == "inferior":
        harmed = [f"{night.target} {show(reading.effect, 'effect')}"]
    return ", ".join(harmed)


def _is_safe(reading: CandidateReading | None) -> bool:
    return (
        reading is not None and reading.effect is not None and all(g.state == "safe" for g in reading.guards.values())
    )


def _until_harm(values: Sequence[tuple[KnobValue, bool]]) -> list[KnobValue]:
    kept: list[KnobValue] = []
    for value, is_safe in values:
        if not is_safe:
            break
        kept.append(value)
    return kept


def _table(night: NightRecord, found: Sequence[Sensitivity]) -> Table:
    rows = tuple(_row(each) for each in found[:MOST_KNOBS])
    note = (
        "A value is in the safe band when it was read, harmed no guard, did not lower the target surely, and no value "
        "between it and the baseline's did. Nothing is known beyond what was tried."
    )
    if len(found) > MOST_KNOBS:
        note += f" The {show(MOST_KNOBS, 'count')} knobs that moved most of {show(len(found), 'count')}."
    columns = (
        *text_columns("Lane", "Knob", "Baseline", "Safe band"),
        *number_columns("Best step", "Worst step"),
        Column("Harmed"),
    )
    return Table(f"Knobs by what they did to {night.target}", columns, rows, note)


def _row(each: Sensitivity) -> tuple[Cell, ...]:
    effects = [s.reading for s in each.steps if s.reading is not None and s.reading.effect is not None]
    ranked = sorted(effects, key=lambda reading: reading.effect or 0.0)
    best, worst = (ranked[-1], ranked[0]) if ranked else (None, None)
    harms = "; ".join(f"{show_value(step.value)}: {step.harm}" for step in each.steps if step.harm)
    return (
        Cell(each.lane.replace("_", " ")),
        foreign_cell(each.knob),
        foreign_cell(show_value(each.start)),
        foreign_cell(_band(each)),
        Cell(show_effect(best.effect, best.interval) if best else MISSING),
        Cell(show_effect(worst.effect, worst.interval) if worst and worst is not best else MISSING),
        foreign_cell(one_line(harms)),
    )


def _band(each: Sensitivity) -> str:
    """Return `0.002 … 0.004` for numbers, the words otherwise; the baseline alone where nothing else is known safe."""
    band = each.band
    if not band:
        return MISSING
    if all(is_number(value) for value in band):
        return show_value(band[0]) if len(band) == 1 else f"{show_value(band[0])} … {show_value(band[-1])}"
    return ", ".join(show_value(value) for value in band)


def _chart(each: Sensitivity) -> KnobChart | None:
    """Return the chart of a knob of numbers with an estimate; None for words, which have no order."""
    known = [step for step in each.steps if step.level is not None]
    if not known or not is_number(each.start):
        return None
    band = set(each.band)
    points = [
        KnobPoint(show_value(each.start), 0.0, None, None, "muted", True, "baseline"),
        *(_point(s, band) for s in known),
    ]
    values = [float(each.start), *(float(step.value) for step in known)]
    order = sorted(range(len(points)), key=lambda place: values[place])
    title = f"data mix {each.knob}" if each.lane == "data_mix" else each.knob
    return KnobChart(title, tuple(points[place] for place in order))


def _point(step: Step, band: set[KnobValue]) -> KnobPoint:
    reading, level = step.reading, step.level
    assert reading is not None
    assert level is not None
    assert reading.effect is not None
    shift, interval = level - reading.effect, reading.interval
    low = interval.low + shift if interval.low is not None else None
    high = interval.high + shift if interval.high is not None else None
    tone: Tone = "bad" if step.harm else "good" if step.value in band else "open"
    return KnobPoint(show_value(step.value), level, low, high, tone, step.value in band, show(level, "effect"))
