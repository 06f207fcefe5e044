"""What sandboxed code may use, and what a run of it says."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from probes.frozen import Frozen

Stopped = Literal["time", "cpu", "memory", "processes", "output"]
"""The limit for which a run was ended."""


class Limits(Frozen):
    """Bounds of one run. Each process has its own CPU time and file size; the rest is for all of them together."""

    seconds: float = Field(default=10.0, gt=0.0, le=3600.0)
    """Wall time, start-up (about a tenth of a second) included."""
    cpu_seconds: int = Field(default=10, ge=1, le=3600)
    """CPU time of any one process."""
    memory_mib: int = Field(default=512, ge=64, le=65_536)
    """Address space of any one process, and private memory of all of them."""
    processes: int = Field(default=16, ge=1, le=4096)
    """Processes and threads at once."""
    output_kib: int = Field(default=256, ge=1, le=65_536)
    """Standard output and standard error, each; one that writes more is ended."""
    file_mib: int = Field(default=16, ge=1, le=65_536)
    """Size of any one file."""
    disk_mib: int = Field(default=32, ge=1, le=65_536)
    """Size of all files; they lie in memory. Without isolation there is no such limit."""
    files: int = Field(default=512, ge=64, le=1_000_000)
    """Number of files and folders. Without isolation there is no such limit."""


class RunResult(NamedTuple):
    """How a run ended."""

    exit_code: int | None
    """None where a signal or a limit ended it, or it never started."""
    stdout: bytes
    """At most `output_kib`."""
    stderr: bytes
    seconds: float
    stopped: Stopped | None = None
    """The limit that ended it, None where none did."""
    signal: int | None = None
    """The signal that ended the program."""
    problem: str | None = None
    """Why it could not be started: nothing of it ran."""
    problem_number: int | None = None
    """The problem's `errno`, where it has one."""
    note: str = ""
    """Says so where it ran without isolation."""

    @property
    def ending(self) -> str:
        """Say in a few words how it ended."""
        if self.problem is not None:
            return f"did not start: {self.problem}"
        if self.stopped is not None:
            return f"was stopped at its {_LIMIT_WORDS[self.stopped]} limit"
        if self.signal is not None:
            return f"ended by signal {self.signal}"
        return "broke off" if self.exit_code is None else f"ended with code {self.exit_code}"


_LIMIT_WORDS: dict[Stopped, str] = {
    "time": "time",
    "cpu": "CPU time",
    "memory": "memory",
    "processes": "process",
    "output": "output",
}


class Verdict(NamedTuple):
    """What tests say of a program."""

    passed: bool | None
    """None where they could not be run: the sandbox did not start, or the tests themselves are broken."""
    reason: str
    """One line; empty when passed, but for a note that there was no isolation."""
    output: str
    """The end of what the program printed."""
    seconds: float
