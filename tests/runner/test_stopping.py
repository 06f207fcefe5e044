"""Early stopping on finished nights, and on real trainings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes_night import make_night
from tiny_base import QUIET

from agent.early_stop import hopeless_below
from probes.errors import ConfigError
from probes.outcome import ProbeOutcome, ProbeStatus
from probes.statistics.early_stop import FinishedCurve, StopRule, stop_rule
from runner.folder import SessionFolder
from runner.overrides import load_session
from runner.planning import RequestMaker
from runner.stopping import main, replay_night
from runner.surroundings import gather_inputs, this_machine
from tracking.night import NightRecord


def test_a_night_is_replayed_from_its_record() -> None:
    night = NightRecord.replay(make_night("claim"))
    floor = hopeless_below(night, night.target, 3)
    assert floor is not None
    counts = replay_night(night, 3, 0.2)
    assert counts is not None
    recipes = {p.plan.request.recipe.fingerprint for p in night.probes if p.plan.phase in ("calibrate", "search")}
    assert counts.steps == 80 * len(recipes)
    assert counts.good_stopped + counts.hopeless_stopped == 0


def test_a_night_without_enough_baselines_cannot_be_replayed() -> None:
    assert replay_night(NightRecord.replay(make_night("empty")), 3, 0.2) is None


def test_a_folder_without_a_night_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no session"):
        main([tmp_path])


@pytest.fixture
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("_one_thread")
@pytest.mark.filterwarnings(*QUIET)
def test_a_destructive_learning_rate_is_stopped_and_a_usual_one_runs_to_its_end(tmp_path: Path) -> None:
    from probes.execution import run_request
    from probes.warm_base import WarmBase

    config = load_session(Path("runner/sessions/miniature.toml"))
    folder, warm = SessionFolder(tmp_path), WarmBase()
    make = RequestMaker(config, gather_inputs(config, folder.suite, this_machine(os.environ)), folder)

    def run(learning_rate: float, seed: int, rule: StopRule | None = None) -> ProbeOutcome:
        request = make(config.recipe.replace(learning_rate=learning_rate), seed, "search")
        return run_request(request.model_copy(update={"stop_rule": rule}), warm)

    curves: list[FinishedCurve] = []
    for seed, rate in enumerate(
        (2e-3, 1e-3, 8e-3, 1.5e-3, 3e-3, 6e-3, 5e-3, 4e-3, 2.2e-3, 2.5e-3, 2.8e-3, 3.3e-3, 3.7e-3)
    ):
        outcome = run(rate, seed)
        assert outcome.training is not None
        curves.append(FinishedCurve(str(rate), outcome.training.curve, config.recipe.beta, score=5.0))
    rule = stop_rule(curves, 0.2, floor=1.0)
    assert rule is not None
    assert [run(rate, 50, rule).status for rate in (0.05, 0.5)] == [ProbeStatus.STOPPED_EARLY] * 2
    usual = [run(2.4e-3, seed, rule).status for seed in (50, 51)]
    assert usual == [ProbeStatus.COMPLETED] * 2
