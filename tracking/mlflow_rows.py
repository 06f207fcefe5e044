"""What MLflow is told about a night, as plain values: names, params, metrics, tags. Pure; MLflow is not loaded here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from math import nan
from statistics import stdev
from typing import Any, NamedTuple

from probes.outcome import ProbeOutcome, ProbeStatus
from tracking.events import ProbePlan
from tracking.finished import FinishedProbe
from tracking.headline import changes_in_words, design_in_words, probe_in_words
from tracking.invalidation import Invalidation
from tracking.mlflow_params import flatten, recipe_params
from tracking.mlflow_story import judged_note, plain, story
from tracking.night import NightRecord
from tracking.probe_table import INVALIDATED, commit_label, judged_cells, measured_cells
from tracking.results_tsv import show_cell
from tracking.summary import probe_counts, spend

LONGEST_VALUE = 4000
NOT_IN_A_KEY = re.compile(r"[^\w\-. /:]")
_AS_METRICS = (
    "overall", "critical_failures", "steps", "completion", "final_loss", "train_s", "evaluate_s", "other_s", "seconds",
    "peak_memory_gib",
)  # fmt: skip


_ALWAYS = ("total", "completed", "interrupted")
"""Counts of probes told when they are 0: the last one may have been more before."""


class Point(NamedTuple):
    """One value of a metric."""

    key: str
    value: float
    step: int
    time_ms: int


class RunRow(NamedTuple):
    """What is logged to one run."""

    params: dict[str, str]
    metrics: list[Point]
    tags: dict[str, str]


def night_id(night: NightRecord) -> str:
    """Return what identifies a night in a store that many nights share: its name and the time of its first line."""
    assert night.started is not None
    return f"{night.started.session}@{night.started.at}".replace("'", "")


def probe_id(plan: ProbePlan) -> str:
    """Return what identifies a probe within its night."""
    return f"{plan.number}.{plan.attempt}"


def probe_name(night: NightRecord, plan: ProbePlan) -> str:
    """Return a run name that can be read: `#12 search learning_rate 0.005 → 0.01 seed 3`."""
    return f"#{plan.number} {plan.phase} {probe_in_words(night, plan)} seed {plan.request.seed}"


def night_row(night: NightRecord) -> RunRow:
    """Return the parent run: the session's settings, the noise, the claim, what it cost."""
    started = night.started
    assert started is not None
    params = {
        **recipe_params(started.baseline),
        "commit": commit_label(night) or "",
        "config_digest": started.config_digest,
    }
    for section in ("target", "guards", "suite", "probe", "budget", "referee", "agent"):
        params |= flatten(started.config.get(section, {}), f"{section}.")
    metrics: list[Point] = []
    ended = milliseconds(night.last_at)
    if night.noise is not None and night.noise.target_sd is not None:
        metrics.append(Point("noise/target_sd", night.noise.target_sd, 0, ended))
    metrics += _claimed(night, ended)
    spent = {name: value for name, value in spend(night).items() if value is not None}
    metrics += [Point(f"spend/{name}", float(value), 0, ended) for name, value in spent.items()]
    counts = {name: count for name, count in probe_counts(night).items() if count or name in _ALWAYS}
    metrics += [Point(f"probes/{name}", float(count), 0, ended) for name, count in counts.items()]
    tags = {
        "session": started.session,
        "kind": "night",
        "status": night.stopped.stop_reason if night.stopped else INVALIDATED if night.is_set_back else "running",
        "verdict": _outcome(night),
        "target": night.target,
        "working_recipe": changes_in_words(night),
        "design": design_in_words(night),
        INVALIDATED: "; ".join(f"{len(mark.numbers)} probes {mark.words}" for mark in night.invalidations),
        **_source(night),
        "mlflow.note.content": story(night),
    }
    return RunRow(_clean(params), _with_clean_keys(metrics), _clean(tags))


def probe_row(night: NightRecord, probe: FinishedProbe) -> RunRow:
    """Return the nested run of a finished probe: recipe, scores per category, training curves, tags."""
    plan, outcome = probe.plan, probe.outcome
    at = milliseconds(probe.at)
    cells = measured_cells(night, probe)
    scores = {f"score/{name}": mean for name, mean in probe.means.items()}
    plain: dict[str, Any] = {
        **scores,
        **{f"standard_error/{name}": error for name, error in standard_errors(outcome).items()},
        **{name: cells[name] for name in _AS_METRICS},
        "target": probe.metric(night.target),
    }
    metrics = [Point(key, float(value), 0, at) for key, value in plain.items() if value is not None]
    for point in outcome.training.curve if outcome.training else ():
        for name, value in point.model_dump(exclude={"step"}).items():
            if value is not None:
                metrics.append(Point(f"train/{name}", value, point.step, at))
    request = plan.request
    params = recipe_params(request.recipe)
    params |= {"seed": str(request.seed), "split": request.split, "samples": str(request.samples)}
    params |= flatten(request.generation.model_dump(mode="json"), "generation.")
    tags = {**plan_tags(night, plan), "status": outcome.status.value, "key": outcome.key}
    mark = night.marked.get(plan.number)
    tags |= judged_tags(night, plan.candidate) if mark is None else marked_tags(mark)
    if outcome.status is not ProbeStatus.COMPLETED:
        tags |= {"message": outcome.message, "log_tail": outcome.log_tail}
    if outcome.adapter is not None:
        tags["adapter.digest"] = outcome.adapter.digest
    return RunRow(_clean(params), _with_clean_keys(metrics), _clean(tags))


