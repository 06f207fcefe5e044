"""Both real clients against a server that misbehaves on command."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from typing import Any

import pytest
from fakes_llm_server import MODEL, PROVIDERS, LLMServer, Step, fails

from probes.errors import LaunchError, ModelReplyError
from probes.language_models.asking import retry_after_s
from probes.language_models.config import Provider
from probes.language_models.model import Ask, LanguageModel, Turn
from probes.language_models.open import open_model

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
ASK = Ask("Be brief.", (Turn("user", "One?"), Turn("assistant", "Two."), Turn("user", "Three?")), 50, SCHEMA, 0.0)
SECRET = "sk-secret-0123456789"

both = pytest.mark.parametrize("provider", PROVIDERS)


@contextmanager
def opened(server: LLMServer, provider: Provider, key: str = "", **changes: Any) -> Iterator[LanguageModel]:
    access = server.access(provider).model_copy(update=changes)
    with closing(open_model(access, {access.key_name: key})) as model:
        yield model


@both
def test_a_question_says_what_the_apis_want_to_hear(server: LLMServer, provider: Provider) -> None:
    with opened(server, provider, SECRET) as model:
        model.complete(ASK)
    (received,) = server.received
    body, turns = received.body, [{"role": t.role, "content": t.text} for t in ASK.turns]
    assert received.headers["authorization"] == f"Bearer {SECRET}"
    assert (body["model"], body["temperature"]) == (MODEL, 0.0)
    if provider == "anthropic":
        assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
        assert (body["messages"], body["max_tokens"]) == (turns, 50)
        assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    else:
        assert body["messages"] == [{"role": "system", "content": "Be brief."}, *turns]
        assert body["max_completion_tokens"] == 50
        assert body["response_format"]["json_schema"] == {"name": "reply", "strict": True, "schema": SCHEMA}


@both
@pytest.mark.parametrize(
    "trouble",
    [fails(429), fails(500), fails(529), fails(408), Step("x", cut=True), Step("x", hang_s=30.0)],
    ids=["429", "500", "529", "408", "cut", "hang"],
)
def test_passing_trouble_is_tried_again_and_counted(server: LLMServer, provider: Provider, trouble: Step) -> None:
    server.play(trouble, Step("at last"))
    with opened(server, provider) as model:
        found = model.complete(ASK)
    assert (found.text, found.attempts) == ("at last", 2)


@both
def test_lasting_trouble_ends_with_the_attempts_and_the_servers_words(server: LLMServer, provider: Provider) -> None:
    server.play(fails(500, "the kettle is on"))
    with opened(server, provider) as model, pytest.raises(ModelReplyError, match=r"the kettle is on \(3 attempts\)"):
        model.complete(ASK)
    assert len(server.received) == 3


@both
def test_retry_after_is_honoured(server: LLMServer, provider: Provider) -> None:
    server.play(fails(429, retry_after="0.4"), Step("at last"))
    with opened(server, provider) as model:
        found = model.complete(ASK)
    assert 0.4 <= found.seconds < 1.5


@both
def test_a_wait_beyond_the_deadline_is_not_begun(server: LLMServer, provider: Provider) -> None:
    server.play(fails(429, retry_after="3600"))
    started = time.monotonic()
    with opened(server, provider) as model, pytest.raises(ModelReplyError, match="would pass the deadline of 3 s"):
        model.complete(ASK)
    assert time.monotonic() - started < 2
    assert len(server.received) == 1


@both
def test_a_body_that_trickles_is_held_to_the_limit_of_the_request(server: LLMServer, provider: Provider) -> None:
    server.play(Step("x", trickle_s=0.1), Step("at last"))
    started = time.monotonic()
    with opened(server, provider) as model:
        assert model.complete(ASK).text == "at last"
    assert time.monotonic() - started < 2


@both
@pytest.mark.parametrize("raw", [b'{"id": "m", "cont', b"<html>", b"{}", b"null", b'{"choices": [], "content": null}'])
def test_a_whole_response_of_another_form_is_no_reply(server: LLMServer, provider: Provider, raw: bytes) -> None:
    server.play(Step(raw=raw))
    with opened(server, provider) as model, pytest.raises(ModelReplyError, match="something else"):
        model.complete(ASK)


@both
def test_what_a_model_does_not_take_is_dropped_once_and_remembered(server: LLMServer, provider: Provider) -> None:
    schema = "output_config" if provider == "anthropic" else "response_format"
    server.play(Step("fine", refuses=("temperature", schema)))
    with opened(server, provider) as model:
        first, second = model.complete(ASK), model.complete(ASK)
    assert (first.attempts, second.attempts) == (3, 1)
    assert set(first.dropped) == set(second.dropped) == {"temperature", "schema"}
    assert not {"temperature", schema} & server.received[-1].body.keys()


def test_an_older_server_gets_the_older_name_of_the_token_limit(server: LLMServer) -> None:
    server.play(Step("fine", refuses=("max_completion_tokens",)))
    with opened(server, "openai") as model:
        found = model.complete(ASK)
    assert (found.dropped, server.received[-1].body["max_tokens"]) == ((), 50)


def test_a_question_that_is_refused_in_every_way_teaches_nothing(server: LLMServer) -> None:
    server.play(
        fails(400, "Could not finish the message because max_tokens was reached"),
        fails(400, "max_tokens is not supported with this model"),
        Step("at last"),
    )
    with opened(server, "openai") as model:
        with pytest.raises(ModelReplyError, match="refused the question"):
            model.complete(ASK)
        assert model.complete(ASK).text == "at last"
    assert ["max_completion_tokens" in received.body for received in server.received] == [True, False, True]


@both
def test_a_question_that_is_refused_for_itself_is_not_repeated(server: LLMServer, provider: Provider) -> None:
    server.play(fails(400, "the prompt is too long"))
    with opened(server, provider) as model, pytest.raises(ModelReplyError, match="too long"):
        model.complete(ASK)
    assert len(server.received) == 1


@both
@pytest.mark.parametrize(
    ("status", "cure"), [(401, "key in"), (403, "key in"), (404, "correct `model`"), (302, "base_url")]
)
def test_what_no_waiting_heals_is_a_launch_error_with_the_cure(
    server: LLMServer, provider: Provider, status: int, cure: str
) -> None:
    server.play(fails(status, location="http://127.0.0.1:9/elsewhere"))
    with opened(server, provider) as model, pytest.raises(LaunchError, match=cure):
        model.complete(ASK)
    assert len(server.received) == 1


@both
def test_nobody_listening_is_no_reply_after_all_attempts(server: LLMServer, provider: Provider) -> None:
    port = "http://127.0.0.1:9"  # discard: nothing listens there
    with (
        opened(server, provider, base_url=port) as model,
        pytest.raises(ModelReplyError, match=r"connection failed.*3 att"),
    ):
        model.complete(ASK)


@both
def test_the_key_is_in_no_message_and_no_repr(server: LLMServer, provider: Provider) -> None:
    server.play(fails(401, f"Incorrect key {SECRET}"))
    with opened(server, provider, SECRET) as model:
        with pytest.raises(LaunchError) as error:
            model.complete(ASK)
        assert SECRET not in str(error.value) + repr(model) + repr(vars(model)) + model.name


@both
def test_cached_tokens_are_counted_apart_and_none_twice(server: LLMServer, provider: Provider) -> None:
    server.play(Step("x", usage={"input": 10, "output": 5, "read": 1000, "write": 200}))
    with opened(server, provider) as model:
        usage = model.complete(ASK).usage
    assert usage is not None
    assert usage.model_dump() == {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_tokens": 1000,
        "cache_write_tokens": 200,
    }


def test_a_refusal_beside_the_text_is_a_refusal(server: LLMServer) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I will not"}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    completion = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    server.play(Step(raw=json.dumps(completion).encode()))
    with opened(server, "openai") as model:
        found = model.complete(ASK)
    assert (found.stop_reason, found.text) == ("refusal", "I will not")


def test_a_servers_wish_to_wait_is_read_in_all_its_forms() -> None:
    assert retry_after_s({}) is None
    assert retry_after_s({"retry-after": "7"}) == 7.0
    assert retry_after_s({"retry-after": "-7"}) == 0.0
    assert retry_after_s({"retry-after-ms": "250", "retry-after": "7"}) == 0.25
    assert retry_after_s({"retry-after-ms": "soon", "retry-after": "7"}) == 7.0
    for nonsense in ("soon", "nan", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"):
        assert retry_after_s({"retry-after": nonsense}) is None
    for is_gmt in (True, False):
        in_a_minute = retry_after_s({"retry-after": formatdate(time.time() + 60, usegmt=is_gmt)})
        assert in_a_minute is not None
        assert 58 <= in_a_minute <= 60
