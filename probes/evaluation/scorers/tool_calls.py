"""Tool calls: those a server returns structured and those a model writes as text, counted apart.

Scoring one kind where the server returns the other says nothing about the model, so such an answer is *unscored*, with
a cause that starts with `INFRASTRUCTURE`. A server that parses tool calls still leaves in the text what it cannot read:
a broken call, and one written in a way that `text_forms` does not name, is the model's, and scored 0.

Where the server made structured calls of other answers to the category, it does parse them, and an answer whose calls
stayed text is scored 0: left out of the mean it would flatter the model.
"""

from __future__ import annotations

from typing import Any, Literal, Self, cast

from pydantic import model_validator

from probes.evaluation.scorers.answer_form import AnswerForm
from probes.evaluation.scorers.call_match import WantedCall, match_calls, read_schemas
from probes.evaluation.scorers.call_text import FORM_NAMES, Reading, TextForm, read_calls
from probes.evaluation.scorers.call_values import want, want_any
from probes.evaluation.scorers.component import MAX_SCORED_CHARACTERS, Component
from probes.evaluation.scorers.excerpt import CAUSE_CHARACTERS, excerpt
from probes.evaluation.scorers.exchange import Exchange, Mark, ToolCall
from probes.frozen import Frozen
from probes.validity import INFRASTRUCTURE

TEXT_BESIDE_PARSED = "the call is written as text, and the server's parser, which read others, cannot read it"


class ExpectedCall(Frozen):
    """A call that an answer should make."""

    name: str
    """The function's name."""
    arguments: dict[str, Any] = {}
    """Argument → the one value it must have."""
    accepted: dict[str, list[Any]] = {}
    """Argument → the values it may have; `""` among them: it may be left out. An object among them holds such a list
    for each of its keys, as the Berkeley leaderboard writes its possible answers."""

    @model_validator(mode="after")
    def _says_each_argument_once_and_lists_values(self) -> Self:
        twice = sorted(self.arguments.keys() & self.accepted.keys())
        if twice:
            raise ValueError(f"`{twice[0]}` must stand in `arguments` or in `accepted`, it is in both")
        for name, values in self.accepted.items():
            if not values:
                raise ValueError(f"`accepted.{name}` must list at least one value")
            if (place := _unlisted(values, name)) is not None:
                raise ValueError(f"`accepted.{place}` must be a list of acceptable values, like every key of an object")
        return self

    @property
    def wanted(self) -> WantedCall:
        """The call, ready to be compared."""
        plain = {name: want(value) for name, value in self.arguments.items()}
        return WantedCall(self.name, plain | {name: want_any(values) for name, values in self.accepted.items()})


