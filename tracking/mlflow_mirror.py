"""The MLflow copy of a night, for people: the only module that loads MLflow.

The mirror is a ledger observer. It fails loudly at start and never afterwards: events go to a background thread, what
cannot be written is kept, tried again with growing pauses and once more at `close`, and told in `problems`. A resumed
night replays its ledger into a new mirror, which finds the runs that exist and adds what is missing. The ledger stays
the truth; nothing of a night is ever read back from MLflow but run ids. (`read_runs` reads other people's runs for an
audit.)
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from probes.errors import ConfigError, LaunchError
from probes.outcome import ProbeStatus
from tracking import events as ev
from tracking import mlflow_rows as rows
from tracking.finished import FinishedProbe
from tracking.invalidation import Invalidation
from tracking.mlflow_store import LACKS, PATIENCE, QUIET, artifact_root, without_password
from tracking.night import NightRecord
from tracking.probe_table import INVALIDATED

ARTIFACTS = ("report.md", "report.html", "summary.json", "results.tsv", "session.toml")
CHUNK = 800
"""Metrics per request; the store takes 1,000 entities."""
NIGHT_TAG, PROBE_TAG, DONE_TAG = "nightlab.session_id", "nightlab.probe", "nightlab.complete"
LONGEST_PAUSE_S = 30.0

Task = Callable[[], object]


class MlflowMirror:
    """Copies a night to one parent run with one nested run per probe."""

    def __init__(self, client: Any, experiment_id: str, folder: Path, first_pause_s: float = 1.0) -> None:
        """Use `start_mirror`; `client` is an MLflow client, `folder` the session's, whose artifacts are uploaded."""
        self.experiment_id = experiment_id
        self.parent_run_id: str | None = None
        self.problems: list[str] = []
        """What went wrong so far, each once; for the report's warnings."""
        self._writer = _RunWriter(client)
        self._client = client
        self._folder = folder
        self._first_pause_s = first_pause_s
        self._night = NightRecord()
        self._is_current = False
        self._runs: dict[str, _KnownRun] = {}
        self._inbox: queue.SimpleQueue[ev.Event | None] = queue.SimpleQueue()
        self._pending: deque[Task] = deque()
        self._thread = threading.Thread(target=self._work, name="mlflow-mirror", daemon=True)
        self._thread.start()

    def __call__(self, event: ev.Event) -> None:
        """Take an event; returns at once."""
        self._inbox.put(event)

    def close(self, timeout_s: float = 60.0) -> list[str]:
        """Write what is left, upload the report's files, and return `problems`."""
        if self._thread.is_alive():
            self._inbox.put(None)
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._note(f"MLflow did not answer within {timeout_s:.0f} s at the end")
        left = len(self._pending) + self._inbox.qsize()
        if left:
            self._note(f"{left} entries are {LACKS}; the ledger has them, `nightlab resume` mirrors them again")
        elif self.problems and not self._thread.is_alive():
            self._note("everything was written to MLflow afterwards")
        return self.problems

    def _work(self) -> None:
        """Mirror until told to close; then go over what is left, given up once nothing of it gets through."""
        pause_s, next_try = self._first_pause_s, 0.0
        closing, failures_in_a_row = False, 0
        while not closing or self._pending:
            if not closing:
                wait = max(0.0, next_try - time.monotonic()) if self._pending else None
                closing = self._take(wait)
                if closing:
                    self._pending.append(self._finish)
            if not self._pending or (not closing and time.monotonic() < next_try):
                continue
            task = self._pending.popleft()
            try:
                task()
                pause_s, next_try, failures_in_a_row = self._first_pause_s, 0.0, 0
            except Exception as error:
                self._is_current = False
                self._pending.append(task)
                if not self.problems:
                    self._note(f"MLflow could not be written for a while: {_first_line(error)}")
                next_try, pause_s = time.monotonic() + pause_s, min(LONGEST_PAUSE_S, 2 * pause_s)
                failures_in_a_row += 1
                if closing and failures_in_a_row > len(self._pending):
                    return

    def _take(self, wait_s: float | None) -> bool:
        """Move one event from the inbox to the pending tasks; True when it was the end."""
        try:
            event = self._inbox.get(timeout=wait_s) if wait_s != 0.0 else self._inbox.get_nowait()
        except queue.Empty:
            return False
        if event is None:
            return True
        self._night.apply(event)
        self._pending.extend(self._tasks(event))
        return False

    def _tasks(self, event: ev.Event) -> list[Task]:
        match event:
            case ev.SessionStarted() | ev.SessionResumed() | ev.SessionStopped() | ev.ClaimMade():
                return [self._write_parent]
            case ev.ProbeStarted():
                return [partial(self._open_run, event.plan, event.at)]
            case ev.ProbeFinished():
                return [partial(self._write_probe, self._night.probes[-1])]
            case ev.CandidateDecided():
                return [partial(self._write_verdict, event.candidate)]
            case ev.MeasurementsInvalidated():
                return [partial(self._mark_probes, self._night.invalidations[-1]), self._write_parent]
            case _:
                return []

    def _parent(self) -> str:
        """Return the parent run, found by its tag or made; the nested runs that exist are learnt on the way.

        Looked up again after every failure: a run may have been made although its answer was lost.
        """
        if self.parent_run_id is not None and self._is_current:
            return self.parent_run_id
        started = self._night.started
        assert started is not None
        parent: str | None = None
        for run in self._writer.search(self.experiment_id, _condition(self._night)):
            tags = run.data.tags
            if PROBE_TAG in tags:
                self._runs[tags[PROBE_TAG]] = _KnownRun(run.info.run_id, DONE_TAG in tags)
            else:
                parent = run.info.run_id
        if parent is None:
            at, tags = rows.milliseconds(started.at), {NIGHT_TAG: rows.night_id(self._night)}
            parent = str(self._client.create_run(self.experiment_id, at, tags, started.session).info.run_id)
        self.parent_run_id, self._is_current = parent, True
        return parent

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

    def _open_run(self, plan: ev.ProbePlan, at: str) -> _KnownRun:
        parent, probe = self._parent(), rows.probe_id(plan)
        if probe not in self._runs:
            tags = {
                **rows.plan_tags(self._night, plan),
                "mlflow.parentRunId": parent,
                NIGHT_TAG: rows.night_id(self._night),
                PROBE_TAG: probe,
            }
            name = rows.probe_name(self._night, plan)
            run = self._client.create_run(self.experiment_id, rows.milliseconds(at), tags, name)
            self._runs[probe] = _KnownRun(run.info.run_id, False)
        return self._runs[probe]

    def _write_probe(self, probe: FinishedProbe) -> None:
        known = self._open_run(probe.plan, probe.at)
        if known.is_complete:
            return
        self._writer.write(known.run_id, rows.probe_row(self._night, probe))
        self._writer.write(self._parent(), rows.RunRow({}, rows.progress_points(self._night, probe), {}))
        status = "FINISHED" if probe.outcome.status is ProbeStatus.COMPLETED else "FAILED"
        self._client.set_terminated(known.run_id, status, rows.milliseconds(probe.at))
        self._client.set_tag(known.run_id, DONE_TAG, "1")
        self._runs[rows.probe_id(probe.plan)] = _KnownRun(known.run_id, True)

    def _write_verdict(self, candidate: str) -> None:
        tags = rows.judged_tags(self._night, candidate)
        for probe in self._night.probes:
            known = self._runs.get(rows.probe_id(probe.plan))
            if probe.plan.candidate == candidate and known is not None:
                self._writer.write(known.run_id, rows.RunRow({}, [], tags))

    def _mark_probes(self, mark: Invalidation) -> None:
        self._parent()
        for probe in self._night.invalidated:
            known = self._runs.get(rows.probe_id(probe.plan))
            if known is not None and self._night.marked[probe.plan.number] is mark:
                self._writer.write(known.run_id, rows.RunRow({}, [], rows.marked_tags(mark)))

    def _finish(self) -> None:
        """End runs whose probe never ended, and put the report's files on the parent run."""
        if self._night.started is None:
            return
        parent = self._parent()
        ended = {rows.probe_id(probe.plan) for probe in self._night.ended}
        for probe, known in self._runs.items():
            if probe not in ended:
                self._client.set_tag(known.run_id, "status", "interrupted")
                self._client.set_terminated(known.run_id, "KILLED")
        self._write_parent()
        for name in ARTIFACTS:
            if (self._folder / name).is_file():
                self._client.log_artifact(parent, str(self._folder / name))

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


