"""What costly scorers of one probe work with, opened before it trains: a missing key is no reason to train first."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from probes.evaluation.code_items import sandbox_for
from probes.evaluation.judging.judge import Judge, open_judge
from probes.evaluation.scorers.exchange import CodeRunner
from probes.evaluation.suite import Item
from probes.request import ProbeRequest


@dataclass(frozen=True)
class ProbeAids:
    """Implements `Aids`."""

    judge: Judge | None = None
    sandbox: CodeRunner | None = None


@contextmanager
def open_aids(
    request: ProbeRequest, items: Sequence[Item], folder: Path, environ: Mapping[str, str]
) -> Generator[ProbeAids]:
    """Yield the aids that a probe's items need, closed with the block.

    Raises:
        LaunchError: the judge's key is missing, or code cannot be isolated on this machine and may not run without.
    """
    sandbox = sandbox_for(items, request.unisolated_code)
    judge = open_judge(request.judge, environ, folder) if request.judge is not None else None
    try:
        yield ProbeAids(judge, sandbox)
    finally:
        if judge is not None:
            judge.close()