class ToolCalls(Component):
    """1 when every expected call is made and none besides, else 0; the share of matched calls with `partial`.

    The share is matched calls per call expected or made, whichever is more. Without `expected` calls, an answer in
    words is right and any call wrong.
    """

    kind: Literal["tool_calls"]
    expected: tuple[ExpectedCall, ...]
    """Calls to make, in any order; none: the answer must be in words."""
    tools: tuple[dict[str, Any], ...] = ()
    """Function definitions to check types against; by default those that the item offers."""
    form: Literal["structured", "text", "either"] = "either"
    """Which calls count: the server's structured ones, those written as text, or whichever there are."""
    text_forms: tuple[TextForm, ...] = ()
    """Ways of writing calls as text that count, any when empty. With `form = "structured"`: what the server's parser
    reads, which is what training should show."""
    in_order: bool = False
    """Whether calls must come in the order of `expected`."""
    exact_text: bool = False
    """Whether text must match letter by letter, as paths and code must, instead of without case and punctuation."""
    partial: bool = False
    """Whether some right calls are worth something."""

    @property
    def known_names(self) -> frozenset[str]:
        """Names of the expected calls and of the component's own tools."""
        return frozenset(call.name for call in self.expected) | read_schemas(self.tools).keys()

    @property
    def expects(self) -> AnswerForm | None:
        """The ways of writing calls that training should show; none where no call is expected."""
        if not self.expected:
            return None
        cure = "set `text_forms` to what training shows, where the server can parse that"
        return AnswerForm("a tool call", tuple(FORM_NAMES[form] for form in self.text_forms), _way, cure)

    def mark(self, exchange: Exchange) -> Mark:
        """Return 0 … 1, or no value where the calls came in the form that is not scored."""
        schemas = read_schemas(self.tools or exchange.tools)
        reading = read_calls(exchange.text[:MAX_SCORED_CHARACTERS], self.known_names | schemas.keys())
        if cause := self._served_otherwise(exchange.tool_calls, reading):
            return Mark(0.0, TEXT_BESIDE_PARSED) if exchange.server_parses else Mark(None, cause)
        use_text = self.form == "text" or (self.form == "either" and not exchange.tool_calls)
        if use_text and reading.problem:
            return Mark(0.0, _cause(_with_cut(reading.problem, exchange)))
        if (use_text or not exchange.tool_calls) and (wrong := self._written_otherwise(reading)):
            return Mark(0.0, wrong)
        calls = reading.calls if use_text else exchange.tool_calls
        if not calls and (self.expected or not exchange.text.strip()):
            return Mark(0.0, _cause(self._no_call(exchange, reading)))
        matching = match_calls([one.wanted for one in self.expected], calls, schemas, self.exact_text, self.in_order)
        value = matching.share if self.partial else float(not matching.reason)
        return Mark(value, _cause(matching.reason))

    def _served_otherwise(self, structured: tuple[ToolCall, ...], reading: Reading) -> str:
        """Return the cause when all calls came in the form that is not scored."""
        if self.form == "structured" and not structured and reading.calls and not self._written_otherwise(reading):
            came, scored, cure = "as text", "structured ones", "does not parse them; start it with a tool-call parser"
            count = len(reading.calls)
        elif self.form == "text" and structured and not reading.calls:
            came, scored, cure = "structured", "calls as text", "parses them; start it without a tool-call parser"
            count = len(structured)
        else:
            return ""
        calls = f"{count} tool call{'s' if count > 1 else ''} came {came}"
        return f"{INFRASTRUCTURE}{calls} where {scored} are scored: the server {cure}, or set `form`"

    def _written_otherwise(self, reading: Reading) -> str:
        """Return the cause when calls are written in a way that is not asked, which is the model's doing."""
        if not reading.calls or reading.form is None or not self.text_forms or reading.form in self.text_forms:
            return ""
        asked = " or ".join(FORM_NAMES[form] for form in self.text_forms)
        return f"calls are written as {FORM_NAMES[reading.form]}, {asked} is asked"

    def _no_call(self, exchange: Exchange, reading: Reading) -> str:
        if not exchange.text.strip():
            return "the answer is empty"
        wrong = f" ({reading.problem})" if reading.problem else ""
        names = ", ".join(f"`{call.name}`" for call in self.expected)
        return _with_cut(f"no tool call, expected {names}{wrong}", exchange)


def _way(text: str) -> str:
    reading = read_calls(text[:MAX_SCORED_CHARACTERS])
    return FORM_NAMES[reading.form] if reading.form is not None and reading.calls else ""


def _unlisted(value: object, place: str) -> str | None:
    """Return the first place below `value` where an object's key does not hold a list of values."""
    if isinstance(value, list):
        places = (_unlisted(one, place) for one in cast("list[object]", value))
        return next((one for one in places if one is not None), None)
    if not isinstance(value, dict):
        return None
    for key, values in cast("dict[str, object]", value).items():
        if not isinstance(values, list) or not values:
            return f"{place}.{key}"
        if below := _unlisted(cast("list[object]", values), f"{place}.{key}"):
            return below
    return None


def _with_cut(reason: str, exchange: Exchange) -> str:
    return f"cut at `max_new_tokens`: {reason}" if exchange.stop_reason == "length" else reason


def _cause(reason: str) -> str:
    return excerpt(reason, width=CAUSE_CHARACTERS)
