"""Real sandboxes for tests, which skip where the machine has none."""

from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from probes.evaluation.scorers.exchange import CodeRunner
from probes.sandbox.sandbox import isolation_problem

needs_isolation = pytest.mark.skipif(isolation_problem() is not None, reason=f"no isolation: {isolation_problem()}")


@dataclass(frozen=True)
class SandboxAids:
    sandbox: CodeRunner | None
    judge: Any = None


def marked_processes(marker: str) -> list[int]:
    """Return the processes of this machine with `marker` among their arguments."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if marker in process.cmdline():
                found.append(process.pid)
        except psutil.Error:  # it has ended
            continue
    return found
