"""What a score means: who answered, whether the instrument was shown to work, and what was found wrong with it."""

from __future__ import annotations

from collections import Counter

from probes.outcome import ProbeStatus
from probes.statistics.controls import ControlReading
from runner.report.blocks import Block, Cell, Column, Paragraph, Section, Table, Tone, number_columns, text_columns
from tracking.figures import show, show_count
from tracking.night import NightRecord

MOST_CAUSES = 12


def measurement_section(night: NightRecord) -> Section | None:
    """Return controls, identity, flags and causes of zeros; None before anything was measured."""
    scored = [probe for probe in night.probes if probe.outcome.status is ProbeStatus.COMPLETED]
    if not scored:
        return None
    blocks: list[Block] = [*_flags(night), *_controls(night), *_who_answered(night), *_causes(night)]
    return Section("measurement", "What was measured, and whether it can be trusted", tuple(blocks))


def _flags(night: NightRecord) -> list[Block]:
    if not night.flags:
        return [Paragraph("Every check of the measurements passed; nothing was flagged.")]
    rows = tuple(
        (
            Cell(flag.check, "bad" if flag.stops else "open"),
            Cell(flag.subject),
            Cell(flag.message, is_foreign=True),
        )
        for flag in night.flags
    )
    return [Table("Flags", text_columns("Check", "About", "What was seen"), rows)]


def _controls(night: NightRecord) -> list[Block]:
    if night.controls is None:
        return []
    columns = (
        Column("Metric"),
        *number_columns("Base, untrained", "Baseline", "Repeat", "Taught silence", "sd between seeds"),
        *text_columns("Harm is seen", "Repeats"),
    )
    rows = tuple(_control_row(reading) for reading in night.controls)
    note = (
        "One probe each, on the search items, held against the noise known at that time: checks of the instrument, not "
        "evidence about a recipe. Repeat is the baseline with the same seed once more; the model taught silence was "
        "trained to answer nothing."
    )
    return [Table("Control probes", columns, rows, note)]


def _control_row(reading: ControlReading) -> tuple[Cell, ...]:
    figures = (reading.base, reading.baseline, reading.repeat, reading.broken, reading.sd)
    return (
        Cell(reading.metric),
        *(Cell(show(figure, "score")) for figure in figures),
        _answer(reading.sees_harm, "yes", "no"),
        _answer(reading.repeats, "yes", "no"),
    )


def _answer(answer: bool | None, yes: str, no: str) -> Cell:
    tone: Tone = "muted" if answer is None else "good" if answer else "bad"
    return Cell("unknown" if answer is None else yes if answer else no, tone)


def _who_answered(night: NightRecord) -> list[Block]:
    known = [probe.outcome.measured for probe in night.probes if probe.outcome.measured is not None]
    if not known:
        return []
    one = known[0]
    asked = one.generation
    rows = [
        ("base model", one.base),
        ("chat template", one.template),
        ("answered by", f"{one.backend} {one.backend_version}, {one.serving_mode.replace('_', ' ')}"),
        (
            "asked with",
            f"temperature {asked.temperature:g}, top-p {asked.top_p:g}, top-k {asked.top_k}, "
            f"at most {asked.max_new_tokens} tokens",
        ),
        ("different adapters", show(len({own.adapter for own in known if own.adapter}), "count")),
    ]
    cells = tuple((Cell(name), Cell(value)) for name, value in rows)
    return [Table("Who answered", text_columns("What", "Value"), cells)]


def _causes(night: NightRecord) -> list[Block]:
    """Return why answers got nothing, by category; items that never lost a point have no row."""
    zeros: dict[str, Counter[str]] = {}
    for probe in night.probes:
        if not probe.plan.is_whole:
            continue
        for item in probe.outcome.items:
            lost = sum(not score for score in item.scores)
            if lost and item.cause:
                zeros.setdefault(item.category, Counter())[item.cause] += lost
    rows = [
        (Cell(category), Cell(cause, is_foreign=True), Cell(show(count, "count")))
        for category, causes in sorted(zeros.items())
        for cause, count in causes.most_common(2)
    ]
    if not rows:
        return []
    note = "Answers without a point or without a score, over all probes of full length; per item the commonest cause."
    columns = (Column("Category"), Column("Commonest cause"), *number_columns("Answers"))
    return [Table("Why answers got nothing", columns, tuple(rows[:MOST_CAUSES]), note)]


def measurement_summary(night: NightRecord) -> dict[str, object]:
    """Return what `summary.json` holds of it."""
    return {
        "controls": [
            {**reading.model_dump(mode="json"), "sees_harm": reading.sees_harm, "repeats": reading.repeats}
            for reading in night.controls or ()
        ],
        "flags": [flag.model_dump(mode="json") for flag in night.flags],
        "answers": {name: {"asked": tally.asked, "unscored": tally.lost} for name, tally in night.answers.items()},
    }


def controls_in_words(readings: tuple[ControlReading, ...]) -> str:
    """Return the controls in a line: what the target said, and how many metrics saw the harm."""
    if not readings:
        return "none"
    target, judged = readings[0], [reading for reading in readings if reading.sees_harm is not None]
    seen = sum(bool(reading.sees_harm) for reading in judged)
    return (
        f"{target.metric} {show(target.base, 'score')} untrained, {show(target.baseline, 'score')} baseline, "
        f"{show(target.repeat, 'score')} repeated, {show(target.broken, 'score')} taught silence; harm seen on "
        f"{seen} of {show_count(len(judged), 'metric')}"
    )
