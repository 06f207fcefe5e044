"""The scores: the target probe by probe, and every category before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev

from probes.aggregation import Weights, aggregation_in_words
from runner.report.blocks import (
    Cell,
    Column,
    ScoreChart,
    ScorePoint,
    Section,
    Table,
)
from runner.report.texts import number_columns, one_line
from tracking.events import Arm
from tracking.figures import MISSING, show
from tracking.finished import FinishedProbe
from tracking.headline import probe_in_words
from tracking.night import NightRecord

RUN_GROUPS = (("before", "baseline held-out"), ("after", "final held-out"), ("search", "baseline search"))

MOST_LABELS = 1000
"""Probes whose points say what they are; more of them cannot be told apart with a finger or a mouse."""
Means = Mapping[str, float]
"""Item → its mean."""


def scores_section(night: NightRecord) -> Section | None:
    """Return the scores by category before and after, and the target by probe."""
    whole = [probe for probe in night.probes if probe.plan.is_whole]
    if not any(probe.is_completed for probe in whole):
        return None
    scores = _scores_by_recipe(whole, night.target)
    left_out = " Smoke runs and controls are left out." if len(whole) < len(night.probes) else ""
    chart = ScoreChart(
        f"{night.target} by probe. Line: mean of the working recipe. Band: where the baseline falls 95 % of the time."
        + left_out,
        tuple(_point(night, probe, len(whole) <= MOST_LABELS) for probe in whole),
        tuple(_levels(night, scores)),
        _band(night, scores.get(frozenset(), ())),
    )
    is_series = sum(probe.is_completed for probe in whole) > 1
    return Section("scores", "Scores", (*((chart,) if is_series else ()), _category_table(night)))


def completed_probes(night: NightRecord, arm: Arm, in_confirmation: bool) -> list[FinishedProbe]:
    """Return the whole probes of an arm that have scores, on the search items or on the held-out ones."""
    phases = ("confirm",) if in_confirmation else ("calibrate", "search")
    found = [p for p in night.probes if p.plan.arm == arm and p.plan.phase in phases and p.is_completed]
    return sorted(found, key=lambda probe: probe.plan.number)


def item_means(probes: Sequence[FinishedProbe]) -> dict[str, float]:
    """Return item → mean over the probes that scored it."""
    known: dict[str, list[float]] = {}
    for probe in probes:
        for item in probe.outcome.items:
            if item.mean is not None:
                known.setdefault(item.item, []).append(item.mean)
    return {item: fmean(means) for item, means in known.items()}


def _point(night: NightRecord, probe: FinishedProbe, is_labelled: bool) -> ScorePoint:
    plan, score = probe.plan, probe.metric(night.target)
    if not is_labelled:
        return ScorePoint(plan.number, score, plan.arm, plan.phase == "confirm", "")
    result = show(score, "score") if score is not None else probe.outcome.status.value
    label = f"#{plan.number} {one_line(probe_in_words(night, plan), 80)}: {result}"
    return ScorePoint(plan.number, score, plan.arm, plan.phase == "confirm", label)


def _levels(night: NightRecord, scores: Mapping[frozenset[str], Sequence[float]]) -> list[tuple[int, float | None]]:
    """Return from which probe on the working recipe had which mean; None where it was never trained by itself."""
    moves = [(frozenset(ids), done + 1) for done, ids in [(0, ()), *night.moves]]
    return [(first, fmean(scores[ids]) if ids in scores else None) for ids, first in moves]


def _scores_by_recipe(probes: Sequence[FinishedProbe], target: str) -> dict[frozenset[str], list[float]]:
    scores: dict[frozenset[str], list[float]] = {}
    for probe in probes:
        score = probe.metric(target)
        if probe.plan.phase != "confirm" and score is not None:
            scores.setdefault(frozenset(probe.plan.changes), []).append(score)
    return scores


def _band(night: NightRecord, baseline: Sequence[float]) -> tuple[float, float] | None:
    sd = night.noise.target_sd if night.noise else None
    return (fmean(baseline) - 2 * sd, fmean(baseline) + 2 * sd) if baseline and sd is not None else None


def _category_table(night: NightRecord) -> Table:
    """Before and after on the held-out items where there was a confirmation; the baseline on the search items."""
    roles = {row.category: row.role for row in night.power.categories} if night.power else {}
    groups = {
        "before": completed_probes(night, "baseline", in_confirmation=True),
        "after": completed_probes(night, "final", in_confirmation=True),
        "search": completed_probes(night, "baseline", in_confirmation=False),
    }
    is_confirmed_against = bool(groups["before"] or groups["after"])
    names = sorted({category for probes in groups.values() for probe in probes for category in probe.means})

    def row(title: Cell, role: str, measure: Callable[[FinishedProbe], float | None]) -> tuple[Cell, ...]:
        before, after, search = ([measure(probe) for probe in probes] for probes in groups.values())
        confirmed = _before_after(before, after) if is_confirmed_against else ()
        return (title, *confirmed, *_mean_and_sd(search), Cell(role, "muted"))

    weights = night.probes[0].plan.request.weights
    rows = [
        row(Cell(name, "strong" if name == night.target else "plain"), roles.get(name, MISSING), metric_of(name))
        for name in names
    ]
    rows.append(
        row(Cell("overall"), "mean of categories" if weights is None else "weighted mean", metric_of("overall"))
    )
    rows.append(row(Cell("critical failures"), "per probe", lambda probe: float(probe.outcome.critical_failures())))
    held_out = ("Baseline, held-out", "Final, held-out", "Change") if is_confirmed_against else ()
    numbers = number_columns(*held_out, "Baseline, search items", "sd over runs")
    counts = (f"{title} {show(len(groups[name]), 'count')}" for name, title in RUN_GROUPS if groups[name])
    note = f"Runs: {', '.join(counts)}. {_about_overall(weights)}"
    return Table("Scores by category, 0 to 10", (Column("Category"), *numbers, Column("Role")), tuple(rows), note)


def _about_overall(weights: Weights | None) -> str:
    if weights is None:
        return "Every category counts the same in the overall mean."
    return f"The overall is {aggregation_in_words(weights)}."


def metric_of(name: str) -> Callable[[FinishedProbe], float | None]:
    """Return the function that reads a metric off a probe."""
    return lambda probe: probe.metric(name)


def _before_after(before: Sequence[float | None], after: Sequence[float | None]) -> tuple[Cell, ...]:
    old, new = _mean(before), _mean(after)
    change = new - old if old is not None and new is not None else None
    return (Cell(show(old, "score")), Cell(show(new, "score")), Cell(show(change, "effect"), "strong"))


def _mean_and_sd(values: Sequence[float | None]) -> tuple[Cell, ...]:
    known = [value for value in values if value is not None]
    sd = stdev(known) if len(known) > 1 else None
    return (Cell(show(_mean(known), "score")), Cell(show(sd, "score"), "muted"))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
