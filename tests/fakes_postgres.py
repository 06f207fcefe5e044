"""A real PostgreSQL server of one's own, on loopback, that can be killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Postgres:
    """One server; PostgreSQL refuses to run as root, so root runs it as the user `postgres`."""

    def __init__(self, folder: Path, port: int) -> None:
        self._data, self._log, self._port = folder / "data", folder / "log", port
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self._data), "-U", "nightlab", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")

    @property
    def uri(self) -> str:
        return f"postgresql://nightlab@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._log), "-o", options, "-w", "start")

    def kill(self) -> None:
        """Stop without a shutdown: what was not committed is lost, and the next start recovers."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        # The server that pg_ctl starts keeps what it inherits open: no pipes.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [found(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                user=self._user,
                cwd="/",
                check=False,
            )
            said.seek(0)
            assert done.returncode == 0, said.read().decode(errors="replace")


def found(program: str) -> str:
    """Return the path of one of PostgreSQL's programs; skips the test without it."""
    path = shutil.which(program) or next((str(p / program) for p in _PLACES if (p / program).is_file()), None)
    if path is None:
        pytest.skip(f"`{program}` is not installed (Debian: apt-get install postgresql)")
    if os.getuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
    return path


@contextmanager
def postgres() -> Generator[Postgres]:
    """Start a server in a new folder; nothing of it is left afterwards."""
    pytest.importorskip("psycopg", reason="needs the extra `postgres`: pip install -e .[postgres]")
    found("initdb")
    folder = Path(tempfile.mkdtemp(prefix="nightlab-postgres-"))
    try:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        server = Postgres(folder, port)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
