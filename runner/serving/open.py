"""The server of a session, from its start before the first probe to its end with the session."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from probes.errors import LaunchError
from probes.evaluation.backends.vllm_client import KEY_VARIABLE, VllmClient
from runner.config import SessionConfig
from runner.interrupts import StopRequest
from runner.launchers.devices import usable_cores, visible_gpus
from runner.serving.command import Served, server_command, smallest_rank
from runner.serving.plan import ServingPlan, with_key
from runner.serving.server import LOG_NAME, VllmServer
from runner.surroundings import Surroundings


def keyed(config: SessionConfig, around: Surroundings) -> Surroundings:
    """Return the surroundings whose workers have the server's key; call it before they start."""
    return replace(around, environ=with_key(config.serving, around.environ))


@contextmanager
def serving(
    config: SessionConfig, plan: ServingPlan, base: Path, logs: Path, around: Surroundings, stop: StopRequest
) -> Generator[None]:
    """Have the session's own server up while the context is open; without one of its own there is nothing to do.

    A server that dies is started again. One that keeps dying asks `stop` for the end and makes the context fail.

    Raises:
        LaunchError: the server does not come up, is another version than planned, or was given up.
    """
    if not config.serving.starts_server:
        yield
        return
    assert plan.python is not None
    rank = smallest_rank(config.recipe, config.lanes, config.serving.max_lora_rank)
    template = config.recipe.chat_template
    served = Served(base, serving_dtype(config, around), rank, template if template not in _TEMPLATES else None)
    with own_server(config, plan, served, logs, around) as server:
        server.watch(stop.ask)
        yield
        if server.failure is not None:
            raise LaunchError(server.failure)


@contextmanager
def own_server(
    config: SessionConfig, plan: ServingPlan, served: Served, logs: Path, around: Surroundings
) -> Generator[VllmServer]:
    """Start a server on `served`, wait for it, and end it with the context.

    Raises:
        LaunchError: it does not come up, or is another version than planned.
    """
    assert plan.server is not None
    assert plan.python is not None
    url, key = plan.server.base_url, around.environ[KEY_VARIABLE]
    port = int(url.rpartition(":")[2])
    command = server_command(config.serving, plan.python, served, port, key, around.environ, usable_cores())
    around.say(f"starting vLLM {plan.versions['vllm']} on {url}")
    section = config.serving
    with VllmServer(command, url, logs / LOG_NAME, section.startup_s, section.restarts, around.say) as server:
        with VllmClient(url, key) as client:
            version = client.version()
        if version != plan.versions["vllm"]:
            raise LaunchError(f"the server is vLLM {version}, its environment said {plan.versions['vllm']}; remake it")
        yield server


def serving_dtype(config: SessionConfig, around: Surroundings) -> str:
    """Return the precision of the server's weights: that of training."""
    precision = config.recipe.precision
    if precision == "auto":
        return "bfloat16" if visible_gpus(around.environ) else "float32"
    return precision


_TEMPLATES = ("tokenizer", "none")
