"""The protocol of a language model: one question, one reply that says how it ended and what it took.

Judges and the agent speak to models through it alone. A reply is text somebody else wrote: nothing here reads it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

from pydantic import Field

from probes.frozen import Frozen

Role = Literal["user", "assistant"]
StopReason = Literal["stop", "length", "refusal", "other"]
"""By itself, at a token limit, declined by the model or its provider, or any other way (a tool call, a pause)."""


class Turn(NamedTuple):
    """One turn of what is asked."""

    role: Role
    text: str


class Ask(NamedTuple):
    """One question to a language model."""

    system: str
    """The part that many questions share: marked for the provider's prompt cache."""
    turns: tuple[Turn, ...]
    """A user turn last."""
    max_tokens: int
    """Most tokens of the reply."""
    schema: dict[str, Any] | None = None
    """JSON schema the reply has to follow, as far as the server can hold it to that."""
    temperature: float | None = None
    """None: the server's own. Sent only to models that take it."""


class Usage(Frozen):
    """Tokens as the server reported them; no token is counted twice."""

    input_tokens: int = Field(default=0, ge=0)
    """Read at the full price: neither from the cache nor into it."""
    output_tokens: int = Field(default=0, ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)

    def plus(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )


class Reply(NamedTuple):
    """What a language model answered."""

    text: str
    stop_reason: StopReason
    model: str
    """The model that answered, as the server names it."""
    usage: Usage | None = None
    """None when the server reported none."""
    seconds: float = 0.0
    """Wall time, waits between attempts included."""
    attempts: int = 1
    """Requests sent."""
    unpriced: int = 0
    """Of these, requests lost on the way that a provider may bill besides `usage`."""
    dropped: tuple[str, ...] = ()
    """What the server would not take and was therefore not asked for: `temperature`, `schema`."""


class LanguageModel(Protocol):
    """Answers one question at a time; may be asked from several threads."""

    @property
    def name(self) -> str:
        """Provider and model, as records write them."""
        ...

    def complete(self, request: Ask) -> Reply:
        """Return the reply, however it ended.

        Raises:
            ModelReplyError: no usable reply came within the attempts and the deadline.
            LaunchError: none ever will: the key, the model's name or the address is wrong.
        """
        ...

    def close(self) -> None:
        """End its connections."""
        ...
