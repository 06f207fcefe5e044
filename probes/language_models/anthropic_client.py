"""Anthropic's messages API through its SDK, and any server that speaks it. Imported only where a session uses it."""

from __future__ import annotations

from typing import Any

import anthropic
from anthropic.types import Message

from probes.language_models.asking import Asking
from probes.language_models.config import ModelAccess
from probes.language_models.model import Ask, Reply, StopReason, Usage
from probes.language_models.negotiation import Feature
from probes.language_models.transport import http_client

_STOPS: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class AnthropicModel:
    """A language model behind the messages API; implements `LanguageModel`."""

    def __init__(self, access: ModelAccess, key: str) -> None:
        """Use the model at `access.address`; retries, proxies and redirects are ours, not the SDK's."""
        self._access = access
        self._asking: Asking[Any] = Asking(anthropic, access, key)
        self._sdk = anthropic.Anthropic(
            api_key=key,
            base_url=access.address,
            max_retries=0,
            timeout=access.timeout_s,
            http_client=http_client(access),
            open_telemetry=False,
        )

    @property
    def name(self) -> str:
        """Provider and model."""
        return f"anthropic/{self._access.model}"

    def complete(self, request: Ask) -> Reply:
        """Return the reply; see `LanguageModel`."""
        call: Any = self._sdk.messages.create

        def send(**keywords: Any) -> Any:
            return call(
                model=self._access.model,
                max_tokens=request.max_tokens,
                system=[{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
                messages=[{"role": turn.role, "content": turn.text} for turn in request.turns],
                **keywords,
            )

        asked = self._asking.ask(send, _features(request))

        def as_reply(message: Any) -> Reply:
            if not isinstance(message, Message) or not isinstance(message.content, list):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError("a response without `content`")
            text = "".join(block.text for block in message.content if block.type == "text")
            stop = _STOPS.get(message.stop_reason or "", "other")
            return asked.reply(text, stop, str(message.model), _usage(message))

        return self._asking.read(asked, as_reply)

    def close(self) -> None:
        """End the connections."""
        self._sdk.close()


def _features(request: Ask) -> list[Feature]:
    """Return what is negotiable. The SDK has no argument for the temperature: current models refuse it."""
    features: list[Feature] = []
    if request.temperature is not None:
        ways: tuple[dict[str, Any], ...] = ({"extra_body": {"temperature": request.temperature}}, {})
        features.append(Feature("temperature", ways, ("temperature",)))
    if request.schema is not None:
        format_ = {"type": "json_schema", "schema": request.schema}
        words = ("output_config", "output_format", "json_schema", "structured output")
        features.append(Feature("schema", ({"output_config": {"format": format_}}, {}), words))
    return features


def _usage(message: Message) -> Usage | None:
    """Return the tokens, None where they are no counts; Anthropic counts cached ones apart from `input_tokens`."""
    usage: Any = message.usage
    try:
        return Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens or 0,
            cache_read_tokens=usage.cache_read_input_tokens or 0,
            cache_write_tokens=usage.cache_creation_input_tokens or 0,
        )
    except (AttributeError, TypeError, ValueError):
        return None
