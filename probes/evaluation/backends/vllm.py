"""The vLLM backend: prompts go to a server as tokens, sampled answers come back as tokens.

Prompts are rendered here, so template and tokens are exactly those of training; answers are decoded here too. Items
with tools go to the server's parser of tool calls where the session names one: the server then renders them, and must
come to the same tokens. Which random numbers an answer is sampled with is the server's affair: seeds are recorded and
repeat the answer on that server, they do not give the in-process backend's answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from probes.errors import LaunchError, MeasurementError
from probes.evaluation.backends.backend import Response
from probes.evaluation.backends.vllm_client import Refusal, VllmClient
from probes.evaluation.sampling import sample_seed
from probes.evaluation.scorers.exchange import StopReason, ToolCall
from probes.evaluation.suite import Item
from probes.outcome import GenerationConfig
from probes.rendering import Rendering

CONNECTIONS = 64
"""Answers asked for at the same time; the server batches them."""
_NEUTRAL = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "min_p": 0.0}
"""What a server might set by itself, sent with every request."""
_NOT_FOUND = 404


class VllmBackend:
    """Answers with the model of one name on a server; implements `Backend`."""

    name = "vllm"

    def __init__(
        self,
        client: VllmClient,
        model: str,
        rendering: Rendering,
        context: int | None = None,
        parses_tool_calls: bool = False,
    ) -> None:
        """Ask `client` for `model`, whose context is `context` tokens long."""
        self._client, self._model, self._rendering = client, model, rendering
        self._context, self._parses_tool_calls = context, parses_tool_calls
        self.version = client.version()

    def respond(self, items: Sequence[Item], seed: int, samples: int, config: GenerationConfig) -> list[Response]:
        """Return `samples` answers to each item; see `Backend`.

        Raises:
            MeasurementError: a reply comes from another model or was made from another prompt.
        """
        wanted = [(item, sample) for item in items for sample in range(samples)]
        prompts = {item.id: self._rendering.prompt_ids(item.messages, item.tools) for item in items}

        def ask(one: tuple[Item, int]) -> Response:
            item, sample = one
            return self._respond(item, prompts[item.id], sample, sample_seed(seed, item.id, sample), config)

        with ThreadPoolExecutor(max_workers=min(CONNECTIONS, max(1, len(wanted)))) as pool:
            return list(pool.map(ask, wanted))

    def next_logprobs(self, model: str, prompts: Sequence[Sequence[int]], top: int) -> list[dict[int, float]]:
        """Return for each prompt the `top` likeliest next tokens of `model` and their log-probabilities.

        Raises:
            MeasurementError: the server would not say, or another model did.
        """
        found: list[dict[int, float]] = []
        for prompt in prompts:
            body = {"model": model, "prompt": list(prompt), "max_tokens": 1, "temperature": 0.0, "logprobs": top}
            reply = self._client.post("/v1/completions", {**body, **_NEUTRAL, "return_tokens_as_token_ids": True})
            if isinstance(reply, Refusal):
                raise MeasurementError(
                    f"canary: {self._client.base_url} would not answer as `{model}`: {reply.message}"
                )
            _require_model(reply, model, self._client.base_url)
            (table,) = _choice(reply)["logprobs"]["top_logprobs"]
            found.append({int(token.removeprefix("token_id:")): float(p) for token, p in table.items()})
        return found

    def _respond(self, item: Item, prompt: list[int], sample: int, seed: int, config: GenerationConfig) -> Response:
        room = config.max_new_tokens if self._context is None else self._context - len(prompt)
        if room < 1:
            text = f"the prompt has {len(prompt)} tokens, the server's context {self._context}"
            return Response(item.id, sample, seed, text, "error")
        body = {
            "model": self._model,
            "seed": seed,
            "max_tokens": min(room, config.max_new_tokens),
            "temperature": config.temperature,
            "top_p": config.top_p,
            "top_k": config.top_k,
            "stop_token_ids": sorted(self._rendering.stop_ids),
            "return_token_ids": True,
            **_NEUTRAL,
        }
        is_call = bool(item.tools) and self._parses_tool_calls
        path = "/v1/chat/completions" if is_call else "/v1/completions"
        reply = self._client.post(path, {**body, **(self._conversation(item) if is_call else {"prompt": prompt})})
        if isinstance(reply, Refusal):
            return self._failed(item, sample, seed, reply)
        _require_model(reply, self._model, self._client.base_url)
        self._require_prompt(reply, prompt, item)
        text, calls, tokens = self._read(_choice(reply))
        reason: StopReason = "length" if _choice(reply)["finish_reason"] == "length" else "stop"
        return Response(item.id, sample, seed, text, reason, calls, tokens)

    def _conversation(self, item: Item) -> dict[str, Any]:
        turns = self._rendering.turns(item.messages)
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        return {"messages": messages, "tools": list(item.tools), "tool_choice": "auto"}

    def _failed(self, item: Item, sample: int, seed: int, refusal: Refusal) -> Response:
        if refusal.status == _NOT_FOUND:
            raise LaunchError(
                f"{self._client.base_url} no longer knows `{self._model}` ({refusal.message}): it was started again"
            )
        return Response(item.id, sample, seed, f"HTTP {refusal.status}: {refusal.message}", "error")

    def _require_prompt(self, reply: Mapping[str, Any], prompt: list[int], item: Item) -> None:
        """Make sure that the server answered our tokens and no others."""
        choice = _choice(reply)
        read = choice.get("prompt_token_ids") or reply.get("prompt_token_ids")
        if read is not None and read != prompt:
            raise MeasurementError(
                f"{self._client.base_url} answered item `{item.id}` from another prompt than training uses "
                f"({len(read)} tokens instead of {len(prompt)}); start it with the session's chat "
                "template (--chat-template), or take `serving.tool_call_parser` out"
            )

    def _read(self, choice: Mapping[str, Any]) -> tuple[str, tuple[ToolCall, ...], int]:
        """Return (text, structured calls, tokens written); the text is decoded here unless calls were parsed out."""
        ids: list[int] | None = choice.get("token_ids")
        if ids is None:
            raise MeasurementError(f"{self._client.base_url} returns no token ids; use a newer vLLM (0.11 or later)")
        while ids and ids[-1] in self._rendering.stop_ids:
            ids = ids[:-1]
        if "message" not in choice:
            return str(self._rendering.tokenizer.decode(ids, skip_special_tokens=True)), (), len(ids)
        message = cast("dict[str, Any]", choice["message"])
        calls, leftover = read_calls(message.get("tool_calls") or [])
        text = "\n".join(part for part in (str(message.get("content") or ""), *leftover) if part)
        return text, calls, len(ids)


def read_calls(calls: Sequence[Mapping[str, Any]]) -> tuple[tuple[ToolCall, ...], list[str]]:
    """Return structured calls, and as text those whose arguments are no JSON object."""
    read: list[ToolCall] = []
    leftover: list[str] = []
    for call in calls:
        function = cast("dict[str, Any]", call["function"])
        written = str(function.get("arguments") or "{}")
        try:
            arguments: object = json.loads(written)
        except ValueError:
            arguments = None
        if isinstance(arguments, dict):
            read.append(ToolCall(name=str(function["name"]), arguments=cast("dict[str, Any]", arguments)))
        else:
            leftover.append(f"{function['name']} {written}")
    return tuple(read), leftover


def _choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", reply["choices"][0])


def _require_model(reply: Mapping[str, Any], model: str, where: str) -> None:
    answered = reply.get("model")
    if answered != model:
        raise MeasurementError(
            f"{where} was asked for `{model}` and `{answered}` answered, so nothing was scored; serve each adapter "
            "under its own name"
        )
