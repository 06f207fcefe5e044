"""The MLflow UI on a session's store, on loopback only, stopped with everything it started however nightlab ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil
from rich.console import Console

from probes.errors import LaunchError
from runner.folder import RESULTS, SessionFolder
from runner.mlflow_link import Address, write_link_page
from runner.mlflow_night import parent_run
from runner.serving.guard import PATIENCE_S
from runner.session import recorded_config
from tracking.config import TrackingConfig
from tracking.mlflow_store import ServerCommand, server_command, store_uri, without_password

START_LIMIT_S = 90.0
STOP_PATIENCE_S = PATIENCE_S + 5.0
_POLL_S = 0.25
_ROOT = Path(__file__).resolve().parents[1]


def serve(session: Path | None, port: int, console: Console, environ: Mapping[str, str]) -> None:
    """Show the store of `session` (None: of `results/`) until Ctrl-C; the link goes to standard output.

    A night that the store does not have is written from its ledger first.

    Raises:
        LaunchError: the port is taken, there is no store yet, or the server does not come up.
    """
    folder = SessionFolder(session) if session is not None else None
    night = folder.load() if folder is not None else None
    config = TrackingConfig()
    if folder is not None and night is not None and night.started is not None:
        config = recorded_config(night, folder).tracking
    results = folder.path.parent if folder is not None else RESULTS.resolve()
    uri = store_uri(config, results, environ)
    store = results / "mlflow.db"
    if folder is None and uri.endswith(str(store)) and not store.is_file():
        raise LaunchError(f"there is no MLflow store at `{store}` yet; run a session first, or name its folder")
    command = server_command(uri, results, port)
    if command is not None and _is_taken(port):
        raise LaunchError(f"port {port} is in use; choose another with --port")
    url = command.url if command is not None else without_password(uri)
    found = None
    if folder is not None and night is not None and night.started is not None:
        found = parent_run(uri, config, night, folder, console.print)
    link = write_link_page(folder.path, Address(uri, *found), port) if folder is not None and found is not None else url
    if command is None:
        print(link)
        return
    _serve(command, link, console, environ)


def _serve(command: ServerCommand, link: str, console: Console, environ: Mapping[str, str]) -> None:
    """Run the server behind a guard until a signal comes or it ends."""
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    # MLflow's server does not end its own children when it is killed: the guard does, also when we are killed.
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.serving.guard", str(Path.cwd()), *command.argv],
        env={**environ, **command.environment},
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        log: list[str] = []
        is_up = False
        limit = time.monotonic() + START_LIMIT_S
        while not stopping:
            with suppress(TypeError):  # a text pipe with nothing in it
                log = [*log, *process.stdout.readlines()][-40:]
            if process.poll() is not None:
                raise LaunchError(f"MLflow's server ended with exit code {process.returncode}:\n{''.join(log)}")
            if not is_up and _answers(command.url):
                is_up = True
                print(link, flush=True)
                console.print("Ctrl-C stops the server")
            if not is_up and time.monotonic() > limit:
                raise LaunchError(f"MLflow's server did not come up within {START_LIMIT_S:.0f} s:\n{''.join(log)}")
            time.sleep(_POLL_S)
    finally:
        _stop(process)
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(guard: subprocess.Popen[str]) -> None:
    """Let the guard end the server and all it started; end them ourselves where it is gone or does not."""
    family = psutil.Process(guard.pid).children(recursive=True) if guard.poll() is None else []
    assert guard.stdin is not None
    assert guard.stdout is not None
    with suppress(OSError):
        guard.stdin.close()
    try:
        guard.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
    for member in family:
        with suppress(psutil.Error):
            member.kill()
    guard.stdout.close()


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/health", timeout=1.0) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