class _KnownRun(NamedTuple):
    run_id: str
    is_complete: bool


class _RunWriter:
    """Writes plain rows through an MLflow client, within its limits per request."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def write(self, run_id: str, row: rows.RunRow) -> None:
        """Log params, metrics and tags; writing the same again changes nothing."""
        from mlflow.entities import Metric, Param, RunTag

        params = [Param(key, value) for key, value in row.params.items()]
        tags = [RunTag(key, value) for key, value in row.tags.items()]
        metrics = [Metric(p.key, p.value, p.time_ms, p.step) for p in row.metrics]
        while params or tags or metrics:
            self._client.log_batch(run_id, metrics[:CHUNK], params[:90], tags[:90])
            params, tags, metrics = params[90:], tags[90:], metrics[CHUNK:]

    def search(self, experiment_id: str, condition: str) -> list[Any]:
        """Return all runs that meet `condition`."""
        found: list[Any] = []
        token: str | None = None
        while True:
            page = self._client.search_runs([experiment_id], condition, max_results=1000, page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return found


def start_mirror(uri: str, experiment: str, results_dir: Path, folder: Path) -> MlflowMirror:
    """Connect to the store at `uri`, find or make the experiment, and start mirroring.

    Raises:
        LaunchError: the store cannot be reached or written; the message names it and the cure.
    """
    try:
        client = _client(uri)
        experiment_id = _experiment(client, experiment, artifact_root(uri, results_dir))
    except LaunchError:
        raise
    except Exception as error:
        raise LaunchError(
            f"MLflow store `{without_password(uri)}` cannot be used: {_first_line(error)}; start its server or mend "
            "`[tracking] uri` (or MLFLOW_TRACKING_URI), or run without it: `--set tracking.mlflow=false`"
        ) from error
    return MlflowMirror(client, experiment_id, folder)


def find_run(uri: str, experiment: str, night: NightRecord) -> tuple[str, str] | None:
    """Return experiment id and parent run id of a night in the store, None when it is not there."""
    client = _client(uri)
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return None
    for run in _RunWriter(client).search(known.experiment_id, _condition(night)):
        if PROBE_TAG not in run.data.tags:
            return known.experiment_id, run.info.run_id
    return None


def mirrored_runs(uri: str, experiment: str) -> list[tuple[str, dict[str, str]]]:
    """Return status and tags of every run of an experiment in the store, none when there is no such experiment."""
    client = _client(uri)
    known = client.get_experiment_by_name(experiment)
    runs = _RunWriter(client).search(known.experiment_id, "") if known is not None else []
    return [(str(run.info.status), dict(run.data.tags)) for run in runs]


def read_runs(uri: str, experiment: str) -> list[dict[str, str]]:
    """Return the active runs of anybody's experiment, oldest first, as flat text for `nightlab audit`.

    Keys are `params.…`, `metrics.…` (last value), `status` and `name`; nested parents without metrics are left out.

    Raises:
        ConfigError: there is no such experiment.
        LaunchError: the store cannot be reached.
    """
    try:
        client = _client(uri)
        known = client.get_experiment_by_name(experiment)
        if known is None:
            raise ConfigError(
                f"MLflow store `{without_password(uri)}` has no experiment `{experiment}`; name another with "
                "`--experiment`"
            )
        runs = _RunWriter(client).search(known.experiment_id, "")
    except ConfigError:
        raise
    except Exception as error:
        raise LaunchError(
            f"MLflow store `{without_password(uri)}` cannot be read: {_first_line(error)}; start its server or mend "
            "`--mlflow-uri`"
        ) from error
    return [
        {
            **{f"params.{name}": str(value) for name, value in run.data.params.items()},
            **{f"metrics.{name}": repr(float(value)) for name, value in run.data.metrics.items()},
            "status": str(run.info.status),
            "name": str(run.info.run_name or run.info.run_id),
        }
        for run in sorted(runs, key=lambda run: run.info.start_time or 0)
        if INVALIDATED not in run.data.tags or PROBE_TAG not in run.data.tags
        if run.data.metrics or run.info.status in ("FAILED", "KILLED")
    ]


def _client(uri: str) -> Any:
    for name, value in {**QUIET, **PATIENCE}.items():  # MLflow reads them when it is imported
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(uri)


def _experiment(client: Any, name: str, artifacts: str | None) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None and known.lifecycle_stage != "active":
        raise LaunchError(
            f"MLflow experiment `{name}` was deleted; restore it in the UI or name another in `[tracking] experiment`"
        )
    identifier: str = known.experiment_id if known is not None else client.create_experiment(name, artifacts)
    client.set_experiment_tag(identifier, "mlflow.experimentKind", "custom_model_development")
    return identifier


def _condition(night: NightRecord) -> str:
    return f"tags.`{NIGHT_TAG}` = '{rows.night_id(night)}'"


def _first_line(error: Exception) -> str:
    lines = without_password(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
