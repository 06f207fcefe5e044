from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from fakes_night import make_night, nothing_to_claim
from mlflow_stores import Store, make_store, parent_and_probes

from probes.errors import ConfigError, LaunchError
from tracking import events as ev
from tracking.config import TrackingConfig
from tracking.mlflow_mirror import start_mirror
from tracking.mlflow_reading import find_run, read_runs
from tracking.mlflow_rows import clean_key, probe_name
from tracking.mlflow_store import artifact_root, run_link, server_command, store_uri, without_password
from tracking.mlflow_story import story
from tracking.night import NightRecord

PROBES = 18
"""Of a night with two candidates: 6 calibrate, 4 search, 8 confirm."""
pytestmark = pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated")  # MLflow's own tables


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("results"))


def test_a_night_becomes_one_parent_and_a_nested_run_per_probe(store: Store) -> None:
    from mlflow import MlflowClient

    events = make_night("claim", candidates=2)
    mirror = store.mirror("whole")
    slowest = 0.0
    for event in events:
        begin = time.thread_time()
        mirror(event)
        slowest = max(slowest, time.thread_time() - begin)
    assert mirror.close() == []
    assert slowest < 0.005, "the night's thread must not wait for MLflow"
    parent, probes = parent_and_probes(store.runs("whole"))
    assert len(probes) == PROBES
    assert parent.info.status == "FINISHED"
    assert "by +1.24 points" in parent.data.tags["mlflow.note.content"]
    assert parent.data.metrics["claim/effect"] == pytest.approx(1.24)
    assert parent.data.params["target.category"] == "private_voice"
    run = probes["7.1"]
    assert run.info.run_name == "#7 search learning_rate 0.005 → 0.01 seed 1000"
    tags = {
        name: run.data.tags[name] for name in ("lane", "knob", "verdict", "phase", "replicate", "status", "session")
    }
    assert tags == {
        "lane": "hyperparameters", "knob": "learning_rate", "verdict": "superior", "phase": "search", "replicate": "0",
        "status": "completed", "session": "synthetic-20260314",
    }  # fmt: skip
    assert run.data.tags["reason"] == "P(better) = 0.99 after 2 replicates"
    assert (run.data.params["learning_rate"], run.data.params["seed"], run.data.params["split"]) == (
        "0.01",
        "1000",
        "search",
    )
    assert {"score/ground_truth", "overall", "critical_failures"} <= set(run.data.metrics)
    client = MlflowClient(store.uri)
    curve = client.get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in curve] == [10, 20, 30, 40, 50, 60, 70, 80]
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert files == {"report.md", "report.html", "summary.json", "results.tsv", "session.toml"}
    assert find_run(store.uri, "whole", NightRecord.replay(events)) == (parent.info.experiment_id, parent.info.run_id)


def test_failed_probes_have_a_status_and_no_scores(store: Store) -> None:
    mirror = store.mirror("failures")
    for event in make_night("failed", candidates=1):
        mirror(event)
    assert mirror.close() == []
    parent, probes = parent_and_probes(store.runs("failures"))
    diverged = next(run for run in probes.values() if run.data.tags["status"] == "diverged")
    assert diverged.info.status == parent.info.status == "FAILED"
    assert "overall" not in diverged.data.metrics
    assert diverged.data.metrics["completion"] == pytest.approx(31 / 80)


def test_a_resumed_night_finds_its_runs_and_adds_only_what_is_missing(store: Store) -> None:
    events = make_night("claim", candidates=2)
    cut = [number for number, event in enumerate(events, 1) if isinstance(event, ev.ProbeStarted)][9]
    first = store.mirror("resumed")
    for event in events[:cut]:
        first(event)
    first(ev.SessionStopped(at=events[cut].at, stop_reason="interrupted"))
    first.close()
    parent, probes = parent_and_probes(store.runs("resumed"))
    assert parent.info.status == "KILLED"
    assert any(run.data.tags["status"] == "interrupted" for run in probes.values())
    second = store.mirror("resumed")
    for event in events:
        second(event)
    assert second.close() == []
    parent, probes = parent_and_probes(store.runs("resumed"))
    assert len(probes) == PROBES
    assert {run.data.tags["status"] for run in probes.values()} == {"completed"}
    assert parent.info.status == "FINISHED"


