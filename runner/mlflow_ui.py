"""The MLflow UI on a session's store, on loopback only, stopped with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
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
from runner.session import recorded_config
from tracking.config import TrackingConfig
from tracking.mlflow_store import ServerCommand, run_link, server_command, store_uri

START_LIMIT_S = 90.0
STOP_PATIENCE_S = 5.0
_POLL_S = 0.25


def serve(session: Path | None, port: int, console: Console, environ: Mapping[str, str]) -> None:
    """Show the store of `session` (None: of `results/`) until Ctrl-C; the link goes to standard output.

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
    if uri.endswith(str(store)) and not store.is_file():
        raise LaunchError(f"there is no MLflow store at `{store}` yet; run a session first, or name its folder")
    command = server_command(uri, results, port)
    if command is None:
        print(uri)
        return
    if _is_taken(port):
        raise LaunchError(f"port {port} is in use; choose another with --port")
    link = command.url
    if night is not None:
        from tracking.mlflow_reading import find_run

        found = find_run(uri, config.experiment, night)
        link = run_link(command.url, *found) if found is not None else link
    _serve(command, link, console, environ)


def _serve(command: ServerCommand, link: str, console: Console, environ: Mapping[str, str]) -> None:
    """Run the server in its own group until a signal comes or it ends."""
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    process = subprocess.Popen(
        command.argv,
        env={**environ, **command.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
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
        _stop_all(process)
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_all(process: subprocess.Popen[str]) -> None:
    """End the server and everything it started, also what moved to a group of its own."""
    family = [psutil.Process(process.pid)] if process.poll() is None else []
    with suppress(psutil.Error):
        family += [child for parent in family for child in parent.children(recursive=True)]
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=STOP_PATIENCE_S)
    for member in alive:
        with suppress(psutil.Error):
            member.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


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
