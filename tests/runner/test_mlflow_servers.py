"""Whole nights on real servers that go away: nothing may be missing afterwards, held against the ledger."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from fakes_postgres import Postgres, postgres
from fakes_session import fake_surroundings, write_session

from runner.cli import main
from runner.overrides import load_session
from runner.session import NightEnd, resume_night, start_night
from tracking.config import TrackingConfig
from tracking.ledger import read_events
from tracking.mlflow_comparison import missing_in_store
from tracking.mlflow_store import server_command, store_uri

EXPERIMENT = "servers"
pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's own, from SQLAlchemy
]


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


class HttpServer:
    """An `mlflow server` of one's own on loopback, SQLite behind it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        command = server_command(store_uri(TrackingConfig(), folder, {}), folder, port)
        assert command is not None
        self.uri = command.url
        self._command, self._log = command, folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command.argv, env={**os.environ, **self._command.environment}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 120
        while True:
            try:
                with build_opener(ProxyHandler({})).open(f"{self.uri}/health", timeout=1.0):
                    return
            except OSError:
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.2)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Generator[HttpServer]:
    (tmp_path / "server").mkdir()
    server = HttpServer(tmp_path / "server")
    server.start()
    yield server
    server.kill()


def run_night(folder: Path, uri: str, seconds: str = "0") -> NightEnd:
    file = write_session(folder)
    settings = ["tracking.mlflow=true", f"tracking.uri={uri}", f"tracking.experiment={EXPERIMENT}"]
    around = fake_surroundings(folder, FAKE_SECONDS=seconds, FAKE_ADAPTERS="1")
    return start_night(load_session(file, settings), folder / "out", around)


@contextmanager
def after_probes(ledger: Path, *acts: tuple[int, Callable[[], None]]) -> Generator[None]:
    """Do something each time so many probes have ended, while the context is open."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for count, do in acts:
                while not ledger.is_file() or ledger.read_bytes().count(b'"probe_finished"') < count:
                    time.sleep(0.05)
                do()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert failed == []


def test_nothing_is_missing_of_a_night_on_postgresql(tmp_path: Path, database: Postgres) -> None:
    end = run_night(tmp_path, database.uri)
    assert end.night.claim is not None
    assert [warning.message for warning in end.night.warnings if warning.subject == "MLflow"] == []
    assert missing_in_store(database.uri, EXPERIMENT, read_events(end.folder.ledger)) == []


def test_nothing_is_missing_after_postgresql_was_killed_in_the_middle(tmp_path: Path, database: Postgres) -> None:
    ledger = tmp_path / "out" / "ledger.jsonl"
    with after_probes(ledger, (8, database.kill), (20, database.start)):
        end = run_night(tmp_path, database.uri, seconds="0.3")
    told = [warning.message for warning in end.night.warnings if warning.subject == "MLflow"]
    assert "could not be written for a while" in told[0]
    assert told[-1] == "everything was written to MLflow afterwards"
    assert end.night.claim is not None
    assert missing_in_store(database.uri, EXPERIMENT, read_events(ledger)) == []


def test_nothing_is_missing_after_a_remote_server_was_killed_and_came_back_after_the_night(
    tmp_path: Path, server: HttpServer
) -> None:
    ledger = tmp_path / "out" / "ledger.jsonl"
    with after_probes(ledger, (8, server.kill)):
        end = run_night(tmp_path, server.uri, seconds="0.2")
    told = [warning.message for warning in end.night.warnings if warning.subject == "MLflow"]
    assert "are not in MLflow" in told[-1]
    assert end.night.claim is not None
    server.start()
    lost = missing_in_store(server.uri, EXPERIMENT, read_events(ledger))
    assert lost
    again = resume_night(tmp_path / "out", fake_surroundings(tmp_path))
    assert missing_in_store(server.uri, EXPERIMENT, read_events(ledger)) == []
    assert "what was missing is in MLflow now" in [warning.message for warning in again.night.warnings][-1]


def test_a_promotion_reaches_the_registry_and_a_withdrawn_claim_leaves_it(tmp_path: Path, database: Postgres) -> None:
    from mlflow import MlflowClient

    end = run_night(tmp_path, database.uri)
    assert end.night.claim is not None
    assert end.night.claim.confirmed
    around = fake_surroundings(tmp_path, USER="ada")
    arguments = ("--role", "production", "--reason", "holds every guard", "--results", str(tmp_path))
    with pytest.raises(SystemExit) as promoted:
        main(("champion", "promote", str(end.folder.path), *arguments), around)
    assert promoted.value.code == 0
    client = MlflowClient(database.uri)
    version = client.get_model_version_by_alias(EXPERIMENT, "production")
    files = {file.path for file in client.list_artifacts(version.run_id, "champion")}
    assert files == {"champion/recipe.toml", "champion/adapter"}
    confirmed = next(probe for probe in end.night.probes if probe.plan.phase == "confirm")
    since = ("--since", f"#{confirmed.plan.number}", "--reason", "the server answered for the base")
    with pytest.raises(SystemExit) as marked:
        main(("invalidate", str(end.folder.path), *since), around)
    assert marked.value.code == 0
    assert client.get_registered_model(EXPERIMENT).aliases == {}
    assert client.get_model_version(EXPERIMENT, version.version).tags["verdict"] == "withdrawn"
    assert missing_in_store(database.uri, EXPERIMENT, read_events(end.folder.ledger)) == []
