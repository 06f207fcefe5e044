"""How fast training was, and whether this model is a sensible size for this machine."""

from __future__ import annotations

from statistics import median

from runner.report.blocks import Block, Cell, Table, Tone
from runner.report.texts import number_columns, text_columns
from tracking.figures import MISSING, show
from tracking.night import NightRecord

CLASSES: tuple[tuple[float, str, Tone], ...] = (
    (5.0, "go", "good"),
    (10.0, "go, with patience", "good"),
    (30.0, "usable", "open"),
    (60.0, "slow: a smaller model finds more in a night", "open"),
    (float("inf"), "take a smaller model", "bad"),
)
"""Seconds per step below which a training is of a class; the last takes all others."""


def speed_blocks(night: NightRecord) -> list[Block]:
    """Return seconds per step, length and peak memory of the whole probes; nothing where none was trained."""
    trained = [p.outcome.training for p in night.probes if p.plan.is_whole and p.is_completed and p.outcome.training]
    per_step = [one.seconds_per_step for one in trained if one.seconds_per_step is not None]
    if not per_step:
        return []
    peaks = [one.peak_memory_gib for one in trained if one.peak_memory_gib is not None]
    pace = median(per_step)
    words, tone = speed_class(pace)
    row = (
        Cell(show(pace, "duration")),
        Cell(show(max(per_step), "duration")),
        Cell(show(median(one.seconds for one in trained), "duration")),
        Cell(show(max(peaks), "size_gib") if peaks else MISSING),
        Cell(words, tone),
    )
    numbers = number_columns("Step, median", "Step, slowest probe", "Training, median", "Peak memory")
    note = "By the median step: up to 5 s go, 10 s patience, 30 s usable, 60 s slow; beyond that a smaller model."
    return [Table("Training speed", (*numbers, *text_columns("Verdict")), (row,), note)]


def speed_class(seconds_per_step: float) -> tuple[str, Tone]:
    """Return what a pace means for a night."""
    return next((words, tone) for limit, words, tone in CLASSES if seconds_per_step <= limit)
