"""A place to run a document's commands in: a fresh clone of the checkout as it is now, in a folder that goes again.

What a reader would have after `make env` is there from the start: `nightlab`, `python` and the tools of the environment
that runs this, so that nothing is downloaded. The miniature's base model is shared with the user's cache. Ports, the
home folder and the machine's load are the machine's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from runner.documents.blocks import Block

ADDRESS = "ADDRESS"
"""Stands in the documents for where the project is cloned from."""
CLONE = "nightlab"
HOME = "/home/you"
"""Stands in what is shown for the folder of the clone's parent, and for the user's own."""
USER = "you"
TOOLS = ("python", "ruff", "pyright", "lint-imports")
_STOP_S = 60.0


class Played(NamedTuple):
    """What came of a block."""

    exit_code: int
    output: str
    """Standard output."""
    log: str
    """Standard error."""
    seconds: float


class Stage:
    """Runs blocks one after the other, each where the one before it has left off."""

    def __init__(self, checkout: Path, environ: Mapping[str, str]) -> None:
        """Play what `checkout` holds, uncommitted changes included."""
        self._checkout, self._environ = checkout, environ
        self._folder = Path(tempfile.mkdtemp(prefix="nightlab-docs-"))
        self._source, self._environment = self._folder / "source", self._folder / "environment"
        self._home, self._place = self._folder / "home", self._folder / "place"

    @property
    def clone(self) -> Path:
        """Where the project lies for the commands."""
        return self._home / CLONE

    def __enter__(self) -> Self:
        """Copy the checkout and make its environment."""
        listed = self._git("ls-files", "-co", "--exclude-standard", "-z", cwd=self._checkout)
        for name in filter(None, listed.split("\0")):
            if (self._checkout / name).is_file():
                (self._source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._checkout / name, self._source / name)
        self._git("init", "--quiet")
        self._git("add", "--all")
        self._git("-c", "user.name=docs", "-c", "user.email=docs@localhost", "commit", "--quiet", "-m", "as it is now")
        self._home.mkdir()
        self._make_environment()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def begin(self, clones_itself: bool) -> None:
        """Start a document: in a fresh clone, or beside it where the document clones the project itself."""
        shutil.rmtree(self.clone, ignore_errors=True)
        if not clones_itself:
            self._git("clone", "--quiet", str(self._source), str(self.clone), cwd=self._home)
        self._place.write_text(str(self._home if clones_itself else self.clone), encoding="utf-8")

    def put(self, name: str, text: str) -> None:
        """Write a file that a document shows."""
        path = self.clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def play(self, block: Block, limit_s: float) -> Played:
        """Run a command block as a reader would type it.

        Raises:
            TimeoutError: it took longer than `limit_s`.
        """
        text = block.text.replace(ADDRESS, str(self._source))
        script = f'set -eo pipefail\ncd "$(cat {self._place})"\n{text}\npwd > {self._place}\n'
        out, err, began = self._folder / "out", self._folder / "err", time.monotonic()
        with out.open("wb") as output, err.open("wb") as log:
            process = subprocess.Popen(
                ["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                env=self._variables(), start_new_session=True,
            )  # fmt: skip
            try:
                until = block.marks.get("until")
                while process.poll() is None:
                    if until is not None and until in out.read_text(encoding="utf-8", errors="replace"):
                        self._interrupt(process)
                        break
                    if time.monotonic() - began > limit_s:
                        raise TimeoutError(f"line {block.line} took more than {limit_s:.0f} s:\n{block.text}")
                    time.sleep(0.05)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said, logged = (self._shown(path.read_text(encoding="utf-8", errors="replace")) for path in (out, err))
        return Played(process.returncode, said, logged, time.monotonic() - began)

    def _interrupt(self, process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)

    def _shown(self, text: str) -> str:
        text = text.replace(str(self._home), HOME).replace(str(self._source), ADDRESS)
        own = self._environ.get("HOME", "").rstrip("/")
        return text.replace(f"{own}/", f"{HOME}/") if own else text

    def _variables(self) -> dict[str, str]:
        return {
            **self._environ,
            "PATH": f"{self._environment / 'bin'}{os.pathsep}{self._environ.get('PATH', os.defpath)}",
            "VENV": str(self._environment),
            "PYTHONPATH": str(self.clone),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "COLUMNS": "120",
            "USER": USER,
            "LOGNAME": USER,
        }

    def _make_environment(self) -> None:
        folder, own = self._environment / "bin", Path(sys.executable).parent
        folder.mkdir(parents=True)
        commands = {name: str(own / name) for name in TOOLS if (own / name).is_file()}
        commands |= {"python": sys.executable, "nightlab": f"{sys.executable} -m runner.cli"}
        for name, command in commands.items():
            (folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
            (folder / name).chmod(0o755)
        (folder / "activate").write_text("# the player's PATH has the environment already\n", encoding="utf-8")
        # Newer than the pins of every clone to come, so that `make` has nothing to install.
        stamp = self._environment / ".nightlab-installed"
        stamp.touch()
        os.utime(stamp, (time.time() + 1e6, time.time() + 1e6))

    def _git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self._source, capture_output=True, text=True, check=True,
            env={**self._environ, "GIT_CONFIG_GLOBAL": os.devnull},
        )  # fmt: skip
        return done.stdout
