"""What a reply cost, from the tokens that the server reported. A model without a known price costs None, never 0."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field

from probes.frozen import Frozen
from probes.language_models.model import Usage

TOKENS_PRICED = 1_000_000
"""Tokens that a price is for."""
_DATED = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)")


class Price(Frozen):
    """USD per million tokens."""

    input: float = Field(ge=0.0)
    """Of the question."""
    output: float = Field(ge=0.0)
    """Of the reply, thinking included."""
    cache_read: float | None = Field(default=None, ge=0.0)
    """None: as `input`."""
    cache_write: float | None = Field(default=None, ge=0.0)
    """None: as `input`."""

    @property
    def dearest_input(self) -> float:
        """The most that a token of the question can cost, read anew, from the cache or into it."""
        return max(self.input, self.cache_read or 0.0, self.cache_write or 0.0)


def _claude(input: float, output: float, cache_read: float) -> Price:
    """Return an Anthropic price; writing to the five-minute cache costs a quarter more than reading anew."""
    return Price(input=input, output=output, cache_read=cache_read, cache_write=1.25 * input)


LISTED: Mapping[str, Price] = {
    "claude-opus-5-5": _claude(4.0, 20.0, 0.2),
    "claude-opus-5": _claude(5.0, 25.0, 0.5),
    "claude-opus-4-8": _claude(5.0, 25.0, 0.5),
    "claude-opus-4-7": _claude(5.0, 25.0, 0.5),
    "claude-opus-4-6": _claude(5.0, 25.0, 0.5),
    "claude-opus-4-5": _claude(5.0, 25.0, 0.5),
    "claude-sonnet-5-5": _claude(2.0, 10.0, 0.1),
    "claude-sonnet-5": _claude(2.0, 10.0, 0.2),
    "claude-sonnet-4-6": _claude(3.0, 15.0, 0.3),
    "claude-sonnet-4-5": _claude(3.0, 15.0, 0.3),
    "claude-haiku-4-5": _claude(1.0, 5.0, 0.1),
    "gpt-5.2": Price(input=1.75, output=14.0, cache_read=0.175),
    "gpt-5": Price(input=1.25, output=10.0, cache_read=0.125),
    "gpt-5-mini": Price(input=0.25, output=2.0, cache_read=0.025),
    "gpt-4.1": Price(input=2.0, output=8.0, cache_read=0.5),
    "gpt-4.1-mini": Price(input=0.4, output=1.6, cache_read=0.1),
}
"""List prices as the providers published them in autumn 2026. Models priced by prompt length are left out on purpose;
`prices` in the session overrides and adds."""


def price_of(model: str, prices: Mapping[str, Price] | None = None) -> Price | None:
    """Return the price of a model by its name without a date; None when neither the session nor the list has it.

    A name only matches whole or followed by a date: the price of `gpt-5` is not that of `gpt-5-nano`.
    """
    for table in (prices or {}, LISTED):
        if model in table:
            return table[model]
        for name, price in table.items():
            if model.startswith(name) and _DATED.fullmatch(model[len(name) :]):
                return price
    return None


def cost_usd(usage: Usage | None, price: Price | None) -> float | None:
    """Return what the reported tokens cost; None when usage or price is unknown."""
    if usage is None or price is None:
        return None
    read = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    return (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_read_tokens * read
        + usage.cache_write_tokens * write
    ) / TOKENS_PRICED
