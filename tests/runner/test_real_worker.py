"""The launcher with the worker it is made for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from fakes import make_request

from probes.outcome import ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from probes.request import Purpose
from runner.config import LauncherConfig, SessionConfig
from runner.folder import SessionFolder
from runner.interrupts import StopRequest
from runner.launchers.local import LocalLauncher
from runner.overrides import load_session
from runner.planning import RequestMaker
from runner.surroundings import Surroundings, gather_inputs, this_machine
from tracking.clock import SystemClock
from tracking.events import ProbePlan

MINIATURE = Path(__file__).parents[2] / "runner" / "sessions" / "miniature.toml"


def test_the_worker_speaks_the_launchers_language(tmp_path: Path) -> None:
    folder = {"folder": str(tmp_path / "probe")}
    request = make_request(Recipe(base_model="m"), 1, "search").model_copy(update=folder)
    plan = ProbePlan(number=1, phase="search", arm="baseline", replicate=0, request=request)
    outcomes: list[ProbeOutcome] = []
    with LocalLauncher((None,), tmp_path, SystemClock(), StopRequest()) as launcher:
        launcher.run([plan], lambda _: None, lambda _, outcome: outcomes.append(outcome))
    assert [outcome.status for outcome in outcomes] == [ProbeStatus.CRASHED]
    assert "/model" in outcomes[0].message
    assert "/model" in outcomes[0].log_tail
    assert json.loads((tmp_path / "probe" / "outcome.json").read_text())["key"] == request.key


@pytest.mark.slow
def test_the_same_seed_scores_the_same_alone_and_beside_another(tmp_path: Path) -> None:
    config = load_session(MINIATURE, ["tracking.mlflow=false"])
    around = this_machine(os.environ)
    (alone,) = scores(config, around, tmp_path / "alone", (5,), workers=1)
    beside, other = scores(config, around, tmp_path / "beside", (5, 6), workers=2)
    assert alone.items == beside.items
    assert alone.adapter == beside.adapter
    assert alone.items != other.items


@pytest.mark.slow
def test_the_miniature_taught_silence_says_nothing_and_the_base_alone_lies_between(tmp_path: Path) -> None:
    config = load_session(MINIATURE, ["tracking.mlflow=false"])
    whole, repeat, base, broken = scores(
        config, this_machine(os.environ), tmp_path, (5,) * 4, workers=1, purposes=(None, "repeat", "base", "broken")
    )
    assert whole.items == repeat.items
    assert {item.cause for item in broken.items} >= {"the answer is empty"}
    levels = [outcome.overall() or 0.0 for outcome in (broken, base, whole)]
    assert levels[0] < 0.5
    assert levels[0] + 1.0 < levels[1] < levels[2] - 1.0


def scores(
    config: SessionConfig,
    around: Surroundings,
    out: Path,
    seeds: tuple[int, ...],
    workers: int,
    purposes: tuple[Purpose | None, ...] = (None, None),
) -> list[ProbeOutcome]:
    folder = SessionFolder(out)
    config = config.model_copy(update={"launcher": LauncherConfig(workers=workers)})
    make = RequestMaker(config, gather_inputs(config, folder.suite, around), folder)
    plans = [
        ProbePlan(
            number=n, phase="search", arm="baseline", replicate=n, request=make(config.recipe, seed, "search", purpose)
        )
        for n, (seed, purpose) in enumerate(zip(seeds, purposes, strict=False))
    ]
    outcomes: dict[int, ProbeOutcome] = {}
    with around.open_launcher(config, folder.logs, StopRequest()) as launcher:
        launcher.run(plans, lambda _: None, lambda plan, outcome: outcomes.update({plan.number: outcome}))
    assert all(outcome.status is ProbeStatus.COMPLETED for outcome in outcomes.values()), outcomes
    return [outcomes[n] for n in range(len(seeds))]
