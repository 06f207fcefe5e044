"""Hypotheses and their fate, and what no hypothesis could move: the journal, the data bottlenecks, known harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from probes.statistics.bottleneck import RULE, Bottleneck, bottlenecks
from runner.report.blocks import (
    Block,
    Cell,
    Paragraph,
    Section,
    Table,
    Tone,
)
from runner.report.texts import foreign_cell, listed, number_columns, one_line, text_columns
from tracking.figures import MISSING, show, show_count, show_effect
from tracking.headline import change_in_words
from tracking.journal import Fate, Hypothesis, journal
from tracking.memory.moves import EarlierMove
from tracking.memory.remembered import moved_categories
from tracking.night import NightRecord

MOST_ROWS = 60
"""Hypotheses shown, the likeliest; all are in `summary.json`."""
TONES: dict[Fate, Tone] = {
    "claimed together": "good",
    "holds": "good",
    "open": "open",
    "parked": "open",
    "not claimed": "open",
    "given up": "muted",
    "harmful": "bad",
    "cancelled": "muted",
}


def journal_section(night: NightRecord, stuck: Sequence[Bottleneck]) -> Section | None:
    """Return every hypothesis with likelihood, evidence, fate and next step, and what the night could not move."""
    if not night.candidates:
        return None
    found = journal(night)
    counts = Counter(each.fate for each in found)
    summed = listed([f"{show(counts[fate], 'count')} {fate}" for fate in TONES if counts[fate]])
    blocks: list[Block] = [Paragraph(f"{show_count(len(found), 'hypothesis', 'hypotheses')}: {summed}.")]
    blocks.append(_hypotheses(found))
    blocks += _cancelled(night, found)
    blocks += _again(found)
    blocks += _known_harm(night, found)
    blocks += _bottlenecks(night, stuck)
    return Section("journal", "Hypotheses and their fate", tuple(blocks))


def journal_summary(night: NightRecord, stuck: Sequence[Bottleneck]) -> dict[str, Any]:
    """Return the journal for `summary.json`."""
    return {
        "hypotheses": [each.model_dump(mode="json") for each in journal(night)],
        "data_bottlenecks": [each.model_dump(mode="json") for each in stuck],
        "data_bottleneck_rule": RULE,
    }


def data_bottlenecks(night: NightRecord) -> tuple[Bottleneck, ...]:
    """Return the categories that no lane moved, tonight or in earlier nights on the same data.

    Fits every category again: asked once for a report.
    """
    if not night.candidates:
        return ()
    earlier = night.earlier.movements if night.earlier is not None else ()
    stuck = {reading.metric for reading in night.controls or () if reading.is_constant}
    levels = {name: level for name, level in _baseline_levels(night).items() if name not in stuck}
    return bottlenecks((*moved_categories(night), *earlier), levels)


def _hypotheses(found: Sequence[Hypothesis]) -> Table:
    ranked = sorted(found, key=lambda each: -(each.likelihood if each.likelihood is not None else -1.0))
    rows = tuple(
        (
            Cell(each.candidate, "muted"),
            foreign_cell(_capital(each.statement)),
            Cell(show(each.likelihood, "probability")),
            Cell(show(len(each.evidence.probes), "count")),
            Cell(show_effect(each.evidence.effect, each.evidence.interval)),
            Cell(each.fate, TONES[each.fate]),
            Cell(each.next_step),
        )
        for each in ranked[:MOST_ROWS]
    )
    note = (
        "Likelihood: P(effect > 0) after all probes with the change, before the confirmation. Claimed together: the "
        "final recipe was confirmed as a whole, no change by itself. Given up: unlikely to be worth having, which is "
        "no proof that it does nothing. A hypothesis that its proposer left without words is written from its change."
    )
    if len(ranked) > MOST_ROWS:
        note += f" The likeliest {MOST_ROWS} of {show(len(ranked), 'count')}; all are in summary.json."
    columns = (
        *text_columns("", "Hypothesis"),
        *number_columns("Likelihood", "Probes", "Effect and interval"),
        *text_columns("Fate", "Next step"),
    )
    return Table("Hypotheses", columns, rows, note)


def _cancelled(night: NightRecord, found: Sequence[Hypothesis]) -> list[Block]:
    rows = tuple(
        (
            Cell(each.candidate, "muted"),
            foreign_cell(_change(night, each.candidate)),
            foreign_cell(_premise(night, each)),
        )
        for each in found
        if each.fate == "cancelled"
    )
    if not rows:
        return []
    columns = text_columns("", "Step", "Its premise, which is not in the working recipe")
    return [Table("Steps that cancelled themselves", columns, rows)]


def _again(found: Sequence[Hypothesis]) -> list[Block]:
    rows = tuple(
        (Cell(each.candidate, "muted"), foreign_cell(_capital(each.statement)), foreign_cell(why), Cell(each.fate))
        for each in found
        for why in each.taken_up
    )
    columns = text_columns("", "Hypothesis", "Because", "Fate")
    return [Table("Set down, and taken up again", columns, rows)] if rows else []


def _known_harm(night: NightRecord, found: Sequence[Hypothesis]) -> list[Block]:
    """Return which of tonight's moves earlier nights had measured, and which were put last for that."""
    seen = [(each, before) for each in found for before in each.before]
    blocks: list[Block] = []
    if seen:
        rows = tuple(
            (
                foreign_cell(_change(night, each.candidate)),
                foreign_cell(before.session),
                Cell(_earlier(before), "bad" if before.outcome in ("collapsed", "harmful") else "plain"),
                Cell(each.fate, TONES[each.fate]),
            )
            for each, before in seen
        )
        columns = text_columns("Change", "Measured in", "What it did there", "Tonight")
        blocks.append(Table("Measured before in this project", columns, rows))
    guards = [row.category for row in night.power.categories if row.role == "guard"] if night.power else []
    harmful = night.earlier.known_harm((night.target, *guards)) if night.earlier is not None else []
    if harmful:
        named = listed(list(dict.fromkeys(change_in_words(move.change) for move in harmful))[:8])
        text = f"Asked last tonight, because comparable earlier nights measured harm: {one_line(named, 600)}."
        blocks.append(Paragraph(text))
    return blocks