def test_invalidated_probes_and_a_withdrawn_claim_are_told_as_such(store: Store) -> None:
    events = make_night("claim", candidates=2)
    first = store.mirror("invalidated")
    for event in events:
        first(event)
    assert first.close() == []
    confirmed = next(i for i, e in enumerate(events) if isinstance(e, ev.ProbeFinished) and e.plan.phase == "confirm")
    mark = ev.MeasurementsInvalidated(
        at="2026-03-15T09:00:00.000+00:00", since=events[confirmed].at, reason="the server answered for the base"
    )
    second = store.mirror("invalidated")
    for event in [*events, mark]:
        second(event)
    assert second.close() == []
    parent, probes = parent_and_probes(store.runs("invalidated"))
    assert (parent.info.status, parent.data.tags["status"]) == ("KILLED", "invalidated")
    assert parent.data.tags["verdict"] == "withdrawn"
    assert parent.data.tags["invalidated"].startswith("8 probes since 2026-03-14")
    assert "withdrawn" in parent.data.tags["mlflow.note.content"]
    assert all(isnan(parent.data.metrics[f"claim/{name}"]) for name in ("effect", "low", "high", "p_value"))
    told = {probe for probe, run in probes.items() if "invalidated" in run.data.tags}
    assert told == {f"{number}.1" for number in range(11, 19)}
    run = probes["12.1"]
    assert run.data.tags["invalidated"].endswith(": the server answered for the base")
    assert (run.data.tags["verdict"], run.data.tags["status"], run.info.status) == (
        "invalidated",
        "completed",
        "FINISHED",
    )
    assert len(read_runs(store.uri, "invalidated")) == PROBES - 8 + 1, "an audit leaves them out"

    again = [event for event in events[confirmed - 1 :] if not isinstance(event, ev.ClaimMade)]
    claim = next(event.claim for event in events if isinstance(event, ev.ClaimMade))
    fresh = [_renumbered(event) for event in again[:-1]]
    fresh.append(ev.ClaimMade(at="2026-03-15T11:30:00.000+00:00", claim=claim.model_copy(update={"effect": 0.9})))
    fresh.append(ev.SessionStopped(at="2026-03-15T11:30:01.000+00:00", stop_reason="finished"))
    third = store.mirror("invalidated")
    for event in [*events, mark, ev.SessionResumed(at="2026-03-15T10:00:00.000+00:00", reason=""), *fresh]:
        third(event)
    assert third.close() == []
    parent, probes = parent_and_probes(store.runs("invalidated"))
    assert (parent.info.status, parent.data.tags["verdict"]) == ("FINISHED", "confirmed")
    assert parent.data.metrics["claim/effect"] == pytest.approx(0.9)
    assert len(probes) == PROBES + 8
    assert {probe for probe, run in probes.items() if "invalidated" in run.data.tags} == told


def _renumbered(event: Any) -> Any:
    moved = event.model_copy(update={"at": event.at.replace("2026-03-14T22", "2026-03-15T10")})
    if isinstance(moved, ev.ProbeStarted | ev.ProbeFinished):
        return moved.model_copy(update={"plan": moved.plan.model_copy(update={"number": moved.plan.number + 100})})
    return moved


def test_a_store_that_cannot_be_opened_stops_the_start_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    uri = f"sqlite:///{tmp_path}/file/mlflow.db"
    with pytest.raises(LaunchError, match=r"file/mlflow.db` cannot be used.*tracking.mlflow=false"):
        start_mirror(uri, "x", tmp_path, tmp_path)


def test_a_deleted_experiment_is_named(store: Store) -> None:
    from mlflow import MlflowClient

    mirror = store.mirror("deleted")
    mirror.close()
    MlflowClient(store.uri).delete_experiment(mirror.experiment_id)
    with pytest.raises(LaunchError, match="`deleted` was deleted; restore it"):
        store.mirror("deleted")


def test_model_text_stays_text(store: Store) -> None:
    nasty = "<script>alert(1)</script> [x](javascript:alert(1)) | a | b |\n" + "y" * 200_000
    events = make_night("claim", candidates=2)
    changed = [
        event.model_copy(update={"candidate": event.candidate.model_copy(update={"rationale": nasty})})
        if isinstance(event, ev.CandidateProposed)
        else event
        for event in events
    ]
    mirror = store.mirror("text")
    for event in changed:
        mirror(event)
    assert mirror.close() == []
    _, probes = parent_and_probes(store.runs("text"))
    assert probes["7.1"].data.tags["rationale"].startswith("<script>")
    assert len(probes["7.1"].data.tags["rationale"]) == 4000
    night = NightRecord.replay(changed)
    night.claim = nothing_to_claim().model_copy(update={"reason": nasty[:60]})
    assert "<script>" not in story(night)
    assert r"\](javascript" in story(night)


