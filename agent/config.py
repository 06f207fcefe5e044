"""The session section `[agent]`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lanes.pickers import PickerName
from probes.frozen import Frozen
from probes.language_models.config import ModelAccess, Provider
from probes.language_models.prices import Price, price_of
from probes.loopback import is_loopback

ProposerName = Literal[PickerName, "space_filling", "hybrid", "anthropic", "openai"]
"""One list and no union of two, so that an error names all of them."""


class AgentConfig(Frozen):
    """`[agent]`."""

    proposer: ProposerName = "optuna"
    """Who proposes changes: Optuna's TPE (`optuna`) or Gaussian process (`gp`), chance, one far move of every knob
    first (`space_filling`), a language model (`anthropic`, `openai`), or it on a part of the turns (`hybrid`)."""
    provider: Provider | None = None
    """Whose API `hybrid` speaks."""
    model: str | None = Field(default=None, min_length=1)
    """The language model's name there."""
    base_url: str | None = None
    """Address of a server that speaks the API, the provider's own by default; `http` on this machine only."""
    key_env: str | None = None
    """Environment variable that holds the key; default ANTHROPIC_API_KEY or OPENAI_API_KEY."""
    share: float = Field(default=0.3, gt=0.0, le=1.0)
    """Share of `hybrid`'s turns that the language model has at the start; later it follows what its changes earn."""
    max_usd: float = Field(default=2.0, gt=0.0)
    """Most that the language model's turns may cost; then the statistical proposer has them all. A request that was
    lost or came back without usage counts as the most it can have cost."""
    max_tokens: int = Field(default=1024, ge=64, le=65_536)
    """Of one reply; what is cut off counts as refused."""
    digest_tokens: int = Field(default=6000, ge=1000, le=100_000)
    """Most tokens of what the language model is told of the night, counted on the safe side."""
    timeout_s: float = Field(default=60.0, gt=0.0)
    """Limit of one request."""
    deadline_s: float = Field(default=180.0, gt=0.0)
    """Limit of one question with all its attempts and waits."""
    retries: int = Field(default=3, ge=0, le=20)
    """Further attempts after 429, 5xx, a timeout or a lost connection."""
    backoff_s: float = Field(default=1.0, gt=0.0)
    """First wait between attempts; it doubles, with jitter."""
    rest_after: int = Field(default=3, ge=1)
    """Questions in a row without a reply after which the model is left alone."""
    rest_turns: int = Field(default=5, ge=1)
    """Turns that it is left alone for, before one question tries it again."""
    prices: dict[str, Price] = {}
    """Model name → USD per million tokens; before the built-in list."""

    @property
    def picker(self) -> PickerName:
        """How the lanes pick, also where a language model's turn came to nothing."""
        return self.proposer if self.proposer == "gp" or self.proposer == "random" else "optuna"

    @property
    def access(self) -> ModelAccess | None:
        """The language model, None where none is asked."""
        provider = self.proposer if self.proposer == "anthropic" or self.proposer == "openai" else self.provider
        if self.proposer not in ("hybrid", "anthropic", "openai"):
            return None
        given = ("model", "base_url", "key_env", "timeout_s", "deadline_s", "retries", "backoff_s", "prices")
        return ModelAccess.model_validate({"provider": provider, **{name: getattr(self, name) for name in given}})

    @property
    def price(self) -> Price | None:
        """The model's price; None where no model is asked, or a server on this machine has none."""
        return price_of(self.model, self.prices) if self.model is not None else None

    @model_validator(mode="after")
    def _model_can_be_asked(self) -> Self:
        if self.proposer not in ("hybrid", "anthropic", "openai"):
            return self
        if self.model is None:
            raise ValueError(f'`proposer = "{self.proposer}"` needs the name of a language model in `model`')
        if self.proposer == "hybrid" and self.provider is None:
            raise ValueError('`proposer = "hybrid"` needs `provider = "anthropic"` or `"openai"`')
        access = self.access
        if access is not None and self.price is None and not is_loopback(access.address):
            raise ValueError(
                f"the price of `{self.model}` is not known, so `max_usd` could not be kept; give it in "
                f'`[agent.prices."{self.model}"]` as `input` and `output`, USD per million tokens'
            )
        return self
