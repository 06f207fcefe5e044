from __future__ import annotations

import time
from typing import Any

import pytest
from fakes_night import make_night
from mlflow_stores import Store, make_store, parent_and_probes

from tracking.mlflow_mirror import MlflowMirror

PROBES = 18
"""Of a night with two candidates."""
pytestmark = pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated")  # MLflow's own tables


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("results"))


class Unreliable:
    """A real client whose calls fail while `is_down`, are slow, made twice, or lose the answer of what worked."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.is_down = False
        self.loses_next_answer = False
        self.sends_twice = False
        self.answers_after_s = 0.0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            if self.is_down:
                raise ConnectionError("postgresql://me:secret@db/x is gone")
            time.sleep(self.answers_after_s)
            answer = method(*args, **kwargs)
            if name == "create_run" and self.sends_twice:
                answer = method(*args, **kwargs)
            if name == "create_run" and self.loses_next_answer:
                self.loses_next_answer = False
                raise TimeoutError("no answer")
            return answer

        return call


def _unreliable(store: Store, experiment: str) -> tuple[MlflowMirror, Unreliable]:
    from mlflow import MlflowClient

    store.mirror(experiment).close()
    client = MlflowClient(store.uri)
    known = client.get_experiment_by_name(experiment)
    assert known is not None
    flaky = Unreliable(client)
    return MlflowMirror(flaky, known.experiment_id, store.folder, first_pause_s=0.01), flaky


def test_a_store_that_goes_away_costs_nothing_once_it_is_back(store: Store) -> None:
    events = make_night("claim", candidates=2)
    mirror, flaky = _unreliable(store, "outage")
    for number, event in enumerate(events):
        if number in {10, 25}:
            time.sleep(0.1)
            flaky.is_down = not flaky.is_down
        mirror(event)
        time.sleep(0.001)
    problems = mirror.close()
    assert problems[1:] == ["everything was written to MLflow afterwards"]
    assert "could not be written for a while: ConnectionError" in problems[0]
    assert "secret" not in problems[0]
    _, probes = parent_and_probes(store.runs("outage"))
    assert len(probes) == PROBES
    assert {run.data.tags["nightlab.complete"] for run in probes.values()} == {"1"}


def test_a_run_whose_answer_was_lost_is_found_again(store: Store) -> None:
    mirror, flaky = _unreliable(store, "lost answer")
    flaky.loses_next_answer = True
    for event in make_night("interrupted", candidates=1):
        mirror(event)
    mirror.close()
    _, probes = parent_and_probes(store.runs("lost answer"))
    assert len({run.info.run_name for run in probes.values()}) == len(probes) > 0


def test_of_two_runs_of_one_probe_the_complete_one_stays(store: Store) -> None:
    mirror, flaky = _unreliable(store, "sent twice")
    first, *events = make_night("claim", candidates=1)
    mirror(first)
    while mirror.parent_run_id is None:
        time.sleep(0.01)
    flaky.sends_twice = True
    for event in events:
        mirror(event)
    assert mirror.close() == []
    _, probes = parent_and_probes(store.runs("sent twice"))
    assert {run.data.tags["nightlab.complete"] for run in probes.values()} == {"1"}


def test_a_thread_that_was_given_up_makes_no_run_after_the_end(store: Store) -> None:
    mirror, flaky = _unreliable(store, "given up")
    flaky.answers_after_s = 0.5
    mirror(make_night("claim", candidates=1)[0])
    assert any("did not answer within" in problem for problem in mirror.close(timeout_s=0.1))
    time.sleep(1.5)
    assert store.runs("given up") == []


def test_a_store_that_stays_away_never_stops_the_night(store: Store) -> None:
    mirror, flaky = _unreliable(store, "gone")
    flaky.is_down = True
    for event in make_night("empty"):
        mirror(event)
    begin = time.monotonic()
    problems = mirror.close(timeout_s=10.0)
    assert time.monotonic() - begin < 5.0
    assert any("are not in MLflow" in problem for problem in problems)
