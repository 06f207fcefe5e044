"""The night's books: time and cost, what failed, how to run it again, what it left on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Commands,
    Paragraph,
    Part,
    Section,
    Shares,
    Table,
)
from runner.report.conditions import PREFLIGHT
from runner.report.speed import speed_blocks
from runner.report.texts import foreign_cell, number_columns, text_columns
from tracking.events import Arm, Phase, ProbePlan
from tracking.figures import MISSING, show, show_count
from tracking.finished import FinishedProbe
from tracking.headline import cost_in_words
from tracking.night import NightRecord
from tracking.probe_table import time_split
from tracking.spending import device_hour_usd
from tracking.summary import spend

PARTS: tuple[tuple[str, Phase, tuple[Arm, ...]], ...] = (
    ("controls", "control", ("base", "broken", "repeat")),
    ("calibration", "calibrate", ("baseline",)),
    ("smoke runs", "smoke", ("baseline", "candidate")),
    ("blocks", "search", ("block",)),
    ("search", "search", ("candidate", "baseline")),
    ("rehearsal", "search", ("final",)),
    ("confirmation", "confirm", ("baseline", "final")),
)
"""Purposes of probes: title, phase, arms; together they hold every probe once."""
ALWAYS = ("calibration", "search", "confirmation")
"""Parts that are named also when they had no probe."""
TIMES = ("train_s", "evaluate_s", "other_s", "seconds")


def cost_section(night: NightRecord) -> Section | None:
    """Return probes, seconds and dollars by phase and purpose; the rows sum to the last one."""
    if not night.ended:
        return None
    parts = {
        title: [probe for probe in night.probes if probe.plan.phase == phase and probe.plan.arm in arms]
        for title, phase, arms in PARTS
    }
    one_by_one = "race" if night.blocks else "search"
    rows = [
        _cost_row(night, one_by_one if title == "search" else title, probes)
        for title, probes in parts.items()
        if probes or title in ALWAYS
    ]
    if night.invalidated:
        rows.append(_cost_row(night, "invalidated", night.invalidated))
    rows += _beside_probes(night)
    rows.append((*_cost_row(night, "all", night.ended)[:-1], Cell(show(night.bill.usd, "usd"))))
    columns = (Column("Phase"), *number_columns("Probes", "Training", "Evaluation", "Other", "Together", "Cost"))
    note = f"Wall time {show(spend(night)['wall_s'], 'duration')}; probes that run side by side overlap. "
    note += f"Cost {cost_in_words(night)}."
    unpriced = spend(night)["unpriced"]
    note += f" {show(unpriced, 'count')} without a known cost are counted at the mean." if unpriced else ""
    blocks: list[Block] = [Table("Time by phase", columns, tuple(rows), note, has_total=True), *_time_split(night)]
    return Section("cost", "Cost", (*blocks, *speed_blocks(night)))


def _time_split(night: NightRecord) -> list[Block]:
    took = spend(night)
    parts = {"training": took["train_s"], "evaluation": took["evaluate_s"], "loading, saving, waiting": took["other_s"]}
    whole = sum(seconds or 0.0 for seconds in parts.values())
    told = tuple(Part(name, (s or 0.0) / whole, show(s, "duration")) for name, s in parts.items()) if whole else ()
    return [Shares("What the probes' time went to", told)] if told else []


def _cost_row(night: NightRecord, title: str, probes: Sequence[FinishedProbe]) -> tuple[Cell, ...]:
    splits = [time_split(probe) for probe in probes]
    sums = (sum(split[name] or 0.0 for split in splits) for name in TIMES)
    tally = night.spending.of(probe.plan.number for probe in probes)
    usd = tally.bill(_rate(night), night.spending.all.judge_mean_usd).usd
    counts = (Cell(title), Cell(show(len(probes), "count")))
    return (*counts, *(Cell(show(seconds, "duration")) for seconds in sums), Cell(show(usd, "usd")))


def _beside_probes(night: NightRecord) -> list[tuple[Cell, ...]]:
    """Return what was paid for no finished probe: those that an interruption cut off, and the agent's questions."""
    rows: list[tuple[Cell, ...]] = []
    spending, rate, blank = night.spending, _rate(night), Cell("–")
    if spending.lost_s:
        usd = None if rate is None else rate * spending.lost_s / 3600
        rows.append((Cell(f"cut off after {show(spending.lost_s, 'duration')}"), *[blank] * 5, Cell(show(usd, "usd"))))
    if spending.turns:
        asked = Cell(f"agent, {show_count(spending.turns, 'question')}")
        rows.append((asked, *[blank] * 5, Cell(show(night.bill.agent_usd, "usd"))))
    return rows


def _rate(night: NightRecord) -> float | None:
    return device_hour_usd(night.started.config) if night.started else None


