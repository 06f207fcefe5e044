"""Start, watch and end of a server, with a stand-in for vLLM that really listens; the real one is tested beside it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from probes.errors import LaunchError
from probes.evaluation.backends.config import ServingConfig
from probes.evaluation.backends.vllm_client import is_healthy
from runner.serving.command import ServerCommand
from runner.serving.plan import pick_port
from runner.serving.server import VllmServer

STAND_IN = """
import http.server, sys
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
print("up", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy).serve_forever()
"""


def server(folder: Path, code: str = STAND_IN, startup_s: float = 20.0, restarts: int = 1) -> VllmServer:
    port = pick_port(ServingConfig())
    command = ServerCommand((sys.executable, "-c", code, str(port)), dict(os.environ))
    said: list[str] = []
    made = VllmServer(command, f"http://127.0.0.1:{port}", folder / "vllm.log", startup_s, restarts, said.append)
    made.said = said  # type: ignore[attr-defined]
    return made


def kill_server(one: VllmServer) -> None:
    (child,) = psutil.Process(one.pid).children()
    child.send_signal(signal.SIGKILL)


def wait_until(what: object, patience_s: float = 20.0) -> None:
    assert callable(what)
    limit = time.monotonic() + patience_s
    while not what() and time.monotonic() < limit:
        time.sleep(0.05)
    assert what()


def test_a_server_is_up_inside_and_gone_outside(tmp_path: Path) -> None:
    with server(tmp_path) as one:
        assert is_healthy(one.url)
        family = psutil.Process(one.pid).children(recursive=True)
        assert family
    assert not is_healthy(one.url)
    assert not any(member.is_running() for member in family)
    assert "up" in one.log_tail()


def test_one_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="ended with exit code 3 before it answered") as refusal:
        server(tmp_path, "import sys; print('no such model'); sys.exit(3)").start()
    assert "no such model" in str(refusal.value)


def test_one_that_never_answers_is_ended_and_told(tmp_path: Path) -> None:
    one = server(tmp_path, "import time; print('loading', flush=True); time.sleep(60)", startup_s=1.0)
    with pytest.raises(LaunchError, match=r"did not answer on http://127.* within 1 s \(`serving\.startup_s`\)"):
        one.start()
    assert one.pid is not None
    assert not psutil.pid_exists(one.pid)


def test_a_dead_server_is_started_again_until_it_is_given_up(tmp_path: Path) -> None:
    failed: list[bool] = []
    with server(tmp_path, restarts=1) as one:
        one.watch(lambda: failed.append(True))
        kill_server(one)
        wait_until(lambda: one.deaths == 1 and is_healthy(one.url))
        assert not failed
        kill_server(one)
        wait_until(lambda: bool(failed))
        assert one.failure is not None
        assert "exit code 137 for the 2. time (`serving.restarts` = 1)" in one.failure
    assert any("starting it again (1 of 1)" in line for line in one.said)  # type: ignore[attr-defined]


def test_stopping_is_no_death(tmp_path: Path) -> None:
    with server(tmp_path) as one:
        one.watch(lambda: pytest.fail("given up"))
    assert one.deaths == 0
    one.stop()
