"""`[agent]`: what a session may ask for, and what is refused before anything is spent."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fakes import FakeClock
from pydantic import ValidationError

from agent.config import AgentConfig
from agent.proposers.open import open_proposer
from agent.proposers.resting import rest_reason
from probes.errors import LaunchError
from tracking.events import ModelTurn


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"proposer": "openai"}, "needs the name of a language model"),
        ({"proposer": "hybrid", "model": "gpt-5"}, "needs `provider"),
        ({"proposer": "openai", "model": "nobody-priced-this"}, r"agent\.prices"),
        ({"proposer": "openai", "model": "gpt-5", "base_url": "http://example.org/v1"}, "must be https"),
        ({"proposer": "hybrid", "provider": "openai", "model": "gpt-5", "share": 0.0}, "share"),
        ({"proposer": "tpe"}, "proposer"),
    ],
)
def test_what_cannot_work_is_refused_with_the_cure(section: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AgentConfig.model_validate(section)


def test_a_price_a_listed_model_or_a_server_on_this_machine_will_do() -> None:
    own = {"proposer": "openai", "model": "own", "prices": {"own": {"input": 1, "output": 2}}}
    assert AgentConfig.model_validate(own).price is not None
    assert AgentConfig.model_validate({"proposer": "anthropic", "model": "claude-sonnet-5-5"}).price is not None
    local = AgentConfig.model_validate({"proposer": "openai", "model": "own", "base_url": "http://127.0.0.1:8000/v1"})
    assert local.price is None


def test_a_missing_key_stops_before_the_night() -> None:
    config = AgentConfig.model_validate({"proposer": "anthropic", "model": "claude-sonnet-5-5", "key_env": "MY_KEY"})
    with pytest.raises(LaunchError, match="MY_KEY"), open_proposer(config, {}, FakeClock()):
        pass


@pytest.mark.parametrize("name", ["optuna", "gp", "random", "space_filling"])
def test_proposers_without_a_model_need_nothing(name: str) -> None:
    with open_proposer(AgentConfig.model_validate({"proposer": name}), {}, FakeClock()) as proposer:
        assert proposer.name == name


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_hybrid_opens_either_sdk(provider: str) -> None:
    section = {"proposer": "hybrid", "provider": provider, "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    with open_proposer(AgentConfig.model_validate(section), {}, FakeClock()) as proposer:
        assert proposer.name == "hybrid"


def test_opening_the_module_loads_no_client() -> None:
    code = (
        "import sys, agent.proposers.open; "
        "print([m for m in ('openai', 'anthropic', 'torch', 'optuna', 'jsonschema') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def turns(outcomes: str) -> list[ModelTurn]:
    words = {"f": "failed", "s": "skipped", "a": "accepted", "r": "refused"}
    return [
        ModelTurn.model_validate(
            {
                "at": "",
                "question": i,
                "proposer": "m",
                "outcome": words[o],
                "reason": "the provider is down: x" if o == "s" else "",
            }
        )
        for i, o in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("outcomes", "rests"),
    [("", False), ("ff", False), ("fff", True), ("fffs", True), ("fffss", False), ("fffssf", True),
     ("fffssfss", False), ("fffssa", False), ("farff", False), ("fffssaff", False), ("fffssafff", True)],
)  # fmt: skip
def test_the_breaker_is_read_off_the_turns(outcomes: str, rests: bool) -> None:
    assert (rest_reason(turns(outcomes), rest_after=3, rest_turns=2) is not None) == rests
