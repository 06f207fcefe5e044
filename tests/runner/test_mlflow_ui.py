from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest
from fakes_session import fake_surroundings, write_session
from rich.console import Console

from probes.errors import LaunchError
from runner.mlflow_ui import serve
from runner.overrides import load_session
from runner.session import start_night
from tracking.config import TrackingConfig
from tracking.ledger import read_events
from tracking.mlflow_comparison import missing_in_store
from tracking.mlflow_store import store_uri

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_store_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LaunchError, match="no MLflow store"):
        serve(None, 5999, Console(stderr=True), {})


def test_a_port_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mlflow.db").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LaunchError, match="is in use"):
            serve(None, taken.getsockname()[1], Console(stderr=True), {})


def test_a_server_with_its_own_ui_is_only_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serve(None, 5999, Console(stderr=True), {"MLFLOW_TRACKING_URI": "http://mlflow.example"})
    assert capsys.readouterr().out == "http://mlflow.example\n"
    serve(None, 5999, Console(stderr=True), {"MLFLOW_TRACKING_URI": "http://me:pw@mlflow.example"})
    assert capsys.readouterr().out == "http://mlflow.example\n", "a terminal is read by others"


def ui(folder: Path, port: int) -> tuple[subprocess.Popen[str], str]:
    """Start `nightlab ui` and return it with the link that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.cli", "ui", str(folder), "--port", str(port)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def is_gone(family: list[psutil.Process], limit_s: float) -> bool:
    """Return whether every process has ended before the limit; what is not reaped yet has."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a night that is in its store."""
    folder = tmp_path_factory.mktemp("ui")
    config = load_session(write_session(folder), ["tracking.mlflow=true", "budget.probes=19"])
    return start_night(config, folder / "out", fake_surroundings(folder)).folder.path


@pytest.mark.server
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, from SQLAlchemy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_ui_shows_the_night_and_leaves_nothing_behind(mirrored: Path, number: signal.Signals) -> None:
    port = free_port()
    process, link = ui(mirrored, port)
    family = psutil.Process(process.pid).children(recursive=True)
    assert link.startswith(f"http://127.0.0.1:{port}/#/experiments/")
    assert "/runs/" in link
    assert link.endswith("?workflowType=machine_learning")
    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=30) as page:
        assert page.status == 200
    assert len(family) >= 3, "a guard, MLflow's command and its server"
    process.send_signal(number)
    assert process.wait(timeout=60) == (0 if number is not signal.SIGKILL else -9)
    assert process.stdout is not None
    process.stdout.close()
    assert is_gone(family, 30.0)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


@pytest.mark.server
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_the_ui_starts_sends_anything_home(mirrored: Path) -> None:
    process, _ = ui(mirrored, free_port())
    family = psutil.Process(process.pid).children(recursive=True)
    told = [member.environ() for member in family]
    commands = [" ".join(member.cmdline()) for member in family]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert told
    assert all(each["MLFLOW_DISABLE_TELEMETRY"] == "true" and each["DO_NOT_TRACK"] == "true" for each in told)
    assert not any("huey" in command or "job_runner" in command for command in commands)


@pytest.mark.server
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_night_that_the_store_lost_is_written_from_its_ledger(mirrored: Path) -> None:
    for file in mirrored.parent.glob("mlflow.db*"):
        file.unlink()
    process, link = ui(mirrored, free_port())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert "/runs/" in link
    store = store_uri(TrackingConfig(), mirrored.parent, {})
    assert missing_in_store(store, "nightlab", read_events(mirrored / "ledger.jsonl")) == []
