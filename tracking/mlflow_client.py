"""Opening an MLflow store and writing to its runs within its limits. Everything here may be done twice."""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from probes.errors import LaunchError
from tracking.mlflow_datasets import DatasetRow
from tracking.mlflow_rows import RunRow
from tracking.mlflow_store import PATIENCE, QUIET

CHUNK = 800
"""Metrics per request; the store takes 1,000 entities."""
NAMES = 90
"""Params, and tags, per request; the store takes 100."""
NIGHT_TAG, PROBE_TAG, DONE_TAG = "nightlab.session_id", "nightlab.probe", "nightlab.complete"
TABLES_TAG = "mlflow.loggedArtifacts"
"""Which artifacts MLflow's UI shows as tables."""
_ABOUT = "A run per night, whose description tells what it found, and within it a run per probe."
"""The experiment's description until somebody writes another."""
_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # the UI opens it in its Model training view
    "mlflow.experiment.primaryMetric.name": "target",
    "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
}


def connect(uri: str) -> Any:
    """Return a client of the store at `uri`; MLflow is loaded here, quiet and without its telemetry."""
    for name, value in {**QUIET, **PATIENCE}.items():  # MLflow reads them when it is imported
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors reach us, and a live display is on the terminal
    return MlflowClient(uri)


def open_experiment(client: Any, name: str, artifacts: str | None) -> str:
    """Return the id of the experiment, made where there is none.

    Raises:
        LaunchError: it was deleted.
    """
    known = client.get_experiment_by_name(name)
    if known is not None and known.lifecycle_stage != "active":
        raise LaunchError(
            f"MLflow experiment `{name}` was deleted; restore it in the UI or name another in `[tracking] experiment`"
        )
    if known is not None:
        identifier: str = known.experiment_id
    else:
        identifier = client.create_experiment(name, artifacts)
        client.set_experiment_tag(identifier, "mlflow.note.content", _ABOUT)
    have: dict[str, str] = known.tags if known is not None else {}
    for key, value in _EXPERIMENT_TAGS.items():
        if have.get(key) != value:
            client.set_experiment_tag(identifier, key, value)
    return identifier


class Revocable:
    """An MLflow client that can be taken back from a thread nobody waits for any more."""

    def __init__(self, client: Any) -> None:
        """Pass everything on to `client`."""
        self._client, self._is_revoked = client, False

    def revoke(self) -> None:
        """Refuse every use from now on; a request that is under way may still get through."""
        self._is_revoked = True

    def __getattr__(self, name: str) -> Any:
        """Return the client's attribute."""
        if self._is_revoked:
            raise RuntimeError("this night is no longer mirrored")
        return getattr(self._client, name)


class RunWriter:
    """Writes plain rows through an MLflow client, within its limits per request."""

    def __init__(self, client: Any) -> None:
        """Write through `client`."""
        self._client = client

    def write(self, run_id: str, row: RunRow) -> None:
        """Log params, metrics and tags, the tags last; writing the same again changes nothing."""
        from mlflow.entities import Metric, Param, RunTag

        params = [Param(key, value) for key, value in row.params.items()]
        tags = [RunTag(key, value) for key, value in row.tags.items()]
        metrics = [Metric(p.key, p.value, p.time_ms, p.step) for p in row.metrics]
        while len(metrics) > CHUNK or len(params) > NAMES:
            self._client.log_batch(run_id, metrics[:CHUNK], params[:NAMES])
            params, metrics = params[NAMES:], metrics[CHUNK:]
        while params or tags or metrics:
            self._client.log_batch(run_id, metrics, params, tags[:NAMES])
            params, metrics, tags = [], [], tags[NAMES:]

    def write_datasets(self, run_id: str, rows: list[DatasetRow]) -> None:
        """Log what a run read."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        def as_input(row: DatasetRow) -> Any:
            source = json.dumps({"uri": row.path})
            made = Dataset(row.name, row.digest, "local", source, row.schema, row.profile)
            return DatasetInput(made, [InputTag("mlflow.data.context", row.context)])

        if rows:
            self._client.log_inputs(run_id, [as_input(row) for row in rows])

    def write_table(self, run_id: str, name: str, table: dict[str, Any]) -> dict[str, str]:
        """Upload a table as MLflow's own tables are kept, and return the tag that makes the UI show it as one.

        MLflow's `log_table` would append to what is there.
        """
        self.write_text(run_id, name, json.dumps(table, ensure_ascii=False))
        return {TABLES_TAG: json.dumps([{"path": name, "type": "table"}])}

    def write_text(self, run_id: str, name: str, text: str, folder: str | None = None) -> None:
        """Upload a text as an artifact."""
        with TemporaryDirectory(prefix="nightlab-mlflow-") as scratch:
            path = Path(scratch) / name
            path.write_text(text, encoding="utf-8")
            self._client.log_artifact(run_id, str(path), folder)

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
