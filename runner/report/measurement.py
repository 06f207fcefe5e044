"""What a score means: who answered, whether the instrument was shown to work, and what was found wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from probes.outcome import GenerationConfig, Measured, ProbeStatus
from probes.statistics.controls import ControlReading
from probes.validity import Flag
from runner.report.answers import answers_blocks, answers_summary
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
    Tone,
)
from runner.report.texts import foreign_cell, number_columns, text_columns
from tracking.figures import show, show_count
from tracking.night import NightRecord


def measurement_section(night: NightRecord) -> Section | None:
    """Return flags, controls, identity, answers and what judging took; None before anything was measured."""
    scored = [probe for probe in night.probes if probe.outcome.status is ProbeStatus.COMPLETED]
    if not scored:
        return None
    blocks: list[Block] = [*_flags(night), *_controls(night), *_who_answered(night), *answers_blocks(night)]
    return Section("measurement", "What was measured, and whether it can be trusted", tuple(blocks))


def _flags(night: NightRecord) -> list[Block]:
    if not night.flags:
        return [Paragraph("Every check of the measurements passed; nothing was flagged.")]
    rows = tuple(
        (
            Cell(flags[0].check, "bad" if flags[0].stops else "open"),
            Cell(", ".join(flag.subject for flag in flags)),
            foreign_cell(flags[0].message),
        )
        for flags in _alike(night.flags)
    )
    return [Table("Flags", text_columns("Check", "About", "What was seen"), rows)]


def _alike(flags: Sequence[Flag]) -> Iterable[list[Flag]]:
    """Return the flags, those together that say the same of several subjects."""
    groups: dict[tuple[str, bool, str], list[Flag]] = {}
    for flag in flags:
        groups.setdefault((flag.check, flag.stops, flag.message.replace(flag.subject, "…")), []).append(flag)
    return groups.values()


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
    """Return who answered and how it was asked; what was not the same in all probes names every value it had."""
    known = [probe.outcome.measured for probe in night.probes if probe.outcome.measured is not None]
    if not known:
        return []
    served = (f"{one.backend} {one.backend_version}, {one.serving_mode.replace('_', ' ')}" for one in known)
    rows = (
        _said("base model", (one.base for one in known)),
        _said("chat template", (one.template for one in known)),
        _said("answered by", served),
        _said("asked with", (_generation_in_words(one.generation) for one in known)),
        (Cell("canary"), _canary_cell(known)),
        (Cell("different adapters"), Cell(show(len({own.adapter for own in known if own.adapter}), "count"))),
    )
    return [Table("Who answered", text_columns("What", "Value"), rows)]


def _said(name: str, values: Iterable[str]) -> tuple[Cell, ...]:
    counts = Counter(values)
    if len(counts) == 1:
        return Cell(name), foreign_cell(next(iter(counts)))
    words = (f"{value} ({show_count(count, 'probe')})" for value, count in counts.most_common())
    return Cell(name), Cell("; ".join(words), "open", is_foreign=True)


def _generation_in_words(asked: GenerationConfig) -> str:
    return (
        f"temperature {show(asked.temperature, 'setting')}, top-p {show(asked.top_p, 'setting')}, "
        f"top-k {show(asked.top_k, 'setting')}, at most {show(asked.max_new_tokens, 'count')} tokens"
    )


def _canary_cell(known: Sequence[Measured]) -> Cell:
    """Return in how many of the probes with an adapter it was seen to answer."""
    seen = Counter(one.canary.closest if one.canary else "not looked" for one in known if one.adapter is not None)
    if not seen:
        return Cell("no adapter was asked", "muted")
    shown, unclear = seen.pop("adapter", 0), seen.pop("unclear", 0)
    parts = [
        f"the adapter was shown to answer in {show(shown, 'count')} of "
        f"{show_count(shown + unclear + sum(seen.values()), 'probe')}",
        *([f"unclear in {show(unclear, 'count')}"] if unclear else []),
        *(f"{name} in {show(count, 'count')}" for name, count in seen.items()),
    ]
    return Cell(", ".join(parts), "bad" if seen else "open" if unclear else "good")


def measurement_summary(night: NightRecord) -> dict[str, object]:
    """Return what `summary.json` holds of it."""
    return {
        "controls": [
            {**reading.model_dump(mode="json"), "sees_harm": reading.sees_harm, "repeats": reading.repeats}
            for reading in night.controls or ()
        ],
        "flags": [flag.model_dump(mode="json") for flag in night.flags],
        **answers_summary(night),
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
        f"{show(seen, 'count')} of {show_count(len(judged), 'metric')}"
    )
