"""Where the MLflow copy of a night lives and how its UI is started. Text only: MLflow itself is not loaded here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tracking.config import TrackingConfig

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Set before MLflow is imported or started: no usage telemetry, no log lines of its own."""
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
"""Defaults for the client: the mirror has its own retries, and a night's end must not hang on a dead server."""

LACKS = "not in MLflow"
"""What the mirror's last word holds when something of a night is missing in the store."""


class ServerCommand(NamedTuple):
    """How `nightlab ui` starts MLflow's server."""

    argv: list[str]
    environment: dict[str, str]
    """To be laid over the caller's environment."""
    url: str
    """Where the UI answers."""


def store_uri(config: TrackingConfig, results_dir: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the tracking URI: the session's, else `MLFLOW_TRACKING_URI`, else a SQLite file in `results_dir`."""
    return config.uri or environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{results_dir.resolve() / 'mlflow.db'}"


def artifact_root(uri: str, results_dir: Path) -> str | None:
    """Return where new experiments keep artifacts; None: the server behind `uri` decides."""
    if urlsplit(uri).scheme in {"http", "https", "databricks", "uc"}:
        return None
    return (results_dir.resolve() / "mlartifacts").as_uri()


def without_password(text: str) -> str:
    """Return `text` with user and password taken out of every URI in it, for messages."""
    return re.sub(r"(://)[^/\s@]+@", r"\1", text)


def server_command(uri: str, results_dir: Path, port: int = 5000) -> ServerCommand | None:
    """Return the command of a UI on the store at `uri`, on loopback; None when `uri` is a server with its own UI.

    One worker, and MLflow's job runner stays off: it is not needed to look at a night and outlives a killed parent.
    """
    root = artifact_root(uri, results_dir)
    if root is None:
        return None
    argv = [
        sys.executable, "-m", "mlflow", "server", "--default-artifact-root", root,
        "--artifacts-destination", root, "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--allowed-hosts", f"127.0.0.1:{port},localhost:{port}",
    ]  # fmt: skip
    environment = {
        # Not an argument: everybody on the machine can read those, and an address may hold a password.
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return ServerCommand(argv, environment, f"http://127.0.0.1:{port}")


def run_link(url: str, experiment_id: str, run_id: str) -> str:
    """Return the address of a run in the UI at `url`, in its model-training view (the UI opens in the GenAI one)."""
    place = f"experiments/{quote(experiment_id, safe='')}/runs/{quote(run_id, safe='')}"
    return f"{url.rstrip('/')}/#/{place}?workflowType=machine_learning"
