import pytest
from pydantic import ValidationError

from probes.evaluation.backends.config import OWNED_FLAGS, ServingConfig


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://models.example/team/v1", "https://models.example/team"),
    ],
)
def test_addresses_on_this_machine_and_encrypted_ones_are_taken(given: str, kept: str) -> None:
    assert ServingConfig(backend="vllm", base_url=given).base_url == kept


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.5:8000", "http://models.example", "ftp://127.0.0.1", "127.0.0.1:8000", "https://me:secret@host"],
)
def test_open_addresses_and_passwords_in_them_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must"):
        ServingConfig(backend="vllm", base_url=url)


@pytest.mark.parametrize("flag", [*OWNED_FLAGS, "--hos", "--host=0.0.0.0", "--api_key", "--por=1"])
def test_flags_that_nightlab_sets_are_refused_abbreviated_too(flag: str) -> None:
    with pytest.raises(ValidationError, match="nightlab sets"):
        ServingConfig(backend="vllm", arguments=(flag, "x"))


def test_other_flags_and_their_values_pass() -> None:
    arguments = ("--max-model-len", "4096", "--gpu-memory-utilization=.4", "--hf-overrides", '{"a": 1}', "-O0")
    assert ServingConfig(backend="vllm", arguments=arguments).arguments == arguments


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_url": "http://127.0.0.1:1"}, "of no use without"),
        ({"backend": "vllm", "mode": "merged"}, "nightlab measure"),
        ({"backend": "vllm", "key_env": "KEY"}, "belongs to `base_url`"),
        ({"backend": "vllm", "max_lora_rank": 48}, "must be one of 1, 8, 16"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ServingConfig.model_validate(settings)


def test_only_a_server_without_an_address_is_started() -> None:
    assert ServingConfig(backend="vllm").starts_server
    assert not ServingConfig(backend="vllm", base_url="http://127.0.0.1:8000").starts_server
    assert not ServingConfig(mode="merged_int4").starts_server
