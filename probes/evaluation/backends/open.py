"""Opens the backend a probe asks for, on the adapter that was just trained or the base, and sends the canary ahead."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
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
    compare_base,
    compare_in_process,
    compare_served,
    next_logprobs,
    require_adapter,
    require_base,
)
from probes.evaluation.evaluate import Evaluation
from probes.evaluation.merging import served_as
from probes.evaluation.suite import Item
from probes.outcome import Canary, Measured
from probes.rendering import Rendering
from probes.request import ProbeRequest, ServerRef

IN_PROCESS = "the model in this process"


class Opened(NamedTuple):
    """A backend that answers with the adapter, and how that was seen."""

    backend: Backend
    canary: Canary | None
    """None for the base alone in process: nothing else could answer."""


class Subject(NamedTuple):
    """What is to be measured."""

    model: Any
    """The PEFT model, base plus adapter, or the base alone; in evaluation mode."""
    rendering: Rendering
    items: Sequence[Item]
    adapter: tuple[Path, str] | None
    """The saved adapter's folder and digest; None for the base alone."""


@contextmanager
def opened(request: ProbeRequest, subject: Subject, key: str | None = None) -> Generator[Opened]:
    """Open the backend of `request` on `subject`; afterwards model and server are as they were.

    The server's `key` is the environment's where none is given.

    Raises:
        MeasurementError: something else than the subject answers.
        LaunchError: the server is not there.
    """
    prompts = canary_prompts([subject.rendering.prompt_ids(item.messages, item.tools) for item in subject.items])
    pad_id = _pad_id(subject.rendering)
    if subject.adapter is None:
        with _base_opened(request, subject, key, prompts, pad_id) as base_alone:
            yield base_alone
        return
    with subject.model.disable_adapter():
        base = next_logprobs(subject.model, prompts, pad_id)
    with served_as(subject.model, request.serving_mode):
        own = next_logprobs(subject.model, prompts, pad_id)
        canary = require_adapter(compare_in_process(f"adapter {subject.adapter[1]}", own, base), IN_PROCESS)
        if request.backend == "transformers":
            yield Opened(InProcessBackend(subject.model, subject.rendering), canary)
            return
        with ExitStack() as stack:
            client, server, context = stack.enter_context(_server(request, key))
            name = stack.enter_context(_loaded(client, request, server, subject.adapter))
            backend = VllmBackend(client, name, subject.rendering, context, server.parses_tool_calls)
            served = backend.next_logprobs(name, prompts, TOP)
            others = backend.next_logprobs(server.model, prompts, TOP) if name != server.model else ()
            canary = compare_served(name, served, own, base, others)
            yield Opened(backend, require_adapter(canary, f"the server at {server.base_url}"))


def describe(
    request: ProbeRequest, rendering: Rendering, answering: Opened, adapter: str | None, found: Evaluation
) -> Measured:
    """Return who answered and how, for the record; `adapter` is a digest."""
    return Measured(
        base=request.base_model.digest,
        adapter=adapter,
        template=rendering.template_digest,
        generation=request.generation,
        backend=answering.backend.name,
        backend_version=answering.backend.version,
        serving_mode=request.serving_mode,
        canary=answering.canary,
        answers=found.answers,
        distinct_answers=found.distinct_answers,
    )


@contextmanager
def _base_opened(
    request: ProbeRequest, subject: Subject, key: str | None, prompts: Sequence[tuple[int, ...]], pad_id: int
) -> Generator[Opened]:
    """Open the backend on the base alone."""
    if request.backend == "transformers":
        yield Opened(InProcessBackend(subject.model, subject.rendering), None)
        return
    base = next_logprobs(subject.model, prompts, pad_id)
    with _server(request, key) as (client, server, context):
        backend = VllmBackend(client, server.model, subject.rendering, context, server.parses_tool_calls)
        canary = compare_base(server.model, backend.next_logprobs(server.model, prompts, TOP), base)
        yield Opened(backend, require_base(canary, f"the server at {server.base_url}"))


@contextmanager
def _server(request: ProbeRequest, key: str | None) -> Generator[tuple[VllmClient, ServerRef, int | None]]:
    """Speak to the request's server, once it is up and known to be the one that was planned."""
    server = request.server
    if server is None:
        raise ConfigError("a probe with backend `vllm` needs a server; this command does not start one")
    with VllmClient(server.base_url, key, timeout_s=request.deadline_s) as client:
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
        yield client, server, models[server.model]


@contextmanager
def _loaded(client: VllmClient, request: ProbeRequest, server: ServerRef, adapter: tuple[Path, str]) -> Generator[str]:
    """Have the adapter on the server under the name that is returned; a merged model is there as its base."""
    if request.serving_mode != "adapter_on_base":
        yield server.model
        return
    folder, digest = adapter
    name = f"nightlab-{digest}-{request.key}"
    client.load_adapter(name, folder)
    try:
        yield name
    finally:
        if (refusal := client.unload_adapter(name)) is not None:
            print(f"adapter `{name}` stays on {server.base_url}: {refusal.message}", file=sys.stderr)


def _pad_id(rendering: Rendering) -> int:
    tokenizer = rendering.tokenizer
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)
