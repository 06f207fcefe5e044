"""The protocol of a generation backend: prompts in, sampled answers out, and who it was that answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from probes.evaluation.scorers.exchange import StopReason, ToolCall
from probes.evaluation.suite import Item
from probes.outcome import GenerationConfig


class Response(NamedTuple):
    """One sampled answer, as written to `responses.jsonl`."""

    item: str
    sample: int
    """0 … K-1."""
    seed: int
    """Seed the answer was sampled with."""
    text: str
    """The answer without special tokens; what went wrong when `stop_reason` is `error`."""
    stop_reason: StopReason
    tool_calls: tuple[ToolCall, ...] = ()
    """Structured calls beside the text."""
    tokens: int = 0
    """Tokens written."""


class Backend(Protocol):
    """Answers a suite with one model: a base with its adapter, or the base alone."""

    @property
    def name(self) -> str:
        """What it is called in records: `transformers`, `vllm`."""
        ...

    @property
    def version(self) -> str:
        """Version of the engine."""
        ...

    def respond(self, items: Sequence[Item], seed: int, samples: int, config: GenerationConfig) -> list[Response]:
        """Return `samples` answers to each item, in suite order, samples in order.

        An answer's seed derives from `seed`, item and sample (see `sample_seed`). An item that the backend failed on
        has answers with `stop_reason` `error`; a backend that cannot answer at all raises.

        Raises:
            LaunchError: the backend is not there.
        """
        ...
