"""Both clients and the judge against a real vLLM server, which holds a reply to its schema on both of its APIs.

The miniature judges: it knows nothing of judging, so a verdict's form is what is looked at, never its sense.
"""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fakes_llm_server import PROVIDERS
from real_vllm import RealServer
from real_vllm import vllm_server as vllm_server

from probes.data.conversation import Message
from probes.errors import LaunchError
from probes.evaluation.judging.config import JudgeConfig
from probes.evaluation.judging.judge import open_judge
from probes.evaluation.judging.rubric import CriticalFailure, Rubric, RubricComponent
from probes.evaluation.scorers.exchange import Exchange
from probes.language_models.config import Provider
from probes.language_models.model import Ask, Turn
from probes.language_models.open import open_model

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
both = pytest.mark.parametrize("provider", PROVIDERS)
RUBRIC = Rubric(
    components=(
        RubricComponent(name="voice", weight=0.75, description="It sounds like a letter."),
        RubricComponent(name="facts", weight=0.25, description="It is true."),
    ),
    critical_failures=(CriticalFailure(name="anachronism", description="It names a radio."),),
    justify=False,
)
EXCHANGE = Exchange("Dear friend, I keep the lamp.", messages=(Message(role="user", content="Who are you?"),))


def config(server: RealServer, provider: Provider, **changes: Any) -> JudgeConfig:
    url = server.url if provider == "anthropic" else f"{server.url}/v1"
    values = {"provider": provider, "model": server.model, "base_url": url, "key_env": "VLLM_KEY", "max_tokens": 200}
    return JudgeConfig(**{**values, **changes})


@both
def test_a_reply_is_held_to_the_schema_and_reports_its_tokens(vllm_server: RealServer, provider: Provider) -> None:
    ask = Ask("Judge.", (Turn("user", "The lamp is lit."),), 200, RUBRIC.reply_schema(), 0.0)
    with closing(open_model(config(vllm_server, provider), {"VLLM_KEY": vllm_server.key})) as model:
        found = model.complete(ask)
    assert (found.stop_reason, found.dropped, found.attempts, found.model) == ("stop", (), 1, vllm_server.model)
    jsonschema.validate(json.loads(found.text), RUBRIC.reply_schema())
    assert found.usage is not None
    assert found.usage.input_tokens > 0
    assert found.usage.output_tokens > 0


@both
def test_a_judge_that_only_knows_the_form_gives_a_verdict_on_the_scale(
    vllm_server: RealServer, provider: Provider, tmp_path: Path
) -> None:
    with closing(open_judge(config(vllm_server, provider), {"VLLM_KEY": vllm_server.key}, tmp_path)) as judge:
        found = judge.judge(RUBRIC, EXCHANGE)
        usage = judge.usage()
    assert found.unscored is None
    assert found.overall == pytest.approx(0.75 * found.components["voice"] + 0.25 * found.components["facts"])
    assert found.judge_overall_score is not None
    assert usage.strategies == {"strict": 1}
    assert (found.stop_reason, usage.models, usage.retries) == ("stop", (vllm_server.model,), 0)


@both
def test_a_verdict_that_does_not_fit_is_asked_for_once_more_and_then_unscored(
    vllm_server: RealServer, provider: Provider, tmp_path: Path
) -> None:
    small = config(vllm_server, provider, max_tokens=4)
    with closing(open_judge(small, {"VLLM_KEY": vllm_server.key}, tmp_path)) as judge:
        found = judge.judge(RUBRIC, EXCHANGE)
    assert (found.stop_reason, found.calls, found.overall) == ("length", 2, None)
    assert "cut off" in str(found.unscored)
    assert found.usage is not None
    assert found.usage.output_tokens == 4 + 8


@both
def test_a_wrong_key_and_a_wrong_name_are_launch_errors(vllm_server: RealServer, provider: Provider) -> None:
    ask = Ask("Judge.", (Turn("user", "x"),), 5)
    for changes, key, cure in (({}, "wrong", "VLLM_KEY"), ({"model": "nobody"}, vllm_server.key, "correct `model`")):
        model = open_model(config(vllm_server, provider, **changes), {"VLLM_KEY": key})
        with closing(model), pytest.raises(LaunchError, match=cure):
            model.complete(ask)
