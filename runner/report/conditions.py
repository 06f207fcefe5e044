"""Under which conditions the night searched: its noise and power, the space, the data and the suite."""

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
    foreign_cell,
    number_columns,
    one_line,
    text_columns,
)
from runner.report.scores import completed_probes
from tracking.figures import show, show_count, show_interval
from tracking.night import NightRecord

ROOT_TWO = 2**0.5


def noise_section(night: NightRecord) -> Section | None:
    """Return how far equal runs fall apart, and what that lets a night see."""
    blocks: list[Block] = []
    noise = night.noise
    if noise is not None and noise.target_sd is not None:
        single = 1.96 * ROOT_TWO * noise.target_sd
        blocks.append(
            Paragraph(
                f"The same recipe with another seed moves {night.target} by {show(noise.target_sd, 'score')} points "
                f"(sd; 90 % interval {show_interval(noise.target_interval, 'score')}; from "
                f"{show_count(noise.runs, 'run')}). Two single probes must differ by {show(single, 'margin')} before "
                "the difference is more than noise."
            )
        )
        parts = (
            ("run to run, target", noise.target_sd),
            *((f"run to run, {name}", sd) for name, sd in noise.category_sd.items() if name != night.target),
            ("one item between runs", noise.seed_item_sd),
            ("one answer within a run", noise.sampling_sd),
        )
        rows = tuple((Cell(name), Cell(show(sd, "score"))) for name, sd in parts)
        blocks.append(Table("Noise by source", (Column("Source"), *number_columns("sd, points")), rows))
    if night.power is not None:
        blocks += _power_blocks(night)
    return Section("noise", "Noise, and what could be seen", tuple(blocks)) if blocks else None


def _power_blocks(night: NightRecord) -> list[Block]:
    power = night.power
    assert power is not None
    rows = tuple(
        (
            Cell(row.category),
            Cell(row.role),
            Cell(show(row.items_search, "count")),
            Cell(show(row.items_held_out, "count")),
            Cell(show(row.margin, "margin")),
            Cell(show(row.resolvable, "margin")),
            Cell(show(row.pass_probability, "share")),
        )
        for row in power.categories
    )
    columns = (
        *text_columns("Category", "Role"),
        *number_columns("Search items", "Held-out items", "Margin", "Smallest visible effect", "Passes when unchanged"),
    )
    floor, chance = show(power.target_resolvable, "margin"), show(power.guards_pass_probability, "share")
    text = (
        f"With {power.noise_source} noise, a true gain of {floor} points in {night.target} is confirmed four times in "
        f"five, a smaller one less often. When nothing changed, all guards pass {chance} of the time."
    )
    return [Paragraph(text), Table("Power by category", columns, rows)]


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
            Cell(lane.replace("_", " ")),
            Cell(knob),
            foreign_cell(knobs.get((lane, knob), "")),
            foreign_cell(", ".join(tried.get((lane, knob), [])))
            if (lane, knob) in tried
            else Cell("not tried", "open"),
        )
        for lane, knob in {**knobs, **dict.fromkeys(tried, "")}
    )
    blocks: list[Block] = [Table("Knobs", text_columns("Lane", "Knob", "Range and step limit", "Values tried"), rows)]
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
