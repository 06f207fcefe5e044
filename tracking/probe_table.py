"""One flat row per finished probe: the same cells for `results.tsv`, the polars view and MLflow.

A cell that is not known is None, never 0: a failed probe has a status and no scores.
"""

from __future__ import annotations

from collections.abc import Iterable

from probes.statistics.verdicts import CandidateReading
from tracking.events import ProbePlan
from tracking.finished import FinishedProbe
from tracking.headline import probe_in_words
from tracking.night import NightRecord

Cell = str | int | float | bool | None

LEADING = ("commit", "time", "probe", "lane", "knob", "change", "seed", "steps")
MEASURES = ("overall", "target", "critical_failures")
INVALIDATED = "invalidated"
JUDGEMENTS = ("verdict", "decision", "constraint_ok")
TRAILING = (
    "status", "phase", "arm", "candidate", "changes", "block", "replicate", "attempt", "split", "completion",
    "final_loss", "train_s", "evaluate_s", "other_s", "seconds", "peak_memory_gib", "key", "message",
)  # fmt: skip


def category_columns(night: NightRecord) -> dict[str, str]:
    """Return category → column name for every category seen so far, sorted.

    A category keeps its own name unless a fixed column has it already.
    """
    fixed = {*LEADING, *MEASURES, *JUDGEMENTS, *TRAILING}
    planned = {row.category for row in night.power.categories} if night.power else set[str]()
    seen = {category for probe in night.ended for category in probe.means} | (planned - {"overall"})
    return {name: (f"{name}_score" if name in fixed else name) for name in sorted(seen)}


def columns(categories: Iterable[str]) -> tuple[str, ...]:
    """Return all column names in order, `categories` being the category columns."""
    return (*LEADING, *categories, *MEASURES, *JUDGEMENTS, *TRAILING)


def measured_cells(night: NightRecord, probe: FinishedProbe) -> dict[str, Cell]:
    """Return what a probe left behind and what will not change any more; a category's mean is under `score:<name>`."""
    plan, outcome, training = probe.plan, probe.outcome, probe.outcome.training
    candidate = night.named(plan).get(plan.candidate or "")
    change = candidate.change if candidate else None
    return {
        "commit": commit_label(night),
        "time": probe.at,
        "probe": plan.number,
        "lane": change.lane if change else plan.arm,
        "knob": change.knob if change else None,
        "change": str(change) if change else probe_in_words(night, plan),
        "seed": plan.request.seed,
        "steps": training.steps_done if training else None,
        **{f"score:{category}": mean for category, mean in probe.means.items()},
        "overall": probe.overall,
        "critical_failures": outcome.critical_failures() if probe.is_completed else None,
        "status": outcome.status.value,
        "phase": plan.phase,
        "arm": plan.arm,
        "candidate": plan.candidate,
        "changes": " ".join(plan.changes) or None,
        "block": plan.block,
        "replicate": plan.replicate,
        "attempt": plan.attempt,
        "split": plan.request.split,
        "completion": training.completion if training else None,
        "final_loss": training.final_loss if training else None,
        **time_split(probe),
        "peak_memory_gib": training.peak_memory_gib if training else None,
        "key": outcome.key,
        "message": outcome.message or None,
    }


def time_split(probe: FinishedProbe) -> dict[str, float | None]:
    """Return seconds spent training, evaluating, on the rest (loading, saving, waiting for a crash) and in all."""
    outcome = probe.outcome
    train_s = outcome.training.seconds if outcome.training else None
    rest = outcome.seconds - (train_s or 0.0) - (outcome.evaluation_seconds or 0.0)
    return {
        "train_s": train_s,
        "evaluate_s": outcome.evaluation_seconds,
        "other_s": max(0.0, rest),
        "seconds": outcome.seconds,
    }


def judged_cells(night: NightRecord, candidate: str | None) -> dict[str, Cell]:
    """Return the referee's latest word on a candidate; None everywhere for baseline and final recipe."""
    reading = night.reading(candidate) if candidate else None
    return {
        "verdict": reading.verdict if reading else None,
        "decision": reading.decision if reading else None,
        "constraint_ok": constraint_ok(reading) if reading else None,
    }


def probe_judgement(night: NightRecord, plan: ProbePlan) -> dict[str, Cell]:
    """Return the referee's latest word on a probe's candidate; a smoke run has it only where it decided alone.

    An invalidated probe is told as such.
    """
    if plan.number in night.marked:
        return {"verdict": INVALIDATED, "decision": None, "constraint_ok": None}
    reading = night.reading(plan.candidate) if plan.candidate else None
    is_smoke_alone = reading is not None and reading.replicates == 0
    return judged_cells(night, plan.candidate if plan.phase != "smoke" or is_smoke_alone else None)


def constraint_ok(reading: CandidateReading) -> bool | None:
    """Return whether every guard is safe; False when one is harmed, None while one is unresolved or none was read."""
    states = {guard.state for guard in reading.guards.values()}
    if "harmful" in states:
        return False
    return True if states == {"safe"} else None


def commit_label(night: NightRecord) -> str | None:
    """Return the commit in 12 digits, `+` when files had been edited; None outside git."""
    commit = night.started.provenance.get("commit") if night.started else None
    return f"{commit['id'][:12]}{'+' if commit['dirty'] else ''}" if commit else None
