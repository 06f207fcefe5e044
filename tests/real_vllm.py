"""A real vLLM server on the miniature, for tests marked `server`.

    from real_vllm import vllm_server as vllm_server

Its environment is `NIGHTLAB_VLLM` (the interpreter, or its environment's folder), else `.venv-vllm`; without one the
tests are skipped. One server serves a whole test run; its context is longer than the miniature's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from probes.evaluation.backends.config import ServingConfig
from probes.miniature.build import MiniaturePaths, build_miniature
from probes.request import ServerRef
from runner.serving.command import SERVED_NAME, Served, server_command
from runner.serving.plan import PROJECT, find_python, pick_port
from runner.serving.server import VllmServer

KEY = "key-of-the-tests"
LONG_CONTEXT = ("--max-model-len", "4096", "--hf-overrides", '{"max_position_embeddings": 4096}')


@dataclass(frozen=True)
class RealServer:
    """A server that answers."""

    url: str
    """Without `/v1`."""
    key: str
    model: str
    """The base model's name there."""
    base: Path
    """Its folder."""
    process: VllmServer

    @property
    def ref(self) -> ServerRef:
        """As a probe request has it."""
        return ServerRef(base_url=self.url, model=self.model, startup_s=300)


def vllm_python() -> Path:
    """The interpreter of vLLM's environment; skips the test where there is none."""
    named = Path(os.environ.get("NIGHTLAB_VLLM", PROJECT / ".venv-vllm"))
    python = named / "bin" / "python" if named.is_dir() else named
    if not python.is_file():
        pytest.skip(f"no vLLM environment at {python}: run `make vllm`, or set NIGHTLAB_VLLM to its interpreter")
    return find_python(ServingConfig(backend="vllm", python=str(python)))


def miniature() -> MiniaturePaths:
    """The miniature, built on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return build_miniature(cache / "nightlab" / "miniature", lambda _stage, _share: None)


@contextmanager
def running_server(base: Path, logs: Path, max_lora_rank: int | None = 32, **settings: Any) -> Generator[RealServer]:
    """A server on the model in `base` while the context is open; `settings` are those of `[serving]`."""
    config = ServingConfig(backend="vllm", python=str(vllm_python()), **settings)
    port = pick_port(config)
    served = Served(base, "float32", max_lora_rank)
    command = server_command(config, find_python(config), served, port, KEY, os.environ, cores=2)
    url = f"http://127.0.0.1:{port}"
    say = lambda text: print(text, file=sys.stderr)  # noqa: E731
    with VllmServer(command, url, logs / "vllm.log", config.startup_s, config.restarts, say) as process:
        yield RealServer(url, KEY, SERVED_NAME, base, process)


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server with the miniature as its base, adapters up to rank 32, three at a time."""
    vllm_python()
    logs = tmp_path_factory.mktemp("vllm")
    with running_server(miniature().base_model, logs, arguments=LONG_CONTEXT, tool_call_parser="hermes") as server:
        yield server
