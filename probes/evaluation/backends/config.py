"""The session section `[serving]`: who answers the suite, how the adapter is served, and where a server comes from."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from probes.frozen import Frozen
from probes.loopback import is_loopback

BackendName = Literal["transformers", "vllm"]
ServingMode = Literal["adapter_on_base", "merged", "merged_int8", "merged_int4"]
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM's `--max-lora-rank` takes."""
OWNED_FLAGS = (
    "--api-key",
    "--config",
    "--data-parallel-address",
    "--dtype",
    "--enable-lora",
    "--enable-auto-tool-choice",
    "--generation-config",
    "--host",
    "--master-addr",
    "--max-lora-rank",
    "--max-loras",
    "--model",
    "--node-rank",
    "--port",
    "--root-path",
    "--served-model-name",
    "--tool-call-parser",
    "--uds",
)
"""Server flags that nightlab sets itself, or that would open the server to other machines."""


class ServingConfig(Frozen):
    """`[serving]`."""

    backend: BackendName = "transformers"
    """`transformers`: in the worker's own process. `vllm`: a server that nightlab starts, or the one at `base_url`."""
    mode: ServingMode = "adapter_on_base"
    """How the adapter meets the base; `merged_int8` and `merged_int4` round the merged weights as Q8_0 and Q4_0 do.
    A vLLM server serves `adapter_on_base` in a night; `nightlab measure` starts one for each other mode."""
    base_url: str | None = None
    """A vLLM server that already runs: http on this machine, https anywhere. It must see the session's folder and allow
    adapters to be loaded (VLLM_ALLOW_RUNTIME_LORA_UPDATING). None: nightlab starts one."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable with the key of the server at `base_url`."""
    tool_call_parser: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]+$")
    """The server's parser of tool calls, e.g. `hermes`: items with tools then get structured calls. None: what the
    model writes stays text, as it does in process."""
    python: str | None = None
    """Interpreter of vLLM's own environment; None: `.venv-vllm` beside the project, made by `make vllm`."""
    port: int | None = Field(default=None, ge=1024, le=65535)
    """Port on 127.0.0.1; None: a free one."""
    startup_s: float = Field(default=300.0, gt=0.0, le=7200.0)
    """How long a server may take to answer after its start, the first one or one after a crash."""
    restarts: int = Field(default=3, ge=0, le=100)
    """How often a server that died is started again in one stretch of a night."""
    arguments: tuple[str, ...] = ()
    """Further flags of the server, e.g. `["--max-model-len", "4096"]`; part of a measurement's identity."""
    max_loras: int = Field(default=3, ge=1, le=64)
    """Adapters the server computes side by side; at least as many as there are workers."""
    max_lora_rank: int | None = None
    """Largest rank the server takes; None: the smallest possible that covers the recipe and the rank's lane."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads of a server on CPU; None: half the cores."""
    kv_cache_gib: Annotated[int, Field(ge=1, le=512)] = 1
    """Key-value cache of a server on CPU."""

    @field_validator("base_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        return None if value is None else checked_url(value)

    @field_validator("max_lora_rank")
    @classmethod
    def _known_rank(cls, value: int | None) -> int | None:
        if value is not None and value not in LORA_RANKS:
            raise ValueError(f"must be one of {', '.join(map(str, LORA_RANKS))}")
        return value

    @field_validator("arguments")
    @classmethod
    def _only_free_flags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for argument in value:
            if (owned := _owned(argument)) is not None:
                raise ValueError(f"`{argument}` may not be given: nightlab sets `{owned}` itself, on 127.0.0.1 only")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.backend == "transformers" and self.base_url is not None:
            raise ValueError('`base_url` is of no use without `backend = "vllm"`; set it, or take `base_url` out')
        if self.backend == "vllm" and self.mode != "adapter_on_base":
            raise ValueError(
                f"a night's vLLM server serves adapters on their base, got mode `{self.mode}`; compare the modes with "
                '`nightlab measure`, or set `backend = "transformers"`'
            )
        if self.key_env is not None and self.base_url is None:
            raise ValueError("`key_env` belongs to `base_url`; nightlab makes the key of a server it starts")
        return self

    @property
    def starts_server(self) -> bool:
        """Whether nightlab starts a server of its own."""
        return self.backend == "vllm" and self.base_url is None


def checked_url(value: str) -> str:
    """Return a server's address without `/v1` and trailing slashes.

    Raises:
        ValueError: it is no http address on this machine and no https address, or it holds a password.
    """
    url = urlsplit(value.strip())
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.password or url.query:
        raise ValueError(f"must look like http://127.0.0.1:8000 or https://host, without a password, got {value!r}")
    if url.scheme == "http" and not is_loopback(value):
        raise ValueError(f"must be https for another machine (adapters and answers would travel open), got {value!r}")
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/').removesuffix('/v1').rstrip('/')}"


def _owned(argument: str) -> str | None:
    """Return the owned flag that an argument sets, abbreviated as argparse allows or not."""
    flag = argument.partition("=")[0].replace("_", "-").split(".")[0]
    if not flag.startswith("--") or len(flag) < 4:
        return None
    return next((owned for owned in OWNED_FLAGS if owned.startswith(flag)), None)
