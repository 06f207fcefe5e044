"""Opens the backend a probe asks for, on the adapter that was just trained, and sends the canary ahead."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from probes.errors import ConfigError, MeasurementError
from probes.evaluation.backends.backend import Backend
from probes.evaluation.backends.in_process import InProcessBackend
from probes.evaluation.backends.vllm import VllmBackend
from probes.evaluation.backends.vllm_client import VllmClient
from probes.evaluation.canary import (
    TOP,
    canary_prompts,
    compare_in_process,
    compare_served,
    next_logprobs,
    require_adapter,
)
from probes.evaluation.merging import served_as
from probes.evaluation.suite import Item
from probes.outcome import Canary
from probes.rendering import Rendering
from probes.request import ProbeRequest, ServerRef

IN_PROCESS = "the model in this process"


class Opened(NamedTuple):
    """A backend that answers with the adapter, and how that was seen."""

    backend: Backend
    canary: Canary


class Subject(NamedTuple):
    """What is to be measured."""

    model: Any
    """The PEFT model: base plus adapter, in evaluation mode."""
    rendering: Rendering
    items: Sequence[Item]
    adapter: Path
    """The saved adapter."""
    digest: str
    """Its digest."""


@contextmanager
def opened(request: ProbeRequest, subject: Subject) -> Generator[Opened]:
    """Open the backend of `request` on `subject`; afterwards model and server are as they were.

    Raises:
        MeasurementError: the adapter is not what answers.
        LaunchError: the server is not there.
    """
    prompts = canary_prompts([subject.rendering.prompt_ids(item.messages, item.tools) for item in subject.items])
    pad_id = _pad_id(subject.rendering)
    with subject.model.disable_adapter():
        base = next_logprobs(subject.model, prompts, pad_id)
    with served_as(subject.model, request.serving_mode):
        own = next_logprobs(subject.model, prompts, pad_id)
        canary = require_adapter(compare_in_process(f"adapter {subject.digest}", own, base), IN_PROCESS)
        if request.backend == "transformers":
            yield Opened(InProcessBackend(subject.model, subject.rendering), canary)
            return
        if request.server is None:
            raise ConfigError("a probe with backend `vllm` needs a server; this command does not start one")
        with _adapter_on_server(request, request.server, subject) as (backend, name):
            served = backend.next_logprobs(name, prompts, TOP)
            if name != request.server.model:
                served_base = backend.next_logprobs(request.server.model, prompts, TOP)
                canary = compare_served(name, served, own, base, served_base)
            else:
                canary = compare_served(name, served, own, base)
            yield Opened(backend, require_adapter(canary, f"the server at {request.server.base_url}"))


@contextmanager
def _adapter_on_server(
    request: ProbeRequest, server: ServerRef, subject: Subject
) -> Generator[tuple[VllmBackend, str]]:
    """Load the adapter while the context is open; a merged model is already there under the base's name."""
    with VllmClient(server.base_url, timeout_s=request.deadline_s) as client:
        client.wait_until_up(server.startup_s)
        version, recorded = client.version(), request.versions.get("vllm")
        if version != recorded:
            raise MeasurementError(
                f"the server at {server.base_url} is vLLM {version}, the session was planned with {recorded}; run that "
                "version again, or start a new session"
            )
        models = client.models()
        if server.model not in models:
            raise MeasurementError(
                f"the server at {server.base_url} serves {', '.join(models) or 'no base'}, not `{server.model}`; start "
                "it on the session's base model"
            )
        is_merged = request.serving_mode != "adapter_on_base"
        name = server.model if is_merged else f"nightlab-{subject.digest}-{request.key}"
        if not is_merged:
            client.load_adapter(name, subject.adapter)
        context, parses = models[server.model], server.parses_tool_calls
        try:
            yield VllmBackend(client, name, subject.rendering, version, context, parses), name
        finally:
            if not is_merged and (refusal := client.unload_adapter(name)) is not None:
                print(f"adapter `{name}` stays on {server.base_url}: {refusal.message}", file=sys.stderr)


def _pad_id(rendering: Rendering) -> int:
    tokenizer = rendering.tokenizer
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)