def trouble_section(night: NightRecord) -> Section | None:
    """Return resumes, warnings, failed and interrupted probes."""
    blocks: list[Block] = []
    if night.resumes:
        times = show_count(len(night.resumes), "time")
        blocks.append(Paragraph(f"Resumed {times}; no probe that counts was repeated."))
    late = [warning for warning in night.warnings if warning.subject != PREFLIGHT]
    if late:
        rows = tuple((foreign_cell(warning.subject), foreign_cell(warning.message)) for warning in late)
        blocks.append(Table("Warnings", text_columns("About", "What"), rows))
    failed = [_failed_row(probe) for probe in night.probes if not probe.is_completed]
    for plan in night.open_plans.values():
        cells = (Cell("interrupted", "open"), Cell("–"), Cell("–"), Cell("started, never ended"))
        failed.append((Cell(f"#{plan.number}"), _of(plan), *cells))
    if failed:
        columns = (*text_columns("Probe", "Of", "Status"), *number_columns("Steps", "Done"), Column("What happened"))
        note = "A failed probe has no score; it never counts as zero."
        blocks.append(Table("Probes without a result", columns, tuple(failed), note))
    return Section("trouble", "Warnings and failures", tuple(blocks)) if blocks else None


def _of(plan: ProbePlan) -> Cell:
    """Return in a word or two whose probe it was: `c03`, `c03 smoke`, `block 1 row 5`, `baseline`."""
    if plan.arm == "block":
        return Cell(f"block {plan.block} row {plan.replicate + 1}")
    return Cell((plan.candidate or plan.arm) + (" smoke" if plan.phase == "smoke" else ""))


def _failed_row(probe: FinishedProbe) -> tuple[Cell, ...]:
    training = probe.outcome.training
    steps = f"{show(training.steps_done, 'count')} of {show(training.steps_planned, 'count')}" if training else "–"
    return (
        Cell(f"#{probe.plan.number}"),
        _of(probe.plan),
        Cell(probe.outcome.status.value.replace("_", " "), "bad"),
        Cell(steps),
        Cell(show(training.completion if training else None, "share")),
        foreign_cell(probe.outcome.message),
    )


def reproduction_section(night: NightRecord) -> Section | None:
    """Return the commands that run the same night again, and what it ran on."""
    if night.started is None:
        return None
    provenance: dict[str, Any] = night.started.provenance
    commit: dict[str, Any] | None = provenance.get("commit")
    lines = [f"git checkout {commit['id']}"] if commit else []
    lines += ["make env", ".venv/bin/nightlab run SESSION/session.toml", ".venv/bin/nightlab report SESSION"]
    blocks: list[Block] = [
        Paragraph("In a checkout of the project, SESSION being the folder that holds this report:"),
        Commands(tuple(lines)),
    ]
    if commit is None:
        blocks.append(Paragraph("The night did not run from a git checkout, so its commit is not known."))
    elif commit["dirty"]:
        blocks.append(Paragraph("Files had been edited since that commit: it alone does not reproduce the night."))
    rows = tuple((Cell(name), foreign_cell(value)) for name, value in _ground(night, provenance))
    blocks.append(Table("What it ran on", text_columns("", ""), rows))
    return Section("reproduce", "How to run it again", tuple(blocks))


def _ground(night: NightRecord, provenance: dict[str, Any]) -> list[tuple[str, str]]:
    hardware: dict[str, Any] = provenance.get("hardware", {})
    libraries: dict[str, str | None] = provenance.get("libraries", {})
    digests: dict[str, str] = provenance.get("digests", {})
    cores, memory, gpus = hardware.get("cores"), hardware.get("memory_gib"), hardware.get("gpus")
    started = night.started
    assert started is not None
    return [
        ("session seed", str(started.config.get("seed", "–"))),
        ("config digest", started.config_digest),
        *((f"digest of {name}", digest) for name, digest in digests.items()),
        ("processor", f"{hardware.get('cpu') or 'unknown'}, {show_count(cores, 'core') if cores else 'cores unknown'}"),
        ("memory", show(memory, "size_gib")),
        ("GPUs", ", ".join(gpus) if gpus else "none"),
        ("Python", f"{provenance.get('python', '')} on {provenance.get('platform', '')}"),
        ("libraries", ", ".join(f"{name} {version}" for name, version in libraries.items() if version)),
    ]


def artifacts_section(night: NightRecord, files: Sequence[tuple[str, float, str]]) -> Section | None:
    """Return what lies in the session folder, with digests to check it by."""
    blocks: list[Block] = []
    if files:
        rows = tuple((Cell(name), Cell(show(size, "size_mib")), Cell(digest, "muted")) for name, size, digest in files)
        columns = (Column("File"), *number_columns("Size"), Column("SHA-256, first 16 digits"))
        blocks.append(Table("Files", columns, rows))
    rows = tuple(_adapter_row(probe) for probe in night.probes if _is_final(probe))
    if rows:
        columns = (
            *text_columns("Probe", "Folder"),
            *number_columns("Rank", "Size"),
            *text_columns("SHA-256", "Digest of its answers"),
        )
        blocks.append(Table("Adapters of the final recipe", columns, rows))
    return Section("artifacts", "Artifacts", tuple(blocks)) if blocks else None


def _is_final(probe: FinishedProbe) -> bool:
    return probe.plan.arm == "final" and probe.plan.phase == "confirm" and probe.outcome.adapter is not None


def _adapter_row(probe: FinishedProbe) -> tuple[Cell, ...]:
    adapter, measured = probe.outcome.adapter, probe.outcome.measured
    assert adapter is not None
    return (
        Cell(f"#{probe.plan.number}"),
        Cell(f"probes/{PurePosixPath(probe.plan.request.folder).name}"),
        Cell(show(adapter.rank, "count")),
        Cell(show(adapter.size_mib, "size_mib")),
        Cell(adapter.digest, "muted"),
        Cell(measured.answers[:16] if measured is not None else MISSING, "muted"),
    )
