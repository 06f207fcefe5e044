"""The command line and environment of a vLLM server, from the session's `[serving]`. Pure: nothing is started here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lanes.config import ChoiceKnob, LanesConfig
from probes.errors import ConfigError
from probes.evaluation.backends.config import LORA_RANKS, ServingConfig
from probes.recipe import Recipe
from runner.launchers.devices import worker_environment

HOST = "127.0.0.1"
SERVED_NAME = "base"
"""The base model's name on a server that nightlab starts."""
DEFAULT_RANK_FACTOR = 4
"""How far the rank's lane reaches around the baseline where the session does not say."""


class Served(NamedTuple):
    """What a server is started for."""

    model: Path
    """Folder of the base model, or of a merged one."""
    dtype: str
    max_lora_rank: int | None
    """None: no adapters, the model as it is."""
    chat_template: str | None = None
    """Jinja file; None: the tokenizer's own."""


class ServerCommand(NamedTuple):
    """What to run."""

    argv: tuple[str, ...]
    environment: dict[str, str]


def server_command(
    config: ServingConfig, python: Path, served: Served, port: int, key: str, environ: Mapping[str, str], cores: int
) -> ServerCommand:
    """Return how a server is started; the settings of nightlab come last, where they win."""
    loras = ()
    if served.max_lora_rank is not None:
        loras = ("--enable-lora", "--max-loras", str(config.max_loras), "--max-lora-rank", str(served.max_lora_rank))
    parser = ()
    if config.tool_call_parser is not None:
        parser = ("--enable-auto-tool-choice", "--tool-call-parser", config.tool_call_parser)
    template = ("--chat-template", served.chat_template) if served.chat_template is not None else ()
    argv = (
        str(python),
        "-m",
        "vllm.entrypoints.openai.api_server",  # the `vllm` command fails in the CPU build
        "--enforce-eager",
        *config.arguments,
        *("--model", str(served.model), "--served-model-name", SERVED_NAME, "--dtype", served.dtype),
        *("--generation-config", "vllm"),  # no sampling defaults from the model's folder
        *loras,
        *parser,
        *template,
        *("--host", HOST, "--port", str(port)),
    )
    return ServerCommand(argv, _environment(config, environ, key, cores))


def smallest_rank(recipe: Recipe, lanes: LanesConfig, given: int | None = None) -> int:
    """Return `--max-lora-rank`: `given`, else the smallest that covers the recipe and the rank's lane.

    Raises:
        ConfigError: `given` is too small, or the lane reaches further than vLLM can.
    """
    needed = largest_rank(recipe, lanes)
    if given is not None and given < needed:
        raise ConfigError(
            f"`serving.max_lora_rank` must be at least {needed}, the largest rank of recipe and lane, got {given}; "
            "raise it, or lower the lane's reach in `[lanes.hyperparameters.rank]`"
        )
    covering = given or next((rank for rank in LORA_RANKS if rank >= needed), None)
    if covering is None:
        raise ConfigError(
            f"vLLM serves adapters up to rank {LORA_RANKS[-1]}, recipe and lane reach {needed}; lower "
            '`[lanes.hyperparameters.rank]`, or set `serving.backend` to "transformers"'
        )
    return covering


def largest_rank(recipe: Recipe, lanes: LanesConfig) -> int:
    """Return the largest rank that a night can train."""
    if "hyperparameters" in lanes.closed:
        return recipe.rank
    if not lanes.hyperparameters:
        return recipe.rank * DEFAULT_RANK_FACTOR
    knob = lanes.hyperparameters.get("rank")
    if knob is None:
        return recipe.rank
    values = knob.values if isinstance(knob, ChoiceKnob) else (knob.low, knob.high)
    return max(recipe.rank, *(int(value) for value in values))


def _environment(config: ServingConfig, environ: Mapping[str, str], key: str, cores: int) -> dict[str, str]:
    """Return the server's environment: offline, without telemetry and without anybody's API keys but its own."""
    threads = str(config.threads or max(1, cores // 2))
    return worker_environment(environ, None) | {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "VLLM_API_KEY": key,
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_CPU_KVCACHE_SPACE": str(config.kv_cache_gib),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # cores are shared with the workers
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
