"""Nights to look at, one of each ending: real sessions, ledgers, reports and a real MLflow store.

Everything runs as it does at night but for the workers, which only pretend to train, and the language model, which is a
server on this machine with a few answers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import speaking_worker
from fakes_llm_server import LLMServer, Step
from fakes_proposals import said
from fakes_session import SESSION, fake_surroundings, write_lines, write_session
from hostile_texts import HOSTILE
from rich.console import Console

from probes.errors import NightlabError
from runner.cli import main
from runner.overrides import load_session
from runner.session import start_night

WORKER = (sys.executable, str(Path(speaking_worker.__file__)))
EXPERIMENT, ROLE = "staged", "production"
COMMON = ("tracking.mlflow=true", f"tracking.experiment={EXPERIMENT}", "referee.earlier_nights=false")
AT_THE_OPTIMUM = ("recipe.learning_rate=1e-2", "name=optimum")
HOSTILE_WORDS = HOSTILE[0] + HOSTILE[2]
OUR_WORDS = "A faster rate learns the voice."
SENSIBLE = (Step(said(value=9.0)), Step(said(value=0.005, hypothesis=OUR_WORDS)), Step("I would rather not."))


class Staged(NamedTuple):
    """Folders of the nights; the store lies beside them."""

    results: Path
    claim: Path
    no_claim: Path
    stopped: Path
    hostile: Path
    """A night whose items, answers and language model all say what a page must not run."""

    @property
    def reports(self) -> dict[str, Path]:
        """Ending → its HTML report."""
        nights = {"claim": self.claim, "no claim": self.no_claim, "stopped": self.stopped, "hostile": self.hostile}
        return {name: folder / "report.html" for name, folder in nights.items()}


def stage_nights(root: Path) -> Staged:
    """Run the nights below `root`."""
    results = root / "results"
    staged = Staged(results, *(results / name for name in Staged._fields[1:]))
    file = write_session(root, SESSION.replace("samples = 1", "samples = 2").replace("mlflow = false", ""))
    _run(file, staged.claim, (), SENSIBLE)
    _promote(staged.claim, root)
    _run(file, staged.no_claim, AT_THE_OPTIMUM)
    _run(file, staged.stopped, ("name=stopped",), FAKE_ONE_MODEL="1")
    items = [json.loads(line) for line in (root / "items.jsonl").read_text().splitlines()]
    write_lines(root / "items.jsonl", [{**row, "prompt": HOSTILE[i % len(HOSTILE)]} for i, row in enumerate(items)])
    words = Step(said(value=0.005, hypothesis=HOSTILE_WORDS))
    _run(file, staged.hostile, ("name=hostile",), (words, Step(HOSTILE[0])), FAKE_ANSWERS="hostile")
    return staged


def _run(file: Path, out: Path, settings: Sequence[str], model: Sequence[Step] = (), **environment: str) -> None:
    around = fake_surroundings(file.parent, PROPOSER_KEY="no-secret", **environment)
    around = replace(around, worker_command=WORKER, console=Console(quiet=True))
    with LLMServer(list(model) or [Step()]) as server:
        asked = (
            "agent.proposer=hybrid", "agent.provider=openai", "agent.model=scripted", "agent.share=0.9",
            f"agent.base_url={server.url('openai')}", "agent.key_env=PROPOSER_KEY",
            "agent.prices={scripted = {input = 1.0, output = 2.0}}",
        ) if model else ()  # fmt: skip
        try:
            start_night(load_session(file, [*COMMON, *asked, *settings]), out, around)
        except NightlabError:
            if "FAKE_ONE_MODEL" not in environment:
                raise


def _promote(night: Path, root: Path) -> None:
    asked = ["champion", "promote", str(night), "--role", ROLE, "--reason", "the first", "--results", str(night.parent)]
    with pytest.raises(SystemExit, match=r"^0$"):
        main(asked, replace(fake_surroundings(root), console=Console(quiet=True)))
