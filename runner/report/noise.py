"""How far equal runs fall apart, where that comes from, and what it let the night see."""

from __future__ import annotations

from probes.statistics.power import blind_guards
from probes.statistics.verdicts import CompanionUse, Component, Noise, PowerTable
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Paragraph,
    Part,
    Section,
    Shares,
    Table,
)
from runner.report.texts import number_columns, text_columns
from tracking.figures import show, show_count, show_interval
from tracking.night import NightRecord

ROOT_TWO = 2**0.5


def noise_section(night: NightRecord) -> Section | None:
    """Return the night's noise and power, None before either is known."""
    blocks: list[Block] = []
    if night.noise is not None:
        blocks += _noise_blocks(night.noise, night.target)
        blocks += noise_budget(night.noise, night.power, night.target)
    if night.power is not None:
        blocks += _power_blocks(night.power, night.target)
    return Section("noise", "Noise, and what could be seen", tuple(blocks)) if blocks else None


def _noise_blocks(noise: Noise, target: str) -> list[Block]:
    blocks: list[Block] = []
    if noise.fault is not None:
        blocks.append(Paragraph(f"Measurement fault: {noise.fault}."))
    if noise.target_sd is None:
        return blocks
    single = 1.96 * ROOT_TWO * noise.target_sd
    blocks.append(
        Paragraph(
            f"The same recipe with another seed moves {target} by {show(noise.target_sd, 'score')} points "
            f"(sd; 90 % interval {show_interval(noise.target_interval, 'score')}; from "
            f"{show_count(noise.runs, 'run')}). Two single probes must differ by {show(single, 'margin')} before "
            "the difference is more than noise."
        )
    )
    parts = [
        ("run to run, target", noise.target_sd),
        *((f"run to run, {name}", sd) for name, sd in noise.category_sd.items() if name != target),
    ]
    if noise.components is None:
        parts += [("one item between runs", noise.seed_item_sd), ("one answer within a run", noise.sampling_sd)]
    rows = tuple((Cell(name), Cell(show(sd, "score"))) for name, sd in parts)
    blocks.append(Table("Noise of one probe", (Column("Metric"), *number_columns("sd, points")), rows))
    blocks += _component_blocks(noise)
    if noise.companion is not None:
        blocks.append(Paragraph(_companion(noise.companion, target)))
    if noise.advice is not None and noise.advice.sentence:
        blocks.append(Paragraph(f"Advice for the next night. {noise.advice.sentence}"))
    return blocks


def _companion(use: CompanionUse, target: str) -> str:
    """Return what the cheap signals beside the scores were worth."""
    if use.name is None:
        return f"No signal measured beside the scores told enough of {target}'s noise to be used in the search."
    bounds = show_interval(use.interval)
    return (
        f"{use.name} moves with the noise of {target}: correlation {show(use.correlation, 'effect')}, 90 % interval "
        f"{bounds}. In the search it took {show(use.variance_saved, 'share')} off the variance of a change's effect; "
        "the confirmation does without it."
    )


def _component_blocks(noise: Noise) -> list[Block]:
    """Return where the noise comes from; nothing where items were not scored one by one."""
    parts = noise.components
    if parts is None:
        return []
    named = (
        ("train seed, all categories alike", parts.run),
        ("train seed, one category", parts.run_category),
        ("train seed, one item", parts.run_item),
        ("sampling, one answer", parts.sampling),
    )
    rows = tuple(
        (Cell(name), Cell(show(part.sd, "score")), Cell(show_interval(part.interval, "score")), _remark(part))
        for name, part in named
    )
    columns = (Column("Source"), *number_columns("sd, points", "90 % interval"), Column(""))
    note = "Moments of replicates × items × samples, pooled over recipes; one variance for all categories assumed."
    return [Table("Noise by source", columns, rows, note=note)]


def noise_budget(noise: Noise, power: PowerTable | None, target: str) -> list[Block]:
    """Return how much of one probe's variance on the target each source makes; nothing where that is not known."""
    parts, rows = noise.components, {row.category: row for row in power.categories} if power else {}
    if parts is None or target not in rows or not parts.samples:
        return []
    items = max(1, rows[target].items_search)
    variance = {
        "train seed, all categories": _square(parts.run),
        "train seed, this category": _square(parts.run_category),
        "train seed, single items": _square(parts.run_item) / items,
        "sampling": _square(parts.sampling) / (items * parts.samples),
    }
    whole = sum(variance.values())
    if not whole:
        return []
    told = tuple(Part(name, value / whole, show(value / whole, "share")) for name, value in variance.items())
    answers = f"{show_count(items, 'item')} with {show(parts.samples, 'count')} answers each"
    return [Shares(f"Noise budget: where the variance of one probe's {target} comes from, at {answers}", told)]


def _square(part: Component) -> float:
    return part.sd**2 if part.sd is not None else 0.0


def _remark(part: Component) -> Cell:
    if part.sd is None:
        return Cell("these runs cannot tell", "muted")
    return Cell("too small for these runs to show", "muted") if part.is_clipped else Cell("")


def _power_blocks(power: PowerTable, target: str) -> list[Block]:
    rows = tuple(
        (
            Cell(row.category),
            Cell(f"{row.role}, directional" if row.directional else row.role),
            Cell(show(row.items_search, "count")),
            Cell(show(row.items_held_out, "count")),
            Cell(show(row.margin, "margin")),
            Cell(show(row.resolvable, "margin")),
            Cell(show(row.pass_probability, "chance")),
        )
        for row in power.categories
    )
    columns = (
        *text_columns("Category", "Role"),
        *number_columns("Search items", "Held-out items", "Margin", "Smallest visible effect", "Passes when unchanged"),
    )
    floor, chance = show(power.target_resolvable, "margin"), show(power.guards_pass_probability, "chance")
    text = (
        f"With {power.noise_source} noise, a true gain of {floor} points in {target} is confirmed four times in "
        f"five, a smaller one less often. When nothing changed, all guards pass {chance} of the time."
    )
    limits = [Paragraph(words) for words in (_blind(power), _directional(power)) if words]
    return [Paragraph(text), Table("Power by category", columns, rows), *limits]


def _blind(power: PowerTable) -> str:
    """Return what is said of guards that cannot do their work; empty when all can."""
    blind = [f"{row.category} (margin {show(row.margin, 'margin')})" for row in blind_guards(power)]
    if not blind:
        return ""
    noun = "guard" if len(blind) == 1 else "guards"
    return (
        f"Blind {noun}: {', '.join(blind)} cannot be resolved at this noise and would fail more often than not though "
        "nothing changed. The night went on all the same; read a failed confirmation with that in mind."
    )


def _directional(power: PowerTable) -> str:
    """Return what is said of categories with too few items; empty when there is none."""
    few = [row.category for row in power.categories if row.directional]
    if not few:
        return ""
    return (
        f"Directional, with fewer than 7 items on a side: {', '.join(few)}. That shows a direction and bears no claim."
    )
