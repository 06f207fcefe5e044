"""What a night leaves in MLflow beside scores: datasets, answers, traces, system metrics, the registry."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fakes_night import make_night

from probes.language_models.model import Usage
from tracking import events as ev
from tracking.champions import Champion, Holder, Promoted
from tracking.config import TrackingConfig
from tracking.mlflow_answers import answer_table, cut
from tracking.mlflow_comparison import missing_in_store
from tracking.mlflow_datasets import datasets_of
from tracking.mlflow_mirror import start_mirror
from tracking.mlflow_registry import Promotion, alias_of, median_probe, model_name, register, withdraw
from tracking.mlflow_rows import plan_tags, probe_row, standard_errors
from tracking.mlflow_store import store_uri
from tracking.mlflow_story import story
from tracking.mlflow_system import FILE, Sample, SystemSampler, read_samples
from tracking.mlflow_traces import MOST_SPANS, judge_trace, turn_trace
from tracking.night import NightRecord
from tracking.probe_table import JUDGEMENTS, MEASURES, TRAILING

pytestmark = pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated")  # MLflow's own tables
NASTY = "<script>alert(1)</script> | a | [x](javascript:alert(1)) ‮abc 🙂"


class FixedClock:
    """A clock that stands still."""

    def now(self) -> str:
        return "2026-03-14T23:00:00.000+00:00"

    def monotonic(self) -> float:
        return 0.0


class Mirrored(NamedTuple):
    """A night in a store, with what its folder had."""

    uri: str
    folder: Path
    events: list[ev.Event]
    night: NightRecord
    client: Any
    runs: dict[str, Any]
    """Probe number and attempt → run; the parent under the empty name."""


TURN = ev.ModelTurn(
    at="2026-03-14T22:40:00.000+00:00", question=3, proposer="anthropic/some-model", outcome="repaired",
    proposal={"knob": "rank", "value": 64}, reason=NASTY, usage=Usage(input_tokens=900, output_tokens=100),
    cost_usd=0.004, seconds=2.5, attempts=2,
)  # fmt: skip


def write_answers(folder: Path, night: NightRecord, number: int) -> None:
    """Leave what a worker leaves of a probe: its answers, scores and judgements."""
    probe = night.probes[number]
    place = folder / "probes" / probe.outcome.key
    place.mkdir(parents=True)
    samples = [(item, k) for item in probe.outcome.items for k in range(len(item.scores))]
    answers = [
        {"item": item.item, "sample": k, "seed": 1, "text": NASTY, "stop_reason": "stop", "tool_calls": []}
        for item, k in samples
    ]
    scores = [
        {"item": i.item, "sample": k, "components": {"opening": 1.0}, "critical_failures": []} for i, k in samples
    ]
    judged = [
        {"item": item.item, "sample": k, "rubric": "r", "model": "judge", "overall": 7.0, "reply": "y" * 9000,
         "seconds": 0.5, "usage": {"input_tokens": 10, "output_tokens": 5}, "cost_usd": 0.001}
        for item, k in samples
    ]  # fmt: skip
    for name, rows in (("responses", answers), ("scores", scores), ("judgements", judged)):
        (place / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Mirrored:
    folder = tmp_path_factory.mktemp("results") / "night"
    (folder / "logs").mkdir(parents=True)
    events = make_night("claim", candidates=2)
    place = next(i for i, event in enumerate(events) if isinstance(event, ev.CandidateProposed))
    events.insert(place, TURN)
    night = NightRecord.replay(events)
    write_answers(folder, night, 6)
    promoted = median_probe(night)
    assert promoted is not None
    adapter = folder / "probes" / promoted.outcome.key / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "weights").write_text("w")
    uri = store_uri(TrackingConfig(), folder.parent, {})
    for _ in range(2):  # the second time as after an interruption
        mirror = start_mirror(uri, "extras", folder.parent, folder)
        mirror.sample(Sample(events[0].at, 0, {"cpu_utilization_percentage": 50.0}))
        for event in events:
            mirror(event)
        assert mirror.close() == []
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("extras")
    assert experiment is not None
    runs = {run.data.tags.get("nightlab.probe", ""): run for run in client.search_runs([experiment.experiment_id])}
    return Mirrored(uri, folder, events, night, client, runs)


def test_nothing_of_the_ledger_is_missing_and_a_loss_is_seen(mirrored: Mirrored) -> None:
    assert missing_in_store(mirrored.uri, "extras", mirrored.events) == []
    run = mirrored.runs["3.1"].info.run_id
    mirrored.client.set_tag(run, "phase", "search")
    assert missing_in_store(mirrored.uri, "extras", mirrored.events) == ["probe 3.1: tag phase is 'search'"]
    mirrored.client.set_tag(run, "phase", "calibrate")
    assert missing_in_store(mirrored.uri, "nowhere", mirrored.events) == ["no run for the night"]


def test_every_column_of_results_tsv_has_its_name_in_mlflow(mirrored: Mirrored) -> None:
    probe = next(each for each in mirrored.night.probes if each.plan.candidate is not None)
    row = probe_row(mirrored.night, probe)
    known = {*row.params, *row.tags, *(point.key for point in row.metrics), *plan_tags(mirrored.night, probe.plan)}
    columns = {*MEASURES, *JUDGEMENTS, *TRAILING, "probe", "lane", "knob", "change", "seed", "steps"}
    # A block's number, and what went wrong, where there is one; memory where it was measured.
    assert columns - known <= {"block", "message"}
    assert {f"score/{category}" for category in probe.means} <= known
    assert {f"standard_error/{category}" for category in probe.means} <= known


def test_a_standard_error_is_the_items_spread_over_the_root_of_their_number(mirrored: Mirrored) -> None:
    outcome = mirrored.night.probes[0].outcome
    item = outcome.items[0]
    made = [item.model_copy(update={"scores": (score,), "category": "one"}) for score in (2.0, 4.0, 6.0)]
    alone = item.model_copy(update={"category": "alone"})
    lost = item.model_copy(update={"category": "one", "scores": (None,)})
    errors = standard_errors(outcome.model_copy(update={"items": (*made, alone, lost)}))
    assert errors == {"one": pytest.approx(2.0 / 3**0.5)}


def test_runs_have_their_datasets_with_digests(mirrored: Mirrored, tmp_path: Path) -> None:
    inputs = mirrored.runs["1.1"].inputs.dataset_inputs
    found = {(each.dataset.name, each.dataset.digest, each.tags[0].value) for each in inputs}
    assert found == {("train.jsonl", "bb" * 8, "training"), ("search.jsonl", "cc" * 8, "search")}
    contexts = {each.tags[0].value for each in mirrored.runs[""].inputs.dataset_inputs}
    assert contexts == {"training", "search", "held_out"}
    file = tmp_path / "items.jsonl"
    file.write_text('{"id": "a", "samples": 3}\n{"id": "b", "samples": 3}\n\n', encoding="utf-8")
    request = mirrored.night.probes[0].plan.request
    with_file = request.model_copy(update={"suite": request.suite.model_copy(update={"path": str(file)})})
    row = datasets_of(with_file)[-1]
    assert row.profile == '{"num_rows": 2}'
    assert [column["type"] for column in json.loads(row.schema or "")["mlflow_colspec"]] == ["string", "long"]


def test_answers_are_a_table_that_mlflow_reads(mirrored: Mirrored, monkeypatch: pytest.MonkeyPatch) -> None:
    run = mirrored.runs["7.1"].info.run_id
    assert json.loads(mirrored.runs["7.1"].data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "answers.json", "type": "table"}
    ]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mirrored.uri)  # `load_table` searches the global store
    table = mirrored.client.load_table(mirrored.runs["7.1"].info.experiment_id, "answers.json", run_ids=[run])
    probe = mirrored.night.probes[6]
    assert len(table) == sum(len(item.scores) for item in probe.outcome.items)
    assert set(table["answer"]) == {NASTY}
    assert table["score"].tolist() == pytest.approx([s for item in probe.outcome.items for s in item.scores])


def test_answers_and_cells_are_bounded(mirrored: Mirrored, tmp_path: Path) -> None:
    probe = mirrored.night.probes[0]
    table = answer_table(probe, tmp_path)
    assert table is not None
    assert {row[2] for row in table["data"]} == {""}, "the scores stay where the answers are gone"
    assert cut("y" * 200_000) == "y" * 2000 + " … (200,000 characters)"


def test_model_calls_are_traces_without_prompts(mirrored: Mirrored) -> None:
    parent = mirrored.runs[""]
    found = mirrored.client.search_traces(locations=[parent.info.experiment_id])
    by_kind = {trace.info.tags["kind"]: trace for trace in found}
    assert len(found) == 2, "written twice, they are one each"
    turn = by_kind["proposal"]
    assert turn.info.trace_metadata["mlflow.sourceRun"] == parent.info.run_id
    assert turn.info.execution_duration == 2500
    assert [span.name for span in turn.data.spans] == ["proposal 3", "anthropic/some-model"]
    assert turn.data.spans[0].outputs == {
        "outcome": "repaired",
        "proposal": {"knob": "rank", "value": 64},
        "reason": NASTY,
    }
    assert turn.info.token_usage == {"input_tokens": 900, "output_tokens": 100, "total_tokens": 1000}
    judged = by_kind["judge"]
    assert judged.info.trace_metadata["mlflow.sourceRun"] == mirrored.runs["7.1"].info.run_id
    assert len(judged.data.spans) == 1 + MOST_SPANS
    assert len(judged.data.spans[1].outputs["reply"]) < 1600


def test_what_was_never_asked_is_no_trace(mirrored: Mirrored, tmp_path: Path) -> None:
    skipped = TURN.model_copy(update={"outcome": "skipped", "attempts": 0, "seconds": 0.0})
    assert turn_trace(mirrored.night, skipped) is None
    assert judge_trace(mirrored.night, mirrored.night.probes[0], tmp_path) is None


def test_system_metrics_are_on_the_parent_run_and_in_the_folder(mirrored: Mirrored, tmp_path: Path) -> None:
    assert mirrored.runs[""].data.metrics["system/cpu_utilization_percentage"] == 50.0
    told: list[Sample] = []
    sampler = SystemSampler(tmp_path / FILE, told.append, FixedClock(), interval_s=0.05)
    deadline = time.monotonic() + 20
    while len(told) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    sampler.close()
    kept = read_samples(tmp_path / FILE)
    assert kept[:2] == told[:2]
    assert {"cpu_utilization_percentage", "system_memory_usage_percentage"} <= kept[0].values.keys()
    again: list[Sample] = []
    SystemSampler(tmp_path / FILE, again.append, FixedClock(), interval_s=60.0).close()
    assert again == kept


def holder_of(mirrored: Mirrored, role: str = "production", ledger: str = "1" * 16) -> Holder:
    started = mirrored.night.started
    assert started is not None
    champion = Champion(
        session=started.session, folder="night", started=started.at, ended=started.at, ledger=ledger, commit=None,
        recipe=started.baseline, changes="rank 16 → 64", target="private_voice", claim=mirrored.night.claim,
        confirmed=True, conditions={},
    )  # fmt: skip
    promoted = Promoted(at=started.at, who="ada", role=role, reason="holds every guard", champion=champion)
    return Holder(role, promoted, None, (promoted,))


def test_a_champion_is_a_version_with_its_role_as_alias(mirrored: Mirrored) -> None:
    promotion = Promotion(holder_of(mirrored), "[recipe]\nrank = 64\n", mirrored.folder)
    assert register(mirrored.uri, "extras", mirrored.night, promotion) == "extras version 1"
    assert register(mirrored.uri, "extras", mirrored.night, promotion) == "extras version 1"
    second = promotion._replace(holder=holder_of(mirrored, "judge.voice"))
    assert register(mirrored.uri, "extras", mirrored.night, second) == "extras version 1"
    client = mirrored.client
    version = client.get_model_version_by_alias("extras", "production")
    assert version.tags["verdict"] == "confirmed"
    assert "+1.24" in version.description
    probe = median_probe(mirrored.night)
    assert probe is not None
    run = mirrored.runs[f"{probe.plan.number}.1"]
    assert version.run_id == run.info.run_id
    assert [file.path for file in client.list_artifacts(run.info.run_id, "champion/adapter")] == [
        "champion/adapter/weights"
    ]
    others = [each for name, each in mirrored.runs.items() if name and each is not run]
    assert not any(file.path == "champion" for each in others for file in client.list_artifacts(each.info.run_id))
    newer = promotion._replace(holder=holder_of(mirrored, ledger="2" * 16))
    assert register(mirrored.uri, "extras", mirrored.night, newer) == "extras version 2"
    assert client.get_model_version_by_alias("extras", "production").version == 2
    assert client.get_model_version_by_alias("extras", "judge-voice").version == 1
    assert sorted(withdraw(mirrored.uri, "extras", mirrored.night)) == ["judge-voice", "production"]
    assert client.get_registered_model("extras").aliases == {}
    assert {each.tags["verdict"] for each in client.search_model_versions("name = 'extras'")} == {"withdrawn"}
    assert withdraw(mirrored.uri, "extras", mirrored.night) == []


@pytest.mark.parametrize(
    ("role", "alias"),
    [("production", "production"), ("judge.voice", "judge-voice"), ("latest", "role-latest"), ("v2", "role-v2")],
)
def test_roles_become_aliases_that_the_registry_takes(role: str, alias: str) -> None:
    assert alias_of(role) == alias


def test_a_project_becomes_a_model_name_that_the_registry_takes() -> None:
    assert model_name("team/voice: a") == "team-voice- a"


def test_the_story_tells_claim_guards_and_cost(mirrored: Mirrored) -> None:
    told = story(mirrored.night).replace("\N{EM SPACE}", "")
    assert "| **private\\_voice** (target) | +1.24 [+0.71, +1.77] | confirmed, p = 0.002 |" in told
    assert told.count("(guard)") == 5
    assert "held, margin 1.50" in told
    assert "Tried: 2 candidates in 18 probes" in told
    assert "Cost: " in told


@pytest.mark.parametrize("kind", ["claim", "no_claim", "nothing", "guard_fails", "interrupted", "failed", "empty"])
def test_every_night_has_a_story_in_which_names_stay_text(kind: Any) -> None:
    events = make_night(kind, candidates=3)
    for number, event in enumerate(events):
        if isinstance(event, ev.CandidateProposed):
            change = event.candidate.change.model_copy(update={"knob": "<b>x</b>"})
            events[number] = event.model_copy(
                update={"candidate": event.candidate.model_copy(update={"change": change})}
            )
    told = story(NightRecord.replay(events))
    assert told.startswith("**")
    assert "<b>" not in told