def _bottlenecks(night: NightRecord, stuck: Sequence[Bottleneck]) -> list[Block]:
    if not stuck:
        return []
    nights = ", tonight and in earlier nights on the same data" if _has_earlier(night) else ""
    words = [
        f"{each.category} is data-bottlenecked: {show_count(each.still, 'change')} in "
        f"{show_count(len(each.lanes), 'lane')} left it at {show(each.level, 'score')}{nights}"
        + (f", and {show(each.unclear, 'count')} more cannot tell" if each.unclear else "")
        + ". What recipes do not move, more or better training rows for it may."
        for each in stuck
    ]
    return [*(Paragraph(one_line(text)) for text in words), Paragraph(RULE)]


def _has_earlier(night: NightRecord) -> bool:
    return night.earlier is not None and bool(night.earlier.movements)


def _baseline_levels(night: NightRecord) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for probe in night.probes:
        if probe.plan.arm == "baseline" and probe.plan.phase in ("calibrate", "search"):
            for name, mean in probe.means.items():
                scores.setdefault(name, []).extend([] if mean is None else [mean])
    return {name: fmean(values) for name, values in scores.items() if values}


def _premise(night: NightRecord, each: Hypothesis) -> str:
    return f"{each.premise} {_change(night, each.premise)}" if each.premise is not None else MISSING


def _earlier(move: EarlierMove) -> str:
    harmed = f", harmed {', '.join(move.harmed)}" if move.harmed else ""
    return one_line(f"{move.outcome} ({show(move.effect, 'effect')}){harmed}", 120)


def _change(night: NightRecord, name: str) -> str:
    return change_in_words(night.candidates[name].change)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
