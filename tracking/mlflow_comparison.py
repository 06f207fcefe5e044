"""Holds an MLflow store against the ledger it is a copy of: run by run, metric by metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import isclose, isnan
from typing import Any

from tracking import mlflow_rows as rows
from tracking.events import Event
from tracking.finished import FinishedProbe
from tracking.mlflow_client import PROBE_TAG, TABLES_TAG, RunWriter, connect
from tracking.mlflow_copy import night_condition
from tracking.mlflow_datasets import datasets_of
from tracking.night import NightRecord


def missing_in_store(uri: str, experiment: str, events: Iterable[Event]) -> list[str]:
    """Return what of a night's ledger the store lacks or has otherwise, in words; empty when nothing is missing."""
    night = NightRecord.replay(events)
    client = connect(uri)
    known = client.get_experiment_by_name(experiment)
    found = RunWriter(client).search(known.experiment_id, night_condition(night)) if known is not None else []
    runs: dict[str, list[Any]] = defaultdict(list)
    for run in found:
        runs[run.data.tags.get(PROBE_TAG, "")].append(run)
    problems = [f"{len(same)} runs for `{name or 'the night'}`" for name, same in runs.items() if len(same) > 1]
    if "" not in runs:
        return [*problems, "no run for the night"]
    parent = runs[""][0]
    points = [*rows.night_row(night).metrics, *(p for probe in night.ended for p in rows.progress_points(night, probe))]
    problems += _differing(client, parent, rows.night_row(night)._replace(metrics=points), "the night")
    for probe in night.ended:
        same = runs[rows.probe_id(probe.plan)]
        lost = [f"no run for probe {rows.probe_id(probe.plan)}"]
        problems += _probe_problems(client, night, probe, same[0], parent) if same else lost
    return problems


def _probe_problems(client: Any, night: NightRecord, probe: FinishedProbe, run: Any, parent: Any) -> list[str]:
    name = f"probe {rows.probe_id(probe.plan)}"
    problems = _differing(client, run, rows.probe_row(night, probe), name)
    if run.data.tags.get("mlflow.parentRunId") != parent.info.run_id:
        problems.append(f"{name} is not nested in the night")
    if run.info.status != ("FINISHED" if probe.is_completed else "FAILED"):
        problems.append(f"{name} is {run.info.status}")
    have = {(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs}
    problems += [f"{name} lacks dataset {row.name}" for row in datasets_of(probe.plan.request) if row[:2] not in have]
    if probe.outcome.items and TABLES_TAG not in run.data.tags:
        problems.append(f"{name} lacks its answers")
    return problems


def _differing(client: Any, run: Any, row: rows.RunRow, name: str) -> list[str]:
    problems = _unequal(row.params, run.data.params, f"{name}: param")
    problems += _unequal(row.tags, run.data.tags, f"{name}: tag")
    wanted: dict[str, set[tuple[int, float]]] = defaultdict(set)
    for point in row.metrics:
        wanted[point.key].add((point.step, point.value))
    for key, points in wanted.items():
        (_, value), *others = points
        if not others and isclose(run.data.metrics.get(key, float("inf")), value, rel_tol=1e-9):
            continue
        have = {(each.step, each.value) for each in client.get_metric_history(run.info.run_id, key)}
        lost = [p for p in points if not any(_is_same(p, other) for other in have)]
        problems += [f"{name}: metric {key} lacks {len(lost)} of {len(points)} points"] if lost else []
    return problems


def _unequal(wanted: Mapping[str, str], have: Mapping[str, str], what: str) -> list[str]:
    return [f"{what} {key} is {have.get(key)!r}" for key, value in wanted.items() if have.get(key) != value]


def _is_same(one: tuple[int, float], other: tuple[int, float]) -> bool:
    return one[0] == other[0] and (one[1] == other[1] or (isnan(one[1]) and isnan(other[1])))
