"""What every language model keeps, whoever is behind it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from fakes_llm_server import LLMServer, Step, fails
from fakes_model import Line, ScriptedModel, reply

from probes.errors import LaunchError, ModelReplyError
from probes.language_models.model import Ask, LanguageModel, Turn, Usage
from probes.language_models.open import open_model

ASK = Ask(system="Be brief.", turns=(Turn("user", "Who keeps the lamp?"),), max_tokens=50)
Make = Callable[[str], LanguageModel]
USAGE = Usage(input_tokens=120, output_tokens=30)

SCENES: dict[str, tuple[Step, Line]] = {
    "answer": (Step("the keeper"), reply("the keeper", usage=USAGE)),
    "cut off": (Step("the kee", "length"), reply("the kee", stop_reason="length", usage=USAGE)),
    "refusal": (Step("no", "refusal"), reply("no", stop_reason="refusal", usage=USAGE)),
    "pause": (Step("", "other"), reply("", stop_reason="other", usage=USAGE)),
    "no usage": (Step("the keeper", usage=None), reply("the keeper")),
    "no reply": (fails(503), ModelReplyError("HTTP 503")),
    "wrong key": (fails(401, "invalid key"), LaunchError("HTTP 401")),
}


@pytest.fixture(params=["anthropic", "openai", "scripted"])
def make(request: pytest.FixtureRequest, server: LLMServer) -> Iterator[Make]:
    with ExitStack() as stack:

        def build(scene: str) -> LanguageModel:
            step, line = SCENES[scene]
            if request.param == "scripted":
                return ScriptedModel([line])
            server.play(step)
            model = open_model(server.access(request.param), {})
            stack.callback(model.close)
            return model

        yield build


@pytest.mark.parametrize(
    ("scene", "text", "stop"),
    [
        ("answer", "the keeper", "stop"),
        ("cut off", "the kee", "length"),
        ("refusal", "no", "refusal"),
        ("pause", "", "other"),
    ],
)
def test_a_reply_has_its_text_and_how_it_ended(make: Make, scene: str, text: str, stop: str) -> None:
    found = make(scene).complete(ASK)
    assert (found.text, found.stop_reason) == (text, stop)
    assert found.usage == USAGE
    assert found.attempts == 1
    assert found.model


def test_tokens_that_were_not_reported_are_unknown(make: Make) -> None:
    assert make("no usage").complete(ASK).usage is None


def test_a_reply_that_never_came_and_a_wrong_key_are_different_errors(make: Make) -> None:
    with pytest.raises(ModelReplyError, match="503"):
        make("no reply").complete(ASK)
    with pytest.raises(LaunchError, match="401"):
        make("wrong key").complete(ASK)


def test_several_threads_may_ask(make: Make) -> None:
    model = make("answer")
    with ThreadPoolExecutor(4) as pool:
        assert {found.text for found in pool.map(model.complete, [ASK] * 12)} == {"the keeper"}


def test_a_name_says_provider_and_model(make: Make) -> None:
    assert "/" in make("answer").name
