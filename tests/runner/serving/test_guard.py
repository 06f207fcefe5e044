"""However nightlab ends, nothing it served with stays: real processes, really killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runner.serving.plan import PROJECT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")

ENGINE = """
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.setsid()
with socket.socket() as port:
    port.bind(("127.0.0.1", 0))
    port.listen()
    open(sys.argv[1], "w").write(f"{os.getppid()} {os.getpid()} {port.getsockname()[1]}")
    time.sleep(300)
"""
"""A grandchild in a session of its own that holds a port and ignores SIGTERM, which is more than vLLM's engine does."""
SERVER = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], sys.argv[2]])"
OWNER = """
import subprocess, sys, time
guard = subprocess.Popen(
    [sys.executable, "-m", "runner.serving.guard", *sys.argv[1:]], stdin=subprocess.PIPE, start_new_session=True
)
print(guard.pid, flush=True)
time.sleep(300)
"""


class Family:
    """An owner, its guard, the server, and the server's engine."""

    def __init__(self, folder: Path) -> None:
        told = folder / "told"
        command = [sys.executable, "-c", SERVER, ENGINE, str(told)]
        self.owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder), *command], cwd=PROJECT, stdout=subprocess.PIPE, text=True
        )
        assert self.owner.stdout is not None
        self.guard = int(self.owner.stdout.readline())
        limit = time.monotonic() + 20
        while not (told.is_file() and told.read_text().count(" ") == 2) and time.monotonic() < limit:
            time.sleep(0.02)
        self.server, self.engine, self.port = map(int, told.read_text().split())

    def wait_for_end(self, patience_s: float = 20.0) -> list[int]:
        """Wait until none is left; return those that are."""
        limit = time.monotonic() + patience_s
        left = [self.guard, self.server, self.engine]
        while left and time.monotonic() < limit:
            left = [pid for pid in left if runs(pid)]
            time.sleep(0.05)
        return left


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    started = Family(tmp_path)
    yield started
    started.owner.kill()
    started.owner.wait()
    if started.owner.stdout is not None:
        started.owner.stdout.close()
    for pid in (started.guard, started.server, started.engine):
        if runs(pid):
            os.kill(pid, signal.SIGKILL)


def test_kill_9_of_the_owner_leaves_no_process_and_no_port(family: Family) -> None:
    assert all(runs(pid) for pid in (family.guard, family.server, family.engine))
    assert not is_free(family.port)
    family.owner.kill()
    assert family.wait_for_end() == []
    assert is_free(family.port)


def test_a_server_that_dies_takes_its_engine_along(family: Family) -> None:
    os.kill(family.server, signal.SIGKILL)
    assert family.wait_for_end() == []


def test_kill_9_of_the_guard_ends_the_server(family: Family) -> None:
    os.kill(family.guard, signal.SIGKILL)
    limit = time.monotonic() + 10
    while runs(family.server) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not runs(family.server)


def test_the_guard_passes_on_how_the_server_ended(tmp_path: Path) -> None:
    for code, seen in (("import sys; sys.exit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)):
        guard = [sys.executable, "-m", "runner.serving.guard", str(tmp_path), sys.executable, "-c", code]
        process = subprocess.Popen(guard, cwd=PROJECT, stdin=subprocess.PIPE)
        assert process.wait(timeout=20) == seen
        assert process.stdin is not None
        process.stdin.close()
