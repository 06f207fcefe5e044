"""Real sandboxes for tests, which skip where the machine has none."""

from dataclasses import dataclass
from typing import Any

import pytest

from probes.evaluation.scorers.exchange import CodeRunner
from probes.sandbox.sandbox import isolation_problem

needs_isolation = pytest.mark.skipif(isolation_problem() is not None, reason=f"no isolation: {isolation_problem()}")


@dataclass(frozen=True)
class SandboxAids:
    sandbox: CodeRunner | None
    judge: Any = None
