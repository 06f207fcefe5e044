"""What each event of a night becomes in MLflow: one parent run, one nested run per probe, traces, datasets, tables.

Every task may be run twice and in another order: runs are found again by their tags, and writing the same adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from probes.outcome import ProbeStatus
from tracking import events as ev
from tracking import mlflow_rows as rows
from tracking.finished import FinishedProbe
from tracking.invalidation import Invalidation
from tracking.mlflow_answers import TABLE, answer_table
from tracking.mlflow_client import DONE_TAG, NIGHT_TAG, PROBE_TAG, RunWriter
from tracking.mlflow_datasets import DatasetRow, datasets_of
from tracking.mlflow_system import Sample, system_points
from tracking.mlflow_traces import TraceRow, judge_trace, turn_trace, write_trace
from tracking.night import NightRecord

ARTIFACTS = ("report.md", "report.html", "summary.json", "results.tsv", "session.toml")
Task = Callable[[], object]


class KnownRun(NamedTuple):
    """A nested run as the store has it."""

    run_id: str
    is_complete: bool
    tags: dict[str, str]
    """As last read or written."""


class NightCopy:
    """A night in a store."""

    def __init__(self, client: Any, experiment_id: str, folder: Path) -> None:
        """Write through an MLflow `client`; `folder` is the session's."""
        self.parent_run_id: str | None = None
        self._client, self._experiment_id, self._folder = client, experiment_id, folder
        self._writer = RunWriter(client)
        self._night = NightRecord()
        self._is_current = False
        self._runs: dict[str, KnownRun] = {}
        self._read: set[DatasetRow] = set()
        self._of_candidate: dict[str, list[str]] = {}
        """Candidate → its probes that ended and count."""
        self._early: list[Sample] = []
        """Samples from before the night's first line."""

    def look_again(self) -> None:
        """Forget what was thought of the store: a run may have been made although its answer was lost."""
        self._is_current = False

    def tasks_of(self, event: ev.Event | Sample) -> Sequence[Task]:
        """Take an event or a system sample and return what is to be written of it."""
        if isinstance(event, Sample):
            return self._sample_tasks([event])
        self._night.apply(event)
        match event:
            case ev.SessionStarted():
                return [self._write_parent, *self._sample_tasks(self._early)]
            case (
                ev.SessionResumed() | ev.SessionStopped() | ev.NoiseEstimated()
                | ev.DesignChosen() | ev.WorkingRecipeMoved() | ev.ClaimMade()
            ):  # fmt: skip
                return [self._write_parent]
            case ev.ProbeStarted():
                return [partial(self._open_run, event.plan, event.at)]
            case ev.ProbeFinished():
                self._note_candidate(self._night.probes[-1])
                return [partial(self._write_probe, self._night.probes[-1])]
            case ev.CandidateDecided():
                return [partial(self._write_verdict, event.candidate)]
            case ev.ModelTurn():
                trace = turn_trace(self._night, event)
                return [partial(self._write_turn, trace)] if trace else []
            case ev.MeasurementsInvalidated():
                self._of_candidate = {}
                for probe in self._night.probes:
                    self._note_candidate(probe)
                return [partial(self._mark_probes, self._night.invalidations[-1]), self._write_parent]
            case _:
                return []

    def finish(self) -> None:
        """End runs whose probe never ended, and put the report's files on the parent run."""
        if self._night.started is None:
            return
        self.look_again()
        parent = self._parent()
        ended = {rows.probe_id(probe.plan) for probe in self._night.ended}
        for probe, known in self._runs.items():
            if probe not in ended:
                self._client.set_tag(known.run_id, "status", "interrupted")
                self._client.set_terminated(known.run_id, "KILLED", rows.milliseconds(self._night.last_at))
        self._write_parent()
        for name in ARTIFACTS:
            if (self._folder / name).is_file():
                self._client.log_artifact(parent, str(self._folder / name))

    def _parent(self) -> str:
        """Return the parent run, found by its tag or made; the nested runs that exist are learnt on the way."""
        if self.parent_run_id is not None and self._is_current:
            return self.parent_run_id
        started = self._night.started
        assert started is not None
        parent: str | None = None
        for run in self._writer.search(self._experiment_id, night_condition(self._night)):
            tags = dict(run.data.tags)
            if PROBE_TAG in tags:
                self._learn(tags[PROBE_TAG], KnownRun(run.info.run_id, DONE_TAG in tags, tags))
            else:
                parent = run.info.run_id
        if parent is None:
            at, tags = rows.milliseconds(started.at), {NIGHT_TAG: rows.night_id(self._night)}
            parent = str(self._client.create_run(self._experiment_id, at, tags, started.session).info.run_id)
        self.parent_run_id, self._is_current = parent, True
        return parent

    def _learn(self, probe: str, found: KnownRun) -> None:
        """Take note of a run; of two runs of one probe, made when an answer came too late, the complete one stays."""
        known = self._runs.get(probe, found)
        if known.run_id != found.run_id:
            spare, found = (known, found) if found.is_complete else (found, known)
            self._client.delete_run(spare.run_id)
        self._runs[probe] = found

    def _write_parent(self) -> None:
        parent = self._parent()
        self._writer.write(parent, rows.night_row(self._night))
        stopped = self._night.stopped
        if self._night.is_set_back:
            self._client.set_terminated(parent, "KILLED", rows.milliseconds(self._night.last_at))
        elif stopped is None:
            self._client.update_run(parent, status="RUNNING")
        else:
            status = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}[stopped.stop_reason]
            self._client.set_terminated(parent, status, rows.milliseconds(stopped.at))

    def _open_run(self, plan: ev.ProbePlan, at: str) -> KnownRun:
        parent, probe = self._parent(), rows.probe_id(plan)
        if probe not in self._runs:
            tags = {
                **rows.plan_tags(self._night, plan),
                "mlflow.parentRunId": parent,
                NIGHT_TAG: rows.night_id(self._night),
                PROBE_TAG: probe,
            }
            name = rows.probe_name(self._night, plan)
            run = self._client.create_run(self._experiment_id, rows.milliseconds(at), tags, name)
            self._runs[probe] = KnownRun(run.info.run_id, False, tags)
        return self._runs[probe]

    def _write_probe(self, probe: FinishedProbe) -> None:
        known = self._open_run(probe.plan, probe.at)
        if known.is_complete:
            return
        parent, folder = self._parent(), self._folder / "probes" / probe.outcome.key
        self._writer.write(parent, rows.RunRow({}, rows.progress_points(self._night, probe), {}))
        self._write_datasets(parent, known.run_id, probe)
        table = answer_table(probe, folder)
        shown = self._writer.write_table(known.run_id, TABLE, table) if table else {}
        trace = judge_trace(self._night, probe, folder)
        if trace is not None:
            self._write_trace(known.run_id, trace)
        status = "FINISHED" if probe.outcome.status is ProbeStatus.COMPLETED else "FAILED"
        self._client.set_terminated(known.run_id, status, rows.milliseconds(probe.at))
        row = rows.probe_row(self._night, probe)
        # The tags are written last, and with them that nothing is missing.
        row = row._replace(tags={**row.tags, **shown, DONE_TAG: "1"})
        self._writer.write(known.run_id, row)
        self._runs[rows.probe_id(probe.plan)] = KnownRun(known.run_id, True, {**known.tags, **row.tags})

    def _write_datasets(self, parent: str, run_id: str, probe: FinishedProbe) -> None:
        found = datasets_of(probe.plan.request)
        self._writer.write_datasets(run_id, found)
        new = [row for row in found if row not in self._read]
        self._writer.write_datasets(parent, new)
        self._read.update(new)

    def _write_verdict(self, candidate: str) -> None:
        tags = rows.judged_tags(self._night, candidate)
        for probe in self._of_candidate.get(candidate, ()):
            self._write_tags(probe, tags)

    def _note_candidate(self, probe: FinishedProbe) -> None:
        if probe.plan.candidate is not None:
            self._of_candidate.setdefault(probe.plan.candidate, []).append(rows.probe_id(probe.plan))

    def _mark_probes(self, mark: Invalidation) -> None:
        self._parent()
        for probe in self._night.invalidated:
            if self._night.marked[probe.plan.number] is mark:
                self._write_tags(rows.probe_id(probe.plan), rows.marked_tags(mark))

    def _write_tags(self, probe: str, tags: dict[str, str]) -> None:
        """Write what is not there yet; a run that is not there gets its tags with the rest."""
        known = self._runs.get(probe)
        if known is None or tags.items() <= known.tags.items():
            return
        self._writer.write(known.run_id, rows.RunRow({}, [], tags))
        self._runs[probe] = known._replace(tags={**known.tags, **tags})

    def _write_turn(self, trace: TraceRow) -> None:
        self._write_trace(self._parent(), trace)

    def _write_trace(self, run_id: str, trace: TraceRow) -> None:
        write_trace(self._client.tracking_uri, self._experiment_id, run_id, rows.night_id(self._night), trace)

    def _sample_tasks(self, samples: list[Sample]) -> Sequence[Task]:
        if self._night.started is None:
            self._early += samples
            return []
        points = [point for sample in samples for point in system_points(sample)]
        return [lambda: self._writer.write(self._parent(), rows.RunRow({}, points, {}))] if points else []


def night_condition(night: NightRecord) -> str:
    """Return the search for all runs of a night."""
    return f"tags.`{NIGHT_TAG}` = '{rows.night_id(night)}'"
