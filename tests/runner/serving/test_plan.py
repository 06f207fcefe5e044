"""What a session's probes are told about who answers, and the command of the server that does."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from fakes_vllm import FakeVllm, serving_fake

from lanes.config import ChoiceKnob, LanesConfig, NumericKnob
from probes.errors import ConfigError, LaunchError
from probes.evaluation.backends.config import ServingConfig
from probes.recipe import Recipe
from runner.serving.command import Served, largest_rank, server_command, smallest_rank
from runner.serving.plan import find_python, in_process, pick_port, plan_serving, with_key

RECIPE = Recipe(base_model="m", rank=16)
OPEN = LanesConfig(hyperparameters={"learning_rate": NumericKnob(low=1, high=2, max_factor=2)})


def lanes(*ranks: int) -> LanesConfig:
    return LanesConfig(hyperparameters={"rank": ChoiceKnob(values=ranks)})


@pytest.mark.parametrize(
    ("config", "largest", "covering"),
    [
        (lanes(4, 8, 48), 48, 64),
        (lanes(4, 8), 16, 16),
        (OPEN, 16, 16),
        (LanesConfig(), 64, 64),
        (LanesConfig(closed=("hyperparameters",)), 16, 16),
        (LanesConfig(hyperparameters={"rank": NumericKnob(low=8, high=100, max_factor=2)}), 100, 128),
    ],
)
def test_the_server_takes_every_rank_the_night_can_train(config: LanesConfig, largest: int, covering: int) -> None:
    assert largest_rank(RECIPE, config) == largest
    assert smallest_rank(RECIPE, config) == covering


def test_a_rank_the_server_could_not_serve_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be at least 64, the largest rank of recipe and lane, got 32"):
        smallest_rank(RECIPE, lanes(16, 64), 32)
    with pytest.raises(ConfigError, match="up to rank 512"):
        smallest_rank(RECIPE, lanes(16, 600))


def test_the_command_binds_to_this_machine_last_and_takes_no_foreign_key_along() -> None:
    environ = {"PATH": "/bin", "OPENAI_API_KEY": "theirs"}
    config = ServingConfig(backend="vllm", arguments=("--max-model-len", "99"), tool_call_parser="hermes", threads=3)
    command = server_command(config, Path("/v/python"), Served(Path("/m"), "float32", 32), 8123, "ours", environ, 4)
    assert command.argv[-4:] == ("--host", "127.0.0.1", "--port", "8123")
    assert command.argv.index("--max-model-len") < command.argv.index("--model")
    for pair in (("--max-lora-rank", "32"), ("--tool-call-parser", "hermes"), ("--dtype", "float32")):
        assert pair in zip(command.argv, command.argv[1:], strict=False)
    assert command.environment["VLLM_API_KEY"] == "ours"
    assert command.environment["OMP_NUM_THREADS"] == "3"
    assert command.environment["HF_HUB_OFFLINE"] == "1"
    assert "OPENAI_API_KEY" not in command.environment


def test_a_merged_model_is_served_without_adapters() -> None:
    command = server_command(ServingConfig(), Path("p"), Served(Path("/m"), "bfloat16", None), 1, "k", {}, 1)
    assert "--enable-lora" not in command.argv


def test_in_process_nothing_is_asked_and_a_session_with_a_server_is_refused_there() -> None:
    plan = plan_serving(ServingConfig(mode="merged_int8"), {})
    assert (plan.backend, plan.mode, plan.server, plan.versions) == ("transformers", "merged_int8", None, {})
    with pytest.raises(ConfigError, match="this command starts no server"):
        in_process(ServingConfig(backend="vllm"))


def test_a_running_server_is_asked_for_its_version_and_base() -> None:
    fake = FakeVllm(lambda _: [0.0], version="0.40.1")
    with serving_fake(fake) as url:
        config = ServingConfig(backend="vllm", base_url=url, tool_call_parser="hermes", arguments=("--x", "1"))
        plan = plan_serving(config, {})
        assert plan.server is not None
        assert (plan.server.base_url, plan.server.model, plan.server.parses_tool_calls) == (url, "base", True)
    assert plan.versions == {"vllm": "0.40.1", "tool call parser": "hermes", "server arguments": "--x 1"}
    with pytest.raises(LaunchError, match="does not answer"):
        plan_serving(config, {})


def test_a_missing_environment_is_told_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="make it with `make vllm`"):
        find_python(ServingConfig(backend="vllm"), project=tmp_path)
    with pytest.raises(LaunchError, match="has no vLLM"):
        plan_serving(ServingConfig(backend="vllm", python=sys.executable), {})


def test_a_server_of_our_own_has_a_new_key_every_time_and_another_its_own() -> None:
    own = ServingConfig(backend="vllm")
    keys = {with_key(own, {"NIGHTLAB_SERVER_KEY": "old"})["NIGHTLAB_SERVER_KEY"] for _ in range(3)}
    assert len(keys - {"old"}) == 3
    running = ServingConfig(backend="vllm", base_url="http://127.0.0.1:1", key_env="TEAM_API_KEY")
    assert with_key(running, {"TEAM_API_KEY": "theirs"})["NIGHTLAB_SERVER_KEY"] == "theirs"
    assert with_key(ServingConfig(), {"A": "b"}) == {"A": "b"}
    with pytest.raises(ConfigError, match="names `TEAM_API_KEY`, which is not set"):
        with_key(running, {})


def test_a_port_in_use_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LaunchError, match="is in use"):
            pick_port(ServingConfig(port=taken.getsockname()[1]))