@pytest.mark.parametrize(
    ("key", "clean"), [("a/b", "a/b"), ("/../a", "a"), ("x//y", "x/y"), ("é<b>", "é_b_"), ("..", "_")]
)
def test_metric_names_are_ones_that_mlflow_takes(key: str, clean: str) -> None:
    assert clean_key(key) == clean


def test_runs_of_the_baseline_are_named_by_their_arm() -> None:
    night = NightRecord.replay(make_night("claim", candidates=2))
    assert probe_name(night, night.probes[0].plan) == "#1 calibrate baseline seed 0"
    assert probe_name(night, night.probes[-1].plan) == "#18 confirm final recipe seed 2503"


def test_the_store_is_the_sessions_then_the_environments_then_sqlite(tmp_path: Path) -> None:
    environ = {"MLFLOW_TRACKING_URI": "http://tracker:5000"}
    assert store_uri(TrackingConfig(uri="postgresql://db/x"), tmp_path, environ) == "postgresql://db/x"
    assert store_uri(TrackingConfig(), tmp_path, environ) == "http://tracker:5000"
    assert store_uri(TrackingConfig(), tmp_path, {}) == f"sqlite:///{tmp_path}/mlflow.db"
    assert artifact_root("http://tracker:5000", tmp_path) is None
    assert artifact_root("postgresql://db/x", tmp_path) == f"file://{tmp_path}/mlartifacts"
    assert without_password("cannot reach postgresql://me:pw@db/x") == "cannot reach postgresql://db/x"


def test_the_ui_is_on_loopback_and_sends_nothing_home(tmp_path: Path) -> None:
    command = server_command("sqlite:////x.db", tmp_path, 5055)
    assert command is not None
    assert command.argv[command.argv.index("--host") + 1] == "127.0.0.1"
    assert command.environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert server_command("https://tracker", tmp_path) is None
    with_password = server_command("postgresql://me:pw@db/x", tmp_path, 5055)
    assert with_password is not None
    assert not any("pw" in argument for argument in with_password.argv), "arguments can be read by everybody"
    link = run_link(command.url, "3", "abc")
    assert link == "http://127.0.0.1:5055/#/experiments/3/runs/abc?workflowType=machine_learning"


def test_tracking_without_the_mirror_never_loads_mlflow() -> None:
    modules = "tracking.ledger, tracking.results_tsv, tracking.summary, tracking.mlflow_store, tracking.mlflow_rows"
    script = (
        f"import sys, {modules}, tracking.mlflow_mirror; sys.exit('mlflow' in sys.modules or 'polars' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": str(root)})


def test_runs_of_other_people_are_read_as_flat_text(store: Store) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(store.uri)
    experiment = client.create_experiment("theirs")
    for seed, score in enumerate((0.5, 0.6)):
        run = client.create_run(experiment, run_name=f"try {seed}", start_time=seed + 1)
        client.log_param(run.info.run_id, "seed", seed)
        client.log_metric(run.info.run_id, "score", score)
        client.set_terminated(run.info.run_id)
    client.create_run(experiment, run_name="a parent without scores")
    rows = read_runs(store.uri, "theirs")
    assert rows[0] == {"params.seed": "0", "metrics.score": "0.5", "status": "FINISHED", "name": "try 0"}
    assert [row["name"] for row in rows] == ["try 0", "try 1"]
    with pytest.raises(ConfigError, match="has no experiment `ours`"):
        read_runs(store.uri, "ours")


def test_nights_that_start_together_lay_out_their_store_one_after_the_other(store: Store) -> None:
    """Two at once met `duplicate column name` and `table already exists` in a new SQLite store."""
    assert store.mirror("together").close() == []  # what MLflow imports and lays out at first takes seconds
    another = os.open(store.results, os.O_RDONLY)
    fcntl.flock(another, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.mirror, "together")
        assert wait([waiting], timeout=2.0).not_done
        os.close(another)
        assert waiting.result(timeout=60.0).close() == []
