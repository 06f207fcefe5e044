"""The scores: the target probe by probe, and every category before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from runner.report.blocks import (
    Cell,
    ScoreChart,
    ScorePoint,
    Section,
    Table,
    number_columns,
    one_line,
    text_cell,
    text_columns,
)
from tracking.events import Arm
from tracking.figures import MISSING, show
from tracking.headline import change_in_words
from tracking.night import FinishedProbe, NightRecord


def scores_section(night: NightRecord) -> Section | None:
    """Return the scores by category before and after, and the target by probe."""
    done = [probe for probe in night.probes if probe.is_completed]
    if not done:
        return None
    scores = _scores_by_recipe(night)
    chart = ScoreChart(
        f"{night.target} by probe. Line: mean of the working recipe. Band: where the baseline falls 95 % of the time.",
        tuple(_point(night, probe) for probe in night.probes),
        tuple(_levels(night, scores)),
        _band(night, scores.get(frozenset(), ())),
    )
    return Section("scores", "Scores", (chart, _category_table(night)))


def completed_probes(night: NightRecord, arm: Arm, in_confirmation: bool) -> list[FinishedProbe]:
    """Return the probes of an arm that have scores, on the search items or on the held-out ones."""
    of_arm = (probe for probe in night.probes if probe.plan.arm == arm and probe.is_completed)
    return [probe for probe in of_arm if (probe.plan.phase == "confirm") is in_confirmation]


def _point(night: NightRecord, probe: FinishedProbe) -> ScorePoint:
    plan, score = probe.plan, probe.metric(night.target)
    candidate = night.candidates.get(plan.candidate or "")
    what = one_line(change_in_words(candidate.change), 80) if candidate else plan.arm
    label = f"#{plan.number} {what}: {show(score, 'score') if score is not None else probe.outcome.status.value}"
    return ScorePoint(plan.number, score, plan.arm, plan.phase == "confirm", label)


def _levels(night: NightRecord, scores: Mapping[frozenset[str], Sequence[float]]) -> list[tuple[int, float]]:
    moves = [(0, ()), *night.moves]
    return [(done + 1, fmean(scores[frozenset(ids)])) for done, ids in moves if frozenset(ids) in scores]


def _scores_by_recipe(night: NightRecord) -> dict[frozenset[str], list[float]]:
    scores: dict[frozenset[str], list[float]] = {}
    for probe in night.probes:
        score = probe.metric(night.target)
        if probe.plan.phase != "confirm" and score is not None:
            scores.setdefault(frozenset(probe.plan.changes), []).append(score)
    return scores


def _band(night: NightRecord, baseline: Sequence[float]) -> tuple[float, float] | None:
    sd = night.noise.target_sd if night.noise else None
    return (fmean(baseline) - 2 * sd, fmean(baseline) + 2 * sd) if baseline and sd is not None else None


def _category_table(night: NightRecord) -> Table:
    roles = {row.category: row.role for row in night.power.categories} if night.power else {}
    groups = {
        "search": [
            p for p in night.probes if p.plan.phase != "confirm" and p.plan.arm == "baseline" and p.is_completed
        ],
        "before": [
            p for p in night.probes if p.plan.phase == "confirm" and p.plan.arm == "baseline" and p.is_completed
        ],
        "after": [p for p in night.probes if p.plan.phase == "confirm" and p.plan.arm == "final" and p.is_completed],
    }
    means = {name: [probe.means for probe in probes] for name, probes in groups.items()}
    names = sorted({category for runs in means.values() for run in runs for category in run})
    rows = [
        (
            Cell(name, "strong" if name == night.target else "plain"),
            Cell(roles.get(name, MISSING)),
            *_before_after({group: [run.get(name) for run in runs] for group, runs in means.items()}),
        )
        for name in names
    ]
    overall = {group: [probe.overall for probe in probes] for group, probes in groups.items()}
    rows.append((Cell("overall"), Cell("mean of categories"), *_before_after(overall)))
    critical = {g: [float(p.outcome.critical_failures()) for p in probes] for g, probes in groups.items()}
    rows.append((Cell("critical failures"), Cell("per probe"), *_before_after(critical)))
    columns = (
        *text_columns("Category", "Role"),
        *number_columns("Baseline, search items", "sd over runs", "Baseline, held-out", "Final, held-out", "Change"),
    )
    runs = ", ".join(show(len(groups[group]), "count") for group in ("search", "before", "after"))
    note = f"Means over {runs} runs. A category counts as much as any other in the overall mean."
    return Table("Scores by category, 0 to 10", columns, tuple(rows), note)


def _before_after(values: Mapping[str, Sequence[float | None]]) -> tuple[Cell, ...]:
    known = {group: [v for v in column if v is not None] for group, column in values.items()}
    mean = {group: fmean(column) if column else None for group, column in known.items()}
    before, after = mean["before"], mean["after"]
    change = after - before if before is not None and after is not None else None
    return (
        text_cell(show(mean["search"], "score")),
        text_cell(show(stdev(known["search"]) if len(known["search"]) > 1 else None, "score"), "muted"),
        text_cell(show(before, "score")),
        text_cell(show(after, "score")),
        text_cell(show(change, "effect"), "strong"),
    )
