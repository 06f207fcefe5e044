"""MLflow's server away from a night: at its start, in its middle, until its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from runner.bench.faults.nights import PATIENCE_S, Night, Place, count, wait_for
from tracking import events as ev
from tracking.mlflow_client import DONE_TAG, PROBE_TAG
from tracking.mlflow_reading import mirrored_runs
from tracking.mlflow_store import server_command

Problems = list[str]


def mlflow_away(place: Place, number: int) -> tuple[str, Problems]:
    """Start a night whose MLflow server is not there."""
    night = place.night(f"mlflow-away-{number}")
    uri = f"tracking.uri=http://127.0.0.1:{free_port()}"
    code = night.run("tracking.mlflow=true", uri).wait(PATIENCE_S)
    told = "MLflow store" in night.said and "tracking.mlflow=false" in night.said
    return "", [] if code == 3 and told and not night.out.exists() else [f"exit code {code}: {night.said[-400:]}"]


def mlflow_back(place: Place, number: int) -> tuple[str, Problems]:
    """Kill the MLflow server in the middle of a night and start it again before the end."""
    night, port = place.night(f"mlflow-back-{number}"), free_port()
    with mlflow_server(night.out.parent, port) as server:
        process = night.run(*_tracked(port), environment={"PROBE_S": "0.8"})
        wait_for(process, lambda: count(night.ledger, b"probe_finished") >= 4)
        server.kill()
        wait_for(process, lambda: count(night.ledger, b"probe_finished") >= 12)
        server.start()
        code = process.wait(PATIENCE_S)
        problems = [] if code == 0 else [f"exit code {code}: {night.said[-400:]}"]
        return "", problems + _missing_in_mlflow(night, port)


def mlflow_gone(place: Place, number: int) -> tuple[str, Problems]:
    """Kill the MLflow server in the middle of a night, and start it again only after its end."""
    night, port = place.night(f"mlflow-gone-{number}"), free_port()
    with mlflow_server(night.out.parent, port) as server:
        process = night.run(*_tracked(port))
        wait_for(process, lambda: count(night.ledger, b"probe_finished") >= 4)
        server.kill()
        code = process.wait(PATIENCE_S)
        problems = [] if code == 0 else [f"exit code {code}: {night.said[-400:]}"]
        if not any("not in MLflow" in warning.message for warning in night.record().warnings):
            problems.append("the ledger does not tell what MLflow lacks")
        server.start()
        code = night.run().wait(PATIENCE_S)
        problems += [] if code == 0 else [f"resume ended with exit code {code}: {night.said[-400:]}"]
        return "", problems + _missing_in_mlflow(night, port)


class MlflowServer:
    """An MLflow server on loopback that can be killed and started again on the same store."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = server_command(f"sqlite:///{self._folder / 'server.db'}", self._folder, self._port)
        assert command is not None
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command.argv,
                env={**os.environ, **command.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self._folder,
            )  # fmt: skip
        ends = time.monotonic() + 120.0
        while time.monotonic() < ends:
            with suppress(URLError, OSError), build_opener(ProxyHandler({})).open(f"{command.url}/health", timeout=2):
                return
            time.sleep(0.2)
        raise TimeoutError(f"the MLflow server did not start; see {self._folder / 'server.log'}")

    def kill(self) -> None:
        """Kill it with its workers."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None


@contextmanager
def mlflow_server(folder: Path, port: int) -> Generator[MlflowServer]:
    """Run a server while the context is open."""
    server = MlflowServer(folder, port)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _tracked(port: int) -> tuple[str, ...]:
    return ("tracking.mlflow=true", f"tracking.uri=http://127.0.0.1:{port}")


def _missing_in_mlflow(night: Night, port: int) -> Problems:
    """Return what the store lacks of a night."""
    runs = mirrored_runs(f"http://127.0.0.1:{port}", "nightlab")
    probes = {tags[PROBE_TAG]: tags for _, tags in runs if PROBE_TAG in tags}
    wanted = [event for event in night.events() if isinstance(event, ev.ProbeFinished)]
    lacking = [e for e in wanted if DONE_TAG not in probes.get(f"{e.plan.number}.{e.plan.attempt}", {})]
    problems = [f"{len(lacking)} of {len(wanted)} probes are missing in MLflow"] if lacking else []
    parents = [(status, tags) for status, tags in runs if PROBE_TAG not in tags]
    if [status for status, _ in parents] != ["FINISHED"] or not parents[0][1].get("verdict"):
        problems.append("the night itself is not finished in MLflow, or is there twice")
    if len(probes) + len(parents) != len(runs):
        problems.append("a probe is there twice")
    return problems
