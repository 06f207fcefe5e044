"""Which language model is asked, where, and how patiently: what `[judge]` and the agent's section share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from probes.errors import LaunchError
from probes.frozen import Frozen
from probes.language_models.prices import Price
from probes.loopback import is_loopback

Provider = Literal["anthropic", "openai"]
KEY_ENVS: dict[Provider, str] = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
BASE_URLS: dict[Provider, str] = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
PLACEHOLDER_KEY = "none"
"""What a server on this machine is sent when its variable is not set."""


class ModelAccess(Frozen):
    """One language model behind the API of one provider, or of a server that speaks the same API."""

    provider: Provider
    """Whose API is spoken: `anthropic` (messages) or `openai` (chat completions)."""
    model: Annotated[str, Field(min_length=1)]
    """The model's name there."""
    base_url: str | None = None
    """Address of the API, the provider's own by default; `http` on this machine only."""
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """Environment variable that holds the key; default ANTHROPIC_API_KEY or OPENAI_API_KEY. The key itself is written
    nowhere."""
    timeout_s: float = Field(default=120.0, gt=0.0)
    """Limit of one request."""
    deadline_s: float = Field(default=600.0, gt=0.0)
    """Limit of one question with all its attempts and waits."""
    retries: int = Field(default=5, ge=0, le=20)
    """Further attempts after 429, 5xx, a timeout or a lost connection."""
    backoff_s: float = Field(default=1.0, gt=0.0)
    """First wait between attempts; it doubles, with jitter, up to 60 s. A server's Retry-After comes first."""
    prices: dict[str, Price] = {}
    """Model name → USD per million tokens; before the built-in list. A server of your own costs 0 only when this says
    so."""

    @field_validator("base_url")
    @classmethod
    def _is_safe(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an https address, for instance https://llm.example.org/v1")
        if parts.username or parts.password:
            raise ValueError("must not hold a user name or password; name the key's variable in `key_env`")
        if parts.scheme == "http" and not is_loopback(url):
            raise ValueError("must be https: plain http would show the key and every answer to the network")
        return url

    @property
    def address(self) -> str:
        """The API's address."""
        return self.base_url or BASE_URLS[self.provider]

    @property
    def key_name(self) -> str:
        """Environment variable that holds the key."""
        return self.key_env or KEY_ENVS[self.provider]


def read_key(access: ModelAccess, environ: Mapping[str, str]) -> str:
    """Return the key; a server on this machine needs none.

    Raises:
        LaunchError: its variable is not set, or holds what no header can.
    """
    key = environ.get(access.key_name, "").strip()
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise LaunchError(
            f"the environment variable {access.key_name} must hold one key: there is a space, a line end or another "
            "character inside that no key has; export it again"
        )
    if key:
        return key
    if is_loopback(access.address):
        return PLACEHOLDER_KEY
    raise LaunchError(
        f"no key for {access.provider} model `{access.model}`: the environment variable {access.key_name} is not set; "
        "export it, or name another in `key_env`"
    )