def standard_errors(outcome: ProbeOutcome) -> dict[str, float]:
    """Return category → standard error of its mean over this many items.

    Sd of the items' means over the root of their number, none for fewer than two. What another train seed would have
    changed is not in it: that is `noise/target_sd` of the parent run.
    """
    means: dict[str, list[float]] = {}
    for item in outcome.items:
        if item.mean is not None:
            means.setdefault(item.category, []).append(item.mean)
    return {name: stdev(own) / len(own) ** 0.5 for name, own in sorted(means.items()) if len(own) > 1}


def progress_points(night: NightRecord, probe: FinishedProbe) -> list[Point]:
    """Return what a finished probe adds to the parent run's curve: the target by probe number.

    A smoke run trains too short to stand on one curve with whole probes.
    """
    value = probe.metric(night.target) if probe.plan.is_whole else None
    return [] if value is None else [Point("progress/target", value, probe.plan.number, milliseconds(probe.at))]


def plan_tags(night: NightRecord, plan: ProbePlan) -> dict[str, str]:
    """Return the tags of a probe that are known before it has run."""
    assert night.started is not None
    tags = {
        "session": night.started.session,
        "kind": "probe",
        "probe": str(plan.number),
        "phase": plan.phase,
        "arm": plan.arm,
        "lane": plan.arm,
        "replicate": str(plan.replicate),
        "attempt": str(plan.attempt),
        "split": plan.request.split,
        "status": "running",
        **_source(night),
    }
    if plan.changes:
        tags["changes"] = " ".join(plan.changes)
    if plan.block is not None:
        tags |= {"block": str(plan.block), "row": str(plan.replicate + 1)}
    candidate = night.named(plan).get(plan.candidate or "")
    if candidate is not None:
        change = candidate.change
        tags |= {"candidate": candidate.id, "lane": change.lane, "knob": change.knob, "change": str(change)}
        tags |= {"proposer": candidate.proposer, "rationale": candidate.rationale}
    return _clean(tags)


def judged_tags(night: NightRecord, candidate: str | None) -> dict[str, str]:
    """Return verdict, decision, guards and reason as known now; {} before the first reading."""
    reading = night.reading(candidate) if candidate else None
    if reading is None:
        return {}
    judged = {name: show_cell(value) for name, value in judged_cells(night, candidate).items()}
    return _clean({**judged, "reason": reading.reason, "mlflow.note.content": judged_note(night, candidate or "")})


def marked_tags(mark: Invalidation) -> dict[str, str]:
    """Return the tags of a probe whose measurement no longer counts."""
    told = f"**Invalidated** {plain(mark.words)}"
    words = {INVALIDATED: mark.words, "verdict": INVALIDATED, "decision": INVALIDATED, "mlflow.note.content": told}
    return _clean(words)


def clean_key(key: str) -> str:
    """Return a metric, param or tag name as MLflow takes it: its characters only, and a plain relative path."""
    parts = NOT_IN_A_KEY.sub("_", key)[:250].split("/")
    return "/".join(part for part in parts if part.strip(". ")) or "_"


def milliseconds(at: str) -> int:
    """Return an ISO 8601 time as milliseconds since 1970."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def _source(night: NightRecord) -> dict[str, str]:
    commit: dict[str, Any] | None = night.started.provenance.get("commit") if night.started else None
    known = {"mlflow.source.git.commit": str(commit["id"])} if commit else {}
    return {"mlflow.source.name": "nightlab", "mlflow.source.type": "LOCAL", **known}


def _claimed(night: NightRecord, at_ms: int) -> list[Point]:
    """Return the claim's figures; not a number where an invalidation took one back, since MLflow forgets none."""
    claim = night.claim
    low, high = (claim.interval.low, claim.interval.high) if claim else (None, None)
    figures = {"effect": claim and claim.effect, "low": low, "high": high, "p_value": claim and claim.p_value}
    gone = nan if any(mark.claim is not None for mark in night.invalidations) else None
    known = {name: gone if figure is None else figure for name, figure in figures.items()}
    return [Point(f"claim/{name}", value, 0, at_ms) for name, value in known.items() if value is not None]


def _outcome(night: NightRecord) -> str:
    if night.claim is None:
        return "withdrawn" if night.withdrawn else ""
    return "confirmed" if night.claim.confirmed else "not confirmed"


def _clean(values: Mapping[str, str]) -> dict[str, str]:
    return {
        clean_key(key): text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
        for key, text in values.items()
        if text != ""
    }


def _with_clean_keys(points: list[Point]) -> list[Point]:
    return [point._replace(key=clean_key(point.key)) for point in points]
