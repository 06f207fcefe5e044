"""Whole responses whose fields hold what the APIs never send: each ends as a reply or as one of our two errors."""

import json
from contextlib import closing
from typing import Any

import pytest
from fakes_llm_server import LLMServer, Step, fails

from probes.errors import LaunchError, ModelReplyError
from probes.language_models.config import Provider
from probes.language_models.model import Ask, Reply, Turn
from probes.language_models.open import open_model

DEEP = b"[" * 100_000
USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}


def complete(server: LLMServer, provider: Provider, raw: bytes) -> Reply:
    server.play(Step(raw=raw))
    with closing(open_model(server.access(provider), {})) as model:
        return model.complete(Ask("Be brief.", (Turn("user", "One?"),), 50))


def openai(usage: Any = USAGE, choices: Any = None, finish_reason: Any = "stop", **message: Any) -> bytes:
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": "two", **message}}
    chosen = [choice] if choices is None else choices
    return json.dumps({"id": "c", "created": 0, "model": "m", "choices": chosen, "usage": usage}).encode()


def anthropic(content: Any, stop_reason: Any = "end_turn", usage: Any = None) -> bytes:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    return json.dumps({**message, "content": content, "stop_reason": stop_reason, "usage": usage}).encode()


@pytest.mark.parametrize(
    "raw",
    [
        openai(content=7), openai(content={"a": 1}), openai(content=True), openai(content=[{"text": "x"}]),
        openai(finish_reason=["stop"]), openai(choices={"0": {}}), openai(choices=[None]), openai(choices="x"),
        openai(choices=["x"]), openai(choices=[{"message": "x"}]), openai(choices=[{"message": None}]), DEEP,
    ],
)  # fmt: skip
def test_what_is_no_completion_of_openais_is_no_reply(server: LLMServer, raw: bytes) -> None:
    with pytest.raises(ModelReplyError, match="something else"):
        complete(server, "openai", raw)


@pytest.mark.parametrize(
    "raw",
    [
        anthropic([{"type": "text", "text": None}]), anthropic([{"type": "text"}]), anthropic([None]), anthropic(["x"]),
        anthropic([{"type": "text", "text": {"a": 1}}]), anthropic([], stop_reason={"a": 1}), anthropic("two"), DEEP,
    ],
)  # fmt: skip
def test_what_is_no_message_of_anthropics_is_no_reply(server: LLMServer, raw: bytes) -> None:
    with pytest.raises(ModelReplyError, match="something else"):
        complete(server, "anthropic", raw)


def test_the_text_parts_of_a_list_are_the_text(server: LLMServer) -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "tw"}, {"type": "text", "text": "o"}]
    assert complete(server, "openai", openai(content=parts)).text == "two"


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 1.5}, {"prompt_tokens": -5, "completion_tokens": -100}, {"prompt_tokens": float("inf")},
        {**USAGE, "completion_tokens": "many"}, {**USAGE, "prompt_tokens_details": [1]}, [1], "none", {},
    ],
)  # fmt: skip
def test_tokens_that_are_no_counts_are_unknown(server: LLMServer, usage: Any) -> None:
    found = complete(server, "openai", openai(usage))
    assert (found.text, found.usage) == ("two", None)
    own = {"input_tokens": 1.5} if isinstance(usage, dict) else usage
    assert complete(server, "anthropic", anthropic([{"type": "text", "text": "two"}], usage=own)).usage is None


def test_thinking_that_only_the_total_counts_belongs_to_the_reply(server: LLMServer) -> None:
    usage = complete(server, "openai", openai({**USAGE, "total_tokens": 5_150})).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (120, 5_030)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_servers_words_are_told_without_what_no_log_should_hold(
    server: LLMServer, provider: Provider, status: int
) -> None:
    server.play(fails(status, "bad \ud800 \x1b[31mred\x07 \u202e thing"))
    access = server.access(provider).model_copy(update={"retries": 0})
    with closing(open_model(access, {})) as model, pytest.raises((ModelReplyError, LaunchError)) as error:
        model.complete(Ask("Be brief.", (Turn("user", "One?"),), 50))
    assert "thing" in str(error.value)
    assert str(error.value).isprintable()
