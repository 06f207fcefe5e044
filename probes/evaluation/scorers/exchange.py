"""What a scorer sees, an exchange, and what it says, a mark."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

from probes.data.conversation import Message
from probes.frozen import Frozen
from probes.sandbox.limits import Limits, Verdict

StopReason = Literal["stop", "length", "error"]
"""How an answer ended: by itself, at `max_new_tokens`, or never, because the backend failed."""


class ToolCall(Frozen):
    """One structured call, as a server returns it."""

    name: str
    arguments: dict[str, Any]


class CodeRunner(Protocol):
    """Runs code that a model wrote; `probes.sandbox.sandbox.Sandbox` is one."""

    def run_python_tests(
        self, code: str, entry_point: str, tests: str, prelude: str = "", limits: Limits | None = None
    ) -> Verdict:
        """Return whether `code` passes `tests`; called from several threads."""
        ...


class Aids(Protocol):
    """What costly scorers work with; handed down by the worker, absent in a plain check of rules."""

    @property
    def judge(self) -> Any:
        """The judge, None where the session has none."""
        ...

    @property
    def sandbox(self) -> CodeRunner | None:
        """The sandbox for code that a model wrote, None where isolation is impossible and not waived."""
        ...


class Exchange(NamedTuple):
    """One prompt, one answer, and the means to score it. The answer is data: searched and parsed, never obeyed."""

    text: str
    """The answer, without special tokens."""
    stop_reason: StopReason = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    """Structured calls beside the text; calls written as text stay in `text`."""
    messages: tuple[Message, ...] = ()
    """The prompt's turns, a user turn last."""
    tools: tuple[dict[str, Any], ...] = ()
    """Function definitions that the prompt offered, as the OpenAI API writes them."""
    references: tuple[str, ...] = ()
    """The item's `chosen` answers."""
    aids: Aids | None = None
    item: str = ""
    """Id of the item, for what costly scorers write down."""
    sample: int = 0
    server_parses: bool = False
    """Whether the server made structured calls of other answers to the category: then one as text is the model's."""


class Mark(NamedTuple):
    """What one component says of one answer."""

    value: float | None
    """0 … 1, None when unscored."""
    cause: str = ""
    """Why it is unscored, or why it is less than 1 where the scorer can tell: one line, with an excerpt at most."""
    parts: dict[str, float] = {}
    """What the value is made of, 0 … 1 each, recorded beside it as `<component>/<part>`."""
    critical: tuple[str, ...] = ()
    """Critical failures that the scorer itself names, recorded as `<component>/<failure>`."""


class Scored(NamedTuple):
    """The result of scoring one answer."""

    score: float | None
    """0 … 10, None when unscored."""
    components: dict[str, float]
    """Component name → 0 … 1; parts of a component beside it."""
    critical_failures: tuple[str, ...]
    """Names of the critical components that gave 0, and the failures that scorers named."""
    unscored: str | None = None
    """Why there is no score."""
    causes: dict[str, str] = {}
    """Component name → why it gave less than 1."""
