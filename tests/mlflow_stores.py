"""A real MLflow store in a folder, and what tests read of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tracking.config import TrackingConfig
from tracking.mlflow_mirror import MlflowMirror, start_mirror
from tracking.mlflow_store import store_uri


class Store(NamedTuple):
    """Where runs are kept, and the folder of the night that they tell of."""

    uri: str
    results: Path
    folder: Path

    def mirror(self, experiment: str) -> MlflowMirror:
        """Return a mirror that writes to the experiment."""
        return start_mirror(self.uri, experiment, self.results, self.folder)

    def runs(self, experiment: str) -> list[Any]:
        """Return all runs of the experiment."""
        from mlflow import MlflowClient

        client = MlflowClient(self.uri)
        known = client.get_experiment_by_name(experiment)
        assert known is not None
        return list(client.search_runs([known.experiment_id], max_results=1000))


def make_store(results: Path) -> Store:
    """Return a SQLite store in `results`, and a night's folder beside it."""
    folder = results / "night"
    folder.mkdir()
    for name in ("report.md", "report.html", "summary.json", "results.tsv", "session.toml"):
        (folder / name).write_text(f"{name}\n")
    return Store(store_uri(TrackingConfig(), results, {}), results, folder)


def parent_and_probes(runs: list[Any]) -> tuple[Any, dict[str, Any]]:
    """Return the night's run and its probes' by number and attempt, one each."""
    parents = [run for run in runs if "nightlab.probe" not in run.data.tags]
    assert len(parents) == 1
    probes = {run.data.tags["nightlab.probe"]: run for run in runs if "nightlab.probe" in run.data.tags}
    assert len(probes) == len(runs) - 1
    assert all(run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id for run in probes.values())
    return parents[0], probes
