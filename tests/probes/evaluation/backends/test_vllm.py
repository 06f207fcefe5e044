"""The vLLM backend and its client against a server that misbehaves; `tests/runner/serving` has the real one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes_vllm import Brain, FakeVllm, serving_fake
from tiny_base import QUIET, answering, tiny_recipe, tiny_request, tiny_rows

from probes.errors import LaunchError, MeasurementError
from probes.evaluation.backends.open import Subject, opened
from probes.evaluation.backends.vllm import read_calls
from probes.evaluation.backends.vllm_client import VllmClient
from probes.evaluation.canary import next_logprobs
from probes.evaluation.scorers.exchange import ToolCall
from probes.evaluation.suite import Item, read_suite
from probes.execution import run_request
from probes.outcome import GenerationConfig, ProbeStatus
from probes.rendering import rendering_for
from probes.request import ProbeRequest, ServerRef
from probes.training.train import trained
from probes.warm_base import LoadedBase, WarmBase

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]
GREEDY = GenerationConfig(temperature=0.0, max_new_tokens=4)
VERSIONS = {"vllm": "0.32.0"}
TOOL = {"type": "function", "function": {"name": "ring", "parameters": {"type": "object", "properties": {}}}}


def brain(model: Any, adapter: bool) -> Brain:
    def think(prompt: Sequence[int]) -> list[float]:
        if adapter:
            return next_logprobs(model, [tuple(prompt)], 0)[0]
        with model.disable_adapter():
            return next_logprobs(model, [tuple(prompt)], 0)[0]

    return think


@pytest.fixture(scope="module")
def model(base: LoadedBase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    recipe = tiny_recipe(steps=20, learning_rate=2e-2)
    folder = tmp_path_factory.mktemp("served")
    with trained(base.model, base.tokenizer, tiny_rows(), recipe, 1, folder) as result:
        yield result.model


class Stage:
    """A probe request, its subject, and the server that is to answer it."""

    def __init__(self, base: LoadedBase, model: Any, tiny_base: Path, folder: Path, fake: FakeVllm, url: str) -> None:
        self.fake = fake
        server = ServerRef(base_url=url, model="base", startup_s=2.0)
        settings = {"backend": "vllm", "server": server, "versions": VERSIONS, "generation": GREEDY, "samples": 1}
        self.request = tiny_request(tiny_base, folder / "probe", **settings)
        self.items = read_suite([self.request.suite.path])
        rendering = rendering_for(base.tokenizer, "tokenizer")
        self.subject = Subject(model, rendering, self.items, (folder / "adapter", "d1gest"))
        self.in_process = answering(base, self.request, model)

    def open(self, **changes: Any) -> Any:
        return opened(self.request.model_copy(update=changes), self.subject)

    def answers(self, items: Sequence[Item] | None = None, **changes: Any) -> list[Any]:
        with self.open(**changes) as answering_now:
            return answering_now.backend.respond(items or self.items, 3, 1, GREEDY)


@pytest.fixture
def stage(base: LoadedBase, model: Any, tiny_base: Path, tmp_path: Path) -> Iterator[Stage]:
    fake = FakeVllm(brain(model, adapter=False), brain(model, adapter=True))
    with serving_fake(fake) as url:
        yield Stage(base, model, tiny_base, tmp_path, fake, url)


def test_the_adapter_answers_under_its_own_name_as_it_does_in_process_and_goes_again(stage: Stage) -> None:
    with stage.open() as answering_now:
        (name,) = stage.fake.loaded
        assert (answering_now.canary.model, answering_now.canary.closest) == (name, "adapter")
        assert answering_now.canary.adapter_distance < 1e-9
        answers = answering_now.backend.respond(stage.items, 3, 1, GREEDY)
        assert answering_now.backend.version == "0.32.0"
    assert "d1gest" in name
    assert stage.fake.loaded == {}
    assert answers == stage.in_process.respond(stage.items, 3, 1, GREEDY)
    bodies = [body for path, body in stage.fake.seen if path == "/v1/completions" and body["max_tokens"] > 1]
    assert {body["model"] for body in bodies} == {name}
    assert len({body["seed"] for body in bodies}) == len(stage.items)
    assert all(body["repetition_penalty"] == 1.0 and body["min_p"] == 0.0 for body in bodies)


def test_a_server_that_serves_the_base_instead_is_never_scored(stage: Stage) -> None:
    stage.fake.learned = None
    with pytest.raises(MeasurementError, match=r"asked for `nightlab-d1gest-.*the base answered.*nothing was scored"):
        stage.answers()
    assert stage.fake.loaded == {}


def test_such_a_probe_is_crashed_with_that_message_and_without_scores(stage: Stage) -> None:
    stage.fake.learned = None
    outcome = run_request(stage.request, WarmBase())
    assert outcome.status is ProbeStatus.CRASHED
    assert outcome.message.startswith("MeasurementError: canary: the server at http://127.0.0.1:")
    assert outcome.items == ()
    assert not (Path(stage.request.folder) / "scores.jsonl").exists()


def test_a_probe_is_measured_by_the_server_and_says_so(stage: Stage, base: LoadedBase, tmp_path: Path) -> None:
    recipe = tiny_recipe(steps=20, learning_rate=2e-2)
    request = stage.request.model_copy(update={"recipe": recipe, "seed": 1, "folder": str(tmp_path / "again")})
    outcome = run_request(request, WarmBase())
    assert outcome.status is ProbeStatus.COMPLETED, outcome.log_tail
    assert outcome.measured is not None
    assert (outcome.measured.backend, outcome.measured.backend_version) == ("vllm", "0.32.0")
    assert outcome.measured.canary is not None
    assert outcome.measured.canary.closest == "adapter"


def test_another_name_in_a_reply_is_refused(stage: Stage) -> None:
    stage.fake.answers_as = "base"
    with pytest.raises(MeasurementError, match=r"was asked for `nightlab-d1gest-.* and `base` answered"):
        stage.answers()


def test_another_version_than_recorded_is_refused(stage: Stage) -> None:
    stage.fake.version = "0.33.0"
    with pytest.raises(MeasurementError, match=r"is vLLM 0\.33\.0, the session was planned with 0\.32\.0"):
        stage.answers()


def test_a_prompt_that_was_changed_on_the_way_is_refused(stage: Stage) -> None:
    with stage.open() as answering_now:
        stage.fake.extra_tokens = [1]
        with pytest.raises(MeasurementError, match="another prompt than training uses"):
            answering_now.backend.respond(stage.items, 3, 1, GREEDY)


def test_failures_that_pass_are_retried_and_others_cost_one_answer(stage: Stage) -> None:
    with stage.open() as answering_now:
        stage.fake.failures = [500, 503]
        (answer,) = answering_now.backend.respond(stage.items[:1], 3, 1, GREEDY)
        assert answer.stop_reason in ("stop", "length")
        stage.fake.failures = [400]
        (answer,) = answering_now.backend.respond(stage.items[:1], 3, 1, GREEDY)
    assert (answer.stop_reason, answer.text) == ("error", "HTTP 400: made to fail")


def test_a_server_that_forgot_the_adapter_was_started_again(stage: Stage) -> None:
    with stage.open() as answering_now:
        stage.fake.loaded.clear()
        with pytest.raises(LaunchError, match="started again"):
            answering_now.backend.respond(stage.items, 3, 1, GREEDY)


def test_a_server_that_is_gone_is_waited_for_and_then_named(stage: Stage) -> None:
    gone = ServerRef(base_url="http://127.0.0.1:9", model="base", startup_s=0.1)
    with pytest.raises(LaunchError, match="no vLLM server answers on http://127"):
        stage.answers(server=gone)


def test_an_adapter_left_by_an_earlier_attempt_is_replaced(stage: Stage) -> None:
    stage.fake.loaded[f"nightlab-d1gest-{stage.request.key}"] = "/somewhere/else"
    with stage.open():
        assert list(stage.fake.loaded.values()) == [str(stage.subject.adapter[0])]  # type: ignore[index]


def test_a_prompt_that_leaves_no_room_is_an_unanswered_item(stage: Stage) -> None:
    with stage.open():
        pass
    stage.fake.context = 5
    answers = stage.answers()
    assert {answer.stop_reason for answer in answers} == {"error"}
    assert "the server's context 5" in answers[0].text


def test_tool_calls_come_from_the_servers_parser_where_it_has_one(stage: Stage) -> None:
    item = stage.items[0].model_copy(update={"tools": (TOOL,)})
    stage.fake.call = {"name": "ring", "arguments": '{"times": 3}'}
    server = stage.request.server
    assert server is not None
    (text,) = stage.answers([item])
    assert text.tool_calls == ()
    (called,) = stage.answers([item], server=server.model_copy(update={"parses_tool_calls": True}))
    assert called.tool_calls == (ToolCall(name="ring", arguments={"times": 3}),)
    assert (called.text, called.stop_reason) == ("", "stop")


def test_calls_without_an_object_stay_text() -> None:
    calls = [{"function": {"name": "a", "arguments": text}} for text in ('{"x": 1}', "{broken", "[1]", "")]
    read, leftover = read_calls(calls)
    assert [call.arguments for call in read] == [{"x": 1}, {}]
    assert leftover == ["a {broken", "a [1]"]


def test_the_base_alone_is_asked_by_its_own_name(stage: Stage, base: LoadedBase) -> None:
    subject = Subject(stage.subject.model, stage.subject.rendering, stage.items, None)
    with stage.subject.model.disable_adapter(), opened(stage.request, subject) as answering_now:
        assert answering_now.canary is not None
        assert answering_now.canary.closest == "base"
    assert stage.fake.loaded == {}


def test_the_key_goes_along_and_a_wrong_one_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.fake.key = "right"
    with pytest.raises(LaunchError, match="Unauthorized"):
        stage.answers()
    monkeypatch.setenv("NIGHTLAB_SERVER_KEY", "right")
    assert stage.answers()


def test_a_client_sees_bases_only(stage: Stage) -> None:
    assert stage.request.server is not None
    with VllmClient(stage.request.server.base_url) as client:
        assert client.models() == {"base": 4096}
    assert json.loads(stage.request.model_dump_json())["server"]["model"] == "base"


def test_where_the_server_runs_is_no_part_of_a_probes_identity(stage: Stage) -> None:
    moved = stage.request.model_copy(update={"server": ServerRef(base_url="http://127.0.0.1:1", model="base")})
    other: ProbeRequest = stage.request.model_copy(update={"versions": {"vllm": "0.33.0"}})
    assert moved.key == stage.request.key
    assert other.key != stage.request.key
