"""Under which conditions the night searched: the space, the data and the suite; noise and power are in `noise`."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import Any

from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
)
from runner.report.scores import completed_probes
from runner.report.texts import foreign_cell, number_columns, one_line, text_columns
from tracking.figures import show, show_count
from tracking.night import NightRecord

PREFLIGHT = "preflight"
"""Subject of the warnings about data, suite and power that a night begins with."""


def space_section(night: NightRecord) -> Section | None:
    """Return which knobs the night could turn, what it tried and what it left."""
    space = night.started.space if night.started else {}
    tried: dict[tuple[str, str], list[str]] = {}
    for candidate in night.candidates.values():
        change = candidate.change
        tried.setdefault((change.lane, change.knob), []).append(str(change).rpartition(" → ")[2])
    knobs = {(lane, knob): words for lane, lane_knobs in space.items() for knob, words in lane_knobs.items()}
    if not knobs and not tried:
        return None
    rows = tuple(
        (
            Cell(knob),
            Cell(lane.replace("_", " ")),
            foreign_cell(knobs.get((lane, knob), "")),
            foreign_cell(", ".join(tried.get((lane, knob), [])))
            if (lane, knob) in tried
            else Cell("not tried", "open"),
        )
        for lane, knob in {**knobs, **dict.fromkeys(tried, "")}
    )
    blocks: list[Block] = [Paragraph(_power(night))] if night.power is not None else []
    blocks.append(Table("Knobs", text_columns("Knob", "Lane", "Range and step limit", "Values tried"), rows))
    if night.search_ended:
        blocks.append(Paragraph(f"The search ended because {one_line(night.search_ended).rstrip('.')}."))
    left = [knob for lane, knob in knobs if (lane, knob) not in tried]
    if left:
        blocks.append(Paragraph(f"Not tried, and so nothing is said about: {', '.join(left)}."))
    if night.refusals:
        refused = tuple(
            (foreign_cell(refusal.proposer), foreign_cell(_as_words(refusal.proposal)), foreign_cell(refusal.reason))
            for refusal in night.refusals
        )
        blocks.append(Table("Proposals refused", text_columns("Proposer", "Proposal", "Rule it broke"), refused))
    return Section("space", "What was searched", tuple(blocks))


def _power(night: NightRecord) -> str:
    """Return what the night could have seen at all."""
    power = night.power
    assert power is not None
    floor = show(power.target_resolvable, "margin")
    chance = show(power.guards_pass_probability, "chance")
    return (
        f"Gains of {night.target} under {floor} points could not have been seen reliably in the confirmation (noise: "
        f"{power.noise_source}); with nothing changed all guards would have passed {chance} of the time."
    )


def data_section(night: NightRecord) -> Section | None:
    """Return what was trained on and what was asked: composition, suite, best and worst items."""
    first = next((probe.outcome.training for probe in night.probes if probe.outcome.training), None)
    blocks: list[Block] = []
    if first is not None and first.composition:
        rows = tuple(
            (
                foreign_cell(tag),
                foreign_cell(value),
                Cell(show(count, "count")),
                Cell(show(count / first.rows, "share")),
            )
            for tag, values in first.composition.items()
            for value, count in sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
        )
        columns = (*text_columns("Tag", "Value"), *number_columns("Rows", "Share"))
        caption = f"What the baseline was trained on: {show_count(first.rows, 'row')}"
        blocks.append(Table(caption, columns, rows))
    told = tuple((foreign_cell(each.message),) for each in night.warnings if each.subject == PREFLIGHT)
    if told:
        blocks.append(Table("Warned of before the first probe", text_columns("What"), told))
    blocks += _suite_blocks(night)
    return Section("data", "Data and suite", tuple(blocks)) if blocks else None


def _suite_blocks(night: NightRecord) -> list[Block]:
    baseline = completed_probes(night, "baseline", in_confirmation=False)
    if not baseline:
        return []
    items = baseline[0].outcome.items
    counts = Counter((item.category, item.difficulty) for item in items)
    difficulties = sorted({item.difficulty for item in items}, key=_by_difficulty)
    categories = sorted({item.category for item in items})
    rows = [
        (Cell(c), *(Cell(show(counts[c, d], "count")) for d in difficulties), Cell(show(_total(counts, c), "count")))
        for c in categories
    ]
    totals = (sum(counts[c, d] for c in categories) for d in difficulties)
    rows.append((Cell("all"), *(Cell(show(n, "count")) for n in totals), Cell(show(len(items), "count"))))
    columns = (Column("Category"), *number_columns(*difficulties, "All"))
    suite = Table("Search items by category and difficulty", columns, tuple(rows), has_total=True)
    means: dict[tuple[str, str], list[float]] = {}
    for probe in baseline:
        for item in probe.outcome.items:
            if item.mean is not None:
                means.setdefault((item.item, item.category), []).append(item.mean)
    ranked = sorted(((fmean(scores), *name) for name, scores in means.items()), key=lambda row: (-row[0], row[1]))
    if len(ranked) < 8:
        return [suite]
    picked = [*((row, "best") for row in ranked[:4]), *((row, "worst") for row in ranked[-4:])]
    extremes = tuple(
        (foreign_cell(item), foreign_cell(category), Cell(show(mean, "score")), Cell(place, "muted"))
        for (mean, item, category), place in picked
    )
    columns = (*text_columns("Item", "Category"), *number_columns("Baseline mean"), Column(""))
    return [suite, Table("The baseline's best and worst items", columns, extremes)]


def _by_difficulty(name: str) -> tuple[int, str]:
    known = ("easy", "medium", "hard")
    return (known.index(name) if name in known else len(known), name)


def _total(counts: Counter[tuple[str, str]], category: str) -> int:
    return sum(number for (name, _), number in counts.items() if name == category)


def _as_words(proposal: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in proposal.items())
