"""The conversation inside one JSON row: prompt, preferred answer and rejected answer, in the shapes that TRL reads.

Reads `prompt` / `chosen` / `rejected` as strings or message lists, the prompt implicit in two message lists,
`messages`, and `prompt` / `completion`. A string prompt is a user turn. It does not read pairs of plain strings whose
prompt is their common beginning (a lost `prompt` column would pass for one), images, tools, or several answer turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, cast

from probes.frozen import Frozen
from probes.recipe import Objective

Role = Literal["system", "user", "assistant"]
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}

CONVERSATION_COLUMNS = frozenset({"prompt", "chosen", "rejected", "completion", "messages"})
_UNREADABLE_COLUMNS = ("image", "images", "videos", "tools")


class Message(Frozen):
    """One turn."""

    role: Role
    content: str


class Conversation(NamedTuple):
    """What a row trains on."""

    prompt: tuple[Message, ...]
    """Everything before the answer: an optional system turn, then user and assistant in turn, a user turn last."""
    chosen: str
    rejected: str | None
    """None under `sft`."""


class BadRowError(ValueError):
    """A row cannot be used; `read_rows` turns it into a `DataError` with file and line."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the field and what is wrong with it."""
        super().__init__(f"`{field}` {reason}")


class _Answer(NamedTuple):
    lead: tuple[Message, ...]
    """The turns before the answer, empty when the column holds the answer alone."""
    text: str


def read_conversation(row: Mapping[str, object], objective: Objective) -> Conversation:
    """Return the conversation of one decoded row; under `sft`, a preference row's `chosen` is the answer.

    Raises:
        BadRowError: the first field that breaks a rule.
    """
    for column in _UNREADABLE_COLUMNS:
        if row.get(column):
            raise BadRowError(column, "is not supported: rows are text only; drop the column")
    if objective == "sft":
        return _supervised(row)
    for column in ("chosen", "rejected"):
        if row.get(column) is None:
            hint = '; this is an SFT row, use `objective = "sft"`' if {"messages", "completion"} & row.keys() else ""
            raise BadRowError(column, f"is missing; `{objective}` needs `chosen` and `rejected` answers{hint}")
    chosen, rejected = _answer(row["chosen"], "chosen"), _answer(row["rejected"], "rejected")
    if chosen.lead != rejected.lead:
        raise BadRowError("rejected", "must begin with the same turns as `chosen`, up to the answer")
    return Conversation(_prompt(row, chosen, "chosen"), chosen.text, rejected.text)


def _supervised(row: Mapping[str, object]) -> Conversation:
    if row.get("messages") is not None:
        answer = _answer(row["messages"], "messages")
        if not answer.lead:
            raise BadRowError("messages", "must hold a user turn before the assistant's answer")
        return Conversation(answer.lead, answer.text, None)
    column = "chosen" if row.get("completion") is None else "completion"
    if row.get(column) is None:
        raise BadRowError("messages", "is missing; `sft` needs `messages`, or `prompt` and `completion`")
    answer = _answer(row[column], column)
    return Conversation(_prompt(row, answer, column), answer.text, None)


def _prompt(row: Mapping[str, object], answer: _Answer, column: str) -> tuple[Message, ...]:
    """Return the prompt: the answer's own leading turns, or else the `prompt` column."""
    value = row.get("prompt")
    if value is None and not answer.lead:
        raise BadRowError("prompt", f"is missing; give it, or write `{column}` as messages from the user turn on")
    if isinstance(value, list):
        prompt = _messages(cast("list[object]", value), "prompt")
        if prompt[-1].role != "user":
            raise BadRowError("prompt", f"must end with a user turn, ends with {prompt[-1].role}")
        _require_turns(prompt, "prompt")
        if answer.lead and answer.lead != prompt:
            raise BadRowError("prompt", f"differs from the turns that `{column}` begins with; drop one of the two")
        return prompt
    if answer.lead:
        # A plain `prompt` beside message lists is a copy of their first turn, which TRL leaves aside too.
        return answer.lead
    return (Message(role="user", content=_text(value, "prompt")),)


def _answer(value: object, field: str) -> _Answer:
    if not isinstance(value, list):
        return _Answer((), _text(value, field))
    messages = _messages(cast("list[object]", value), field)
    *lead, last = messages
    if last.role != "assistant":
        raise BadRowError(field, f"must end with an assistant turn, ends with {last.role}")
    if lead:
        _require_turns(messages, field)
    return _Answer(tuple(lead), last.content)


def _messages(values: list[object], field: str) -> tuple[Message, ...]:
    if not values:
        raise BadRowError(field, "is an empty list; it needs at least one message")
    return tuple(_message(value, f"{field}[{index}]") for index, value in enumerate(values))


def _message(value: object, field: str) -> Message:
    if not isinstance(value, dict):
        raise BadRowError(field, f"must be an object with `role` and `content`, got {_kind(value)}")
    message = cast("dict[str, object]", value)
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise BadRowError(f"{field}.role", f"must be system, user or assistant, got {role!r}")
    if message.get("tool_calls"):
        raise BadRowError(f"{field}.tool_calls", "is not supported: rows are text only")
    return Message(role=_ROLES[role], content=_text(message.get("content"), f"{field}.content"))


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise BadRowError(field, f"must be text, got {_kind(value)}")
    if not value.strip():
        raise BadRowError(field, "is empty")
    return value


def _require_turns(messages: tuple[Message, ...], field: str) -> None:
    """Require an optional system turn, then user and assistant in turn."""
    start = 1 if messages[0].role == "system" else 0
    for index, message in enumerate(messages[start:]):
        expected = ("user", "assistant")[index % 2]
        if message.role != expected:
            raise BadRowError(f"{field}[{start + index}].role", f"must be {expected}, got {message.role}")


def _kind(value: object) -> str:
    names = {"NoneType": "null", "dict": "an object", "list": "a list", "str": "text", "bool": "true or false"}
    return names.get(type(value).__name__, "a number")
