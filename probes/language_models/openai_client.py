"""OpenAI's chat completions through its SDK, and any server that speaks them. Imported only where a session uses it."""

from __future__ import annotations

from typing import Any, cast

import openai
from openai.types.chat import ChatCompletion

from probes.language_models.asking import Asking
from probes.language_models.config import ModelAccess
from probes.language_models.model import Ask, Reply, StopReason, Usage
from probes.language_models.negotiation import Feature
from probes.language_models.transport import http_client

_STOPS: dict[str, StopReason] = {"stop": "stop", "length": "length", "content_filter": "refusal"}
_SCHEMA_NAME = "reply"


class OpenAIModel:
    """A language model behind the chat completions API; implements `LanguageModel`."""

    def __init__(self, access: ModelAccess, key: str) -> None:
        """Use the model at `access.address`; retries, proxies and redirects are ours, not the SDK's."""
        self._access = access
        self._asking: Asking[Any] = Asking(openai, access, key)
        self._sdk = openai.OpenAI(
            api_key=key,
            base_url=access.address,
            max_retries=0,
            timeout=access.timeout_s,
            http_client=http_client(access),
        )

    @property
    def name(self) -> str:
        """Provider and model."""
        return f"openai/{self._access.model}"

    def complete(self, request: Ask) -> Reply:
        """Return the reply; see `LanguageModel`."""
        call: Any = self._sdk.chat.completions.create
        turns = [{"role": turn.role, "content": turn.text} for turn in request.turns]
        messages = [{"role": "system", "content": request.system}, *turns]

        def send(**keywords: Any) -> Any:
            return call(model=self._access.model, messages=messages, **keywords)

        asked = self._asking.ask(send, _features(request))

        def as_reply(completion: Any) -> Reply:
            if not isinstance(completion, ChatCompletion) or not completion.choices:
                raise TypeError("a response without `choices`")
            choice: Any = completion.choices[0]
            refusal = getattr(choice.message, "refusal", None)
            text = _text(choice.message.content) or _text(refusal)
            stop = "refusal" if refusal else _STOPS.get(choice.finish_reason or "", "other")
            return asked.reply(text, stop, str(completion.model), _usage(completion))

        return self._asking.read(asked, as_reply)

    def close(self) -> None:
        """End the connections."""
        self._sdk.close()


def _features(request: Ask) -> list[Feature]:
    limits = ({"max_completion_tokens": request.max_tokens}, {"max_tokens": request.max_tokens})
    features = [Feature("token limit", limits, ("max_completion_tokens", "max_tokens"))]
    if request.temperature is not None:
        features.append(Feature("temperature", ({"temperature": request.temperature}, {}), ("temperature",)))
    if request.schema is not None:
        schema = {"name": _SCHEMA_NAME, "strict": True, "schema": request.schema}
        format_ = {"response_format": {"type": "json_schema", "json_schema": schema}}
        features.append(Feature("schema", (format_, {}), ("response_format", "json_schema", "structured output")))
    return features


def _text(content: Any) -> str:
    """Return a message's text: a string, or the text parts of a list as some servers of reasoning models send it.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(content, list):
        parts = cast("list[Any]", content)
        return "".join(str(part["text"]) for part in parts if part["type"] == "text")
    if not isinstance(content, str | None):
        raise TypeError(f"`content` must be text, got {type(content).__name__}")
    return content or ""


def _usage(completion: ChatCompletion) -> Usage | None:
    """Return the tokens, None where they are no counts; OpenAI counts cached ones within `prompt_tokens`.

    Thinking belongs to the reply: what `total_tokens` has beyond both counts is thinking that a server left out.
    """
    usage: Any = completion.usage
    try:
        details = usage.prompt_tokens_details
        read = (details.cached_tokens or 0) if details is not None else 0
        written = (details.cache_write_tokens or 0) if details is not None else 0
        told = Usage(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens or 0,
            cache_read_tokens=read,
            cache_write_tokens=written,
        )
        left_out = (usage.total_tokens or 0) - told.input_tokens - told.output_tokens
        return told.model_copy(
            update={
                "input_tokens": max(0, told.input_tokens - read - written),
                "output_tokens": told.output_tokens + max(0, left_out),
            }
        )
    except (AttributeError, TypeError, ValueError):
        return None
