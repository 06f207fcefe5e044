"""Reading MLflow stores: where a night's runs are, and other people's runs for an audit."""

from __future__ import annotations

from probes.errors import ConfigError, LaunchError
from tracking.mlflow_client import PROBE_TAG, RunWriter, connect
from tracking.mlflow_copy import night_condition
from tracking.mlflow_queue import first_line
from tracking.mlflow_store import without_password
from tracking.night import NightRecord
from tracking.probe_table import INVALIDATED


def find_run(uri: str, experiment: str, night: NightRecord) -> tuple[str, str] | None:
    """Return experiment id and parent run id of a night in the store, None when it is not there.

    Raises:
        LaunchError: the store cannot be reached.
    """
    try:
        client = connect(uri)
        known = client.get_experiment_by_name(experiment)
        if known is None:
            return None
        found = RunWriter(client).search(known.experiment_id, night_condition(night))
    except Exception as error:
        raise LaunchError(
            f"MLflow store `{without_password(uri)}` cannot be read: {first_line(error)}; start its server or mend "
            "`[tracking] uri` (or MLFLOW_TRACKING_URI)"
        ) from error
    parents = [run for run in found if PROBE_TAG not in run.data.tags]
    return (known.experiment_id, parents[0].info.run_id) if parents else None


def mirrored_runs(uri: str, experiment: str) -> list[tuple[str, dict[str, str]]]:
    """Return status and tags of every run of an experiment in the store, none when there is no such experiment."""
    client = connect(uri)
    known = client.get_experiment_by_name(experiment)
    runs = RunWriter(client).search(known.experiment_id, "") if known is not None else []
    return [(str(run.info.status), dict(run.data.tags)) for run in runs]


def read_runs(uri: str, experiment: str) -> list[dict[str, str]]:
    """Return the active runs of anybody's experiment, oldest first, as flat text for `nightlab audit`.

    Keys are `params.…`, `metrics.…` (last value), `status` and `name`; nested parents without metrics are left out.

    Raises:
        ConfigError: there is no such experiment.
        LaunchError: the store cannot be reached.
    """
    try:
        client = connect(uri)
        known = client.get_experiment_by_name(experiment)
        if known is None:
            raise ConfigError(
                f"MLflow store `{without_password(uri)}` has no experiment `{experiment}`; name another with "
                "`--experiment`"
            )
        runs = RunWriter(client).search(known.experiment_id, "")
    except ConfigError:
        raise
    except Exception as error:
        raise LaunchError(
            f"MLflow store `{without_password(uri)}` cannot be read: {first_line(error)}; start its server or mend "
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
