import pytest
from pydantic import ValidationError

from probes.errors import LaunchError
from probes.language_models.config import PLACEHOLDER_KEY, ModelAccess, read_key
from probes.loopback import is_loopback


def access(**changes: object) -> ModelAccess:
    return ModelAccess.model_validate({"provider": "anthropic", "model": "m", **changes})


@pytest.mark.parametrize(
    "url", ["https://llm.example.org/v1", "http://127.0.0.1:8000", "http://localhost/v1", "http://[::1]:80"]
)
def test_https_anywhere_and_http_on_this_machine(url: str) -> None:
    assert access(base_url=url).address == url


@pytest.mark.parametrize(
    "url",
    [
        "http://llm.example.org",
        "http://192.168.0.7:8000",
        "http://127.0.0.1.example.org",
        "ftp://127.0.0.1",
        "llm.example.org",
    ],
)
def test_anything_else_would_show_the_key(url: str) -> None:
    with pytest.raises(ValidationError, match="https"):
        access(base_url=url)
    assert not is_loopback(url) or url.startswith("ftp")


def test_an_address_holds_no_password() -> None:
    with pytest.raises(ValidationError, match="key_env"):
        access(base_url="https://me:secret@llm.example.org")


def test_a_key_comes_from_its_variable_and_only_this_machine_needs_none() -> None:
    assert read_key(access(), {"ANTHROPIC_API_KEY": " k "}) == "k"
    assert read_key(access(provider="openai"), {"OPENAI_API_KEY": "k"}) == "k"
    assert read_key(access(key_env="TEAM_KEY"), {"TEAM_KEY": "k", "ANTHROPIC_API_KEY": "other"}) == "k"
    assert read_key(access(base_url="http://127.0.0.1:1"), {}) == PLACEHOLDER_KEY
    for environ in ({}, {"ANTHROPIC_API_KEY": "  "}):
        with pytest.raises(LaunchError, match="ANTHROPIC_API_KEY is not set; export it, or name another in `key_env`"):
            read_key(access(), environ)


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-one sk-two", "sk-\0one", "sk-\u00e4"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(LaunchError, match="ANTHROPIC_API_KEY must hold one key") as error:
        read_key(access(), {"ANTHROPIC_API_KEY": key})
    assert "sk-" not in str(error.value)
