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


@pytest.mark.server
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, from SQLAlchemy
def test_the_ui_shows_the_night_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = write_session(tmp_path)
    settings = ["tracking.mlflow=true", "budget.probes=19"]
    end = start_night(load_session(file, settings), tmp_path / "out", fake_surroundings(tmp_path))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.cli", "ui", str(end.folder.path), "--port", str(port)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    link = process.stdout.readline().strip()
    family = psutil.Process(process.pid).children(recursive=True)
    assert link.startswith(f"http://127.0.0.1:{port}/#/experiments/")
    assert "/runs/" in link
    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=10) as page:
        assert page.status == 200
    assert family
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    deadline = time.monotonic() + 5
    while any(member.is_running() for member in family) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(member.is_running() for member in family)
