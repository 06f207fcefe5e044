"""How the search was designed: why blocks, rows or a race, what each held, and what the smoke runs said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from lanes.interactions import interacts
from probes.statistics.blocks import Block as Design
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
)
from runner.report.texts import foreign_cell, listed, number_columns, one_line, text_columns
from tracking.figures import MISSING, show, show_count
from tracking.finished import FinishedProbe
from tracking.headline import change_in_words
from tracking.night import NightRecord

ON, OFF, LOST = "●", "·", "×"


def design_section(night: NightRecord) -> Section | None:
    """Return why the search spent its probes as it did, the smoke runs and every block."""
    blocks: list[Block] = [
        Paragraph(f"{chosen.design.capitalize()}: {one_line(chosen.reason).rstrip('.')}.") for chosen in night.designs
    ]
    smoke = _smoke_table(night)
    blocks += [smoke] if smoke is not None else []
    for block in night.blocks:
        if block.kind == "plackett_burman":
            blocks += [_block_table(night, block), Paragraph(_aliasing(night, block))]
    chosen = _chosen_table(night)
    blocks += [chosen] if chosen is not None else []
    if night.taken_up:
        again = tuple(
            (foreign_cell(_named(night, event.candidate)), foreign_cell(event.reason)) for event in night.taken_up
        )
        blocks.append(Table("Taken up again", text_columns("Change", "Because"), again))
    return Section("design", "How the search was designed", tuple(blocks)) if blocks else None


def _smoke_table(night: NightRecord) -> Table | None:
    """Return what the smoke runs said, in the order asked for; each is held against those of the baseline."""
    runs = sorted((p for p in night.probes if p.plan.phase == "smoke"), key=lambda probe: probe.plan.number)
    if not runs:
        return None
    reference = _mean([probe.overall for probe in runs if probe.plan.arm == "baseline"])
    rows: list[tuple[Cell, ...]] = []
    for probe in runs:
        name = probe.plan.candidate
        if name is None:
            continue
        score = probe.overall
        change = score - reference if score is not None and reference is not None else None
        rows.append(
            (
                Cell(name, "muted"),
                foreign_cell(_change(night, name)),
                Cell(show(score, "score")),
                Cell(show(change, "effect")),
                _smoke_verdict(night, probe),
            )
        )
    steps = next((probe.plan.request.recipe.steps for probe in runs if probe.plan.request.recipe.steps), None)
    short = f"{show_count(steps, 'step')} and " if steps else ""
    note = (
        f"A smoke run is {short}one answer per item, held against the baseline's ({show(reference, 'score')} over all "
        "categories). It only finds changes that ruin the model; it says nothing about small effects."
    )
    if any(len(probe.plan.changes) > 1 for probe in runs):
        note += " Later ones stand on what had been accepted by then."
    columns = (Column(""), Column("Change"), *number_columns("Overall", "Against baseline"), Column("Verdict"))
    return Table("Smoke runs", columns, tuple(rows), note)


def _smoke_verdict(night: NightRecord, probe: FinishedProbe) -> Cell:
    if not probe.is_completed:
        return Cell(probe.outcome.status.value.replace("_", " "), "bad")
    readings = night.readings.get(probe.plan.candidate or "", [])
    if readings and readings[0].decision == "reject" and readings[0].replicates == 0:
        return Cell("ruined the model", "bad")
    return Cell("passed", "good")


def _block_table(night: NightRecord, block: Design) -> Table:
    """Return a block with a line per change and a column per probe, the scores in the last line."""
    latest: dict[int, FinishedProbe] = {p.plan.replicate: p for p in night.probes if p.plan.block == block.number}
    scores = {row: probe.metric(night.target) for row, probe in latest.items()}
    rows: list[tuple[Cell, ...]] = []
    for name in block.factors:
        marks = [Cell(ON, "strong") if name in changes else Cell(OFF, "muted") for changes in block.rows]
        rows.append((foreign_cell(_named(night, name)), _contrast(block, name, scores), *marks))
    last = [_score_cell(latest.get(row), night.target) for row in range(len(block.rows))]
    rows.append((Cell(night.target), Cell(""), *last))
    titles = [f"#{latest[row].plan.number}" if row in latest else MISSING for row in range(len(block.rows))]
    columns = (Column("Change"), *number_columns("On − off", *titles))
    ran = show_count(len(latest), "probe")
    folded = ", the second half mirroring the first" if block.folded else ""
    note = (
        f"{ON} in the recipe, {OFF} not, {LOST} no result. On − off: mean of the probes with the change minus mean of "
        "those without; the referee's estimates use all probes of the night."
    )
    if block.fixed:
        note += f" In every row: {', '.join(_named(night, name) for name in block.fixed)}."
    caption = f"Block {block.number}: {show_count(len(block.factors), 'change')} in {ran}{folded}"
    return Table(caption, columns, tuple(rows), note, has_total=True)


def _chosen_table(night: NightRecord) -> Table | None:
    """Return the probes whose changes were chosen where the fit was undecided, a line each."""
    numbers = {block.number for block in night.blocks if block.kind == "chosen"}
    probes = sorted((p for p in night.probes if p.plan.block in numbers), key=lambda probe: probe.plan.number)
    if not probes:
        return None
    rows = tuple(
        (
            Cell(f"#{probe.plan.number}", "muted"),
            foreign_cell(", ".join(_named(night, name) for name in probe.plan.changes) or "none"),
            _score_cell(probe, night.target),
        )
        for probe in probes
    )
    note = "Each row was chosen, before it ran, as the one that would tell most about changes whose sign was open."
    columns = (*text_columns("Probe", "Changes in its recipe"), *number_columns(night.target))
    return Table("Rows chosen by the fit", columns, rows, note)


def _contrast(block: Design, name: str, scores: dict[int, float | None]) -> Cell:
    on = [scores.get(row) for row, changes in enumerate(block.rows) if name in changes]
    off = [scores.get(row) for row, changes in enumerate(block.rows) if name not in changes]
    with_it, without = _mean(on), _mean(off)
    return Cell(show(with_it - without if with_it is not None and without is not None else None, "effect"), "strong")


def _score_cell(probe: FinishedProbe | None, target: str) -> Cell:
    if probe is None:
        return Cell(MISSING, "muted")
    score = probe.metric(target)
    return Cell(LOST, "bad") if score is None else Cell(show(score, "score"))


def _aliasing(night: NightRecord, block: Design) -> str:
    """Return what the block cannot tell apart, and which of its changes are presumed to act on one another."""
    words = f"What block {block.number} cannot tell apart: {one_line(block.aliasing).rstrip('.')}."
    known = [night.candidates[name] for name in block.factors if name in night.candidates]
    pairs: dict[str, list[tuple[str, str]]] = {}
    for one, other in combinations(known, 2):
        reason = interacts(one.change, other.change)
        if reason is not None:
            pairs.setdefault(reason, []).append((one.id, other.id))
    presumed = "; ".join(f"{grouped(of_reason)} ({reason})" for reason, of_reason in pairs.items())
    return f"{words} Presumed to act on one another: {presumed}." if presumed else words


def grouped(pairs: Sequence[tuple[str, str]]) -> str:
    """Return pairs in few words: `c01 with c03 and c07`, or `c02, c06 and c08 with one another`."""
    names = sorted({name for pair in pairs for name in pair})
    if len(names) > 2 and len(pairs) == len(names) * (len(names) - 1) // 2:
        return f"{listed(names)} with one another"
    left: list[tuple[str, str]] = list(pairs)
    parts: list[str] = []
    while left:
        count = Counter(name for pair in left for name in pair)
        hub = max(sorted(count), key=lambda name: count[name])
        partners = sorted(other for pair in left if hub in pair for other in pair if other != hub)
        parts.append(f"{hub} with {listed(partners)}")
        left = [pair for pair in left if hub not in pair]
    return ", ".join(parts)


def _named(night: NightRecord, name: str) -> str:
    return f"{name} {_change(night, name)}".strip()


def _change(night: NightRecord, name: str) -> str:
    return one_line(change_in_words(night.candidates[name].change), 80) if name in night.candidates else ""


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
