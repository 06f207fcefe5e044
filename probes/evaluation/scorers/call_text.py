"""Reads tool calls that a model wrote as text: what a server leaves in the answer when it does not parse them.

Forms, the first that holds a call is taken: `<tool_call>` (Hermes, Qwen), `<tools>` (Qwen2.5-Coder),
`<function=name>{…}</function>` (Llama 3.1), calls in Python syntax (Llama 3.2 and 4, behind `<|python_tag|>` or not),
JSON in a fence, JSON standing bare. JSON is strict, Python is literals only and never run. An object counts as a call
when it has a name and arguments and nothing but what calls have: a definition, with its description, is none.

It does not read calls in prose, XML parameters (`<parameter=…>`), or Python calls that only a line of a longer
program makes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Literal, NamedTuple, cast

from probes.evaluation.scorers.exchange import ToolCall
from probes.evaluation.scorers.fences import fenced_blocks
from probes.evaluation.scorers.json_text import parse_strict
from probes.evaluation.scorers.syntax import python_statements

TextForm = Literal["tool_call", "tools", "function", "python", "fence", "json"]
"""How a call can be written: in `<tool_call>`, in `<tools>`, in `<function=name>`, in Python, in a fence, bare."""

FORM_NAMES: dict[TextForm, str] = {
    "tool_call": "`<tool_call>`",
    "tools": "`<tools>`",
    "function": "`<function=…>`",
    "python": "Python syntax",
    "fence": "fenced JSON",
    "json": "bare JSON",
}

_CALL_KEYS = frozenset({"name", "arguments", "parameters", "function", "type", "id"})
_BARE_START = re.compile(r'\{\s*"(?:name|arguments|parameters|function|type|id)"\s*:')
_FUNCTION = re.compile(r"<function=([^<>\s]+)>(.*?)(?:</function>|(?=<function=)|\Z)", re.DOTALL)
_PYTHON_TAG = "<|python_tag|>"
_PYTHON_START = re.compile(r"\[?\s*[A-Za-z_][\w.]*\s*\(")
_POSITIONAL = "argument {}"
"""How a Python call's argument without a name is called: no schema has such a name."""


class Reading(NamedTuple):
    """What calls a text holds."""

    form: TextForm | None
    """How the calls are written, or how the attempt is that cannot be read; None when there is neither."""
    calls: tuple[ToolCall, ...] = ()
    problem: str = ""
    """Why something written as a call cannot be read as one."""


class _NotACall(ValueError):
    """Something in the place of a call is none."""


def read_calls(text: str, known: Collection[str] = ()) -> Reading:
    """Return the calls in `text`; a Python call outside a list counts only when its function is among `known`."""
    ways: tuple[tuple[TextForm, Callable[[], list[ToolCall]]], ...] = (
        ("tool_call", lambda: _tagged(text, "tool_call")),
        ("tools", lambda: _tagged(text, "tools")),
        ("function", lambda: _functions(text)),
        ("python", lambda: _python(text, known)),
        ("fence", lambda: [call for block in fenced_blocks(text) for call in _bare(block.text)]),
        ("json", lambda: _bare(text)),
    )
    for form, read in ways:
        try:
            calls = read()
        except _NotACall as problem:
            return Reading(form, (), f"{FORM_NAMES[form]}: {problem}")
        if calls:
            return Reading(form, tuple(calls))
    return Reading(None)


def _tagged(text: str, tag: str) -> list[ToolCall]:
    """Return the calls in every `<tag>` that holds JSON; the last one may lack its end, which many models leave out."""
    bodies = re.findall(rf"<{tag}>(.*?)(?:</{tag}>|(?=<{tag}>)|\Z)", text, re.DOTALL)
    return [call for body in bodies if body.lstrip()[:1] in ("{", "[") for call in _strict_calls(body)]


def _functions(text: str) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for name, body in _FUNCTION.findall(text):
        if body.lstrip()[:1] in ("{", ""):
            arguments: object = _parse(body) if body.strip() else dict[str, Any]()
            calls.append(ToolCall(name=name, arguments=cast("dict[str, Any]", arguments)))
    return calls


def _strict_calls(body: str) -> list[ToolCall]:
    """Return the calls of a tag's body: an object, a list of objects, or an object per line."""
    try:
        values = [_parse(body)]
    except _NotACall:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        values = [_parse(line) for line in lines]
    flat = [one for value in values for one in (cast("list[Any]", value) if isinstance(value, list) else [value])]
    calls = [_as_call(value, needs_arguments=False) for value in flat]
    if None in calls:
        raise _NotACall("the JSON has no `name` and `arguments`")
    return [call for call in calls if call is not None]


def _parse(body: str) -> object:
    try:
        return parse_strict(body.strip())
    except ValueError as error:
        raise _NotACall(f"no valid JSON ({error})") from None


def _bare(text: str) -> list[ToolCall]:
    """Return the calls among the JSON objects anywhere in `text`, alone, in a list or between words."""
    return [call for value in _objects(text) if (call := _as_call(value, needs_arguments=True)) is not None]


def _objects(text: str) -> Iterator[object]:
    decoder, position = json.JSONDecoder(), 0
    while found := _BARE_START.search(text, position):
        start = found.start()
        try:
            _, position = decoder.raw_decode(text, start)
            yield parse_strict(text[start:position])
        except ValueError:
            position = start + 1
        except RecursionError:
            return  # no call nests so deep, and each brace further on would run as deep again


def _as_call(value: object, needs_arguments: bool) -> ToolCall | None:
    """Return the call that a JSON value is, None when it is something else."""
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    if not fields.keys() <= _CALL_KEYS:
        return None
    if isinstance(fields.get("function"), dict):
        return _as_call(fields["function"], needs_arguments)
    name = fields.get("name", fields.get("function"))
    arguments: Any = fields.get("arguments", fields.get("parameters", None if needs_arguments else {}))
    if isinstance(arguments, str):
        try:
            arguments = parse_strict(arguments)
        except ValueError:
            return None
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        return None
    return ToolCall(name=name, arguments=cast("dict[str, Any]", arguments))


def _python(text: str, known: Collection[str]) -> list[ToolCall]:
    """Return the calls of a text that is nothing but calls in Python syntax."""
    has_tag = _PYTHON_TAG in text
    source = text.rpartition(_PYTHON_TAG)[2].strip()
    if source.startswith("```") and len(blocks := fenced_blocks(source)) == 1:
        source = blocks[0].text.strip()
    if not _PYTHON_START.match(source) or source[-1] not in ")]":
        return []
    nodes = _expressions(source)
    in_list = len(nodes) == 1 and isinstance(nodes[0], ast.List | ast.Tuple)
    flat = [one for node in nodes for one in (node.elts if isinstance(node, ast.List | ast.Tuple) else [node])]
    if not flat or not all(isinstance(node, ast.Call) for node in flat):
        return []
    calls = [(_dotted(node.func), node) for node in flat if isinstance(node, ast.Call)]
    if not all(name and (has_tag or in_list or name in known) for name, _ in calls):
        return []
    return [_python_call(name, node) for name, node in calls]


def _expressions(source: str) -> list[ast.expr]:
    """Return the expressions that `source` is made of; none when it is anything else."""
    statements = python_statements(source)
    found = [statement.value for statement in statements if isinstance(statement, ast.Expr)]
    return found if len(found) == len(statements) else []


def _dotted(node: ast.expr) -> str:
    """Return `a.b` of a name or attribute, nothing for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def _python_call(name: str, node: ast.Call) -> ToolCall:
    given: Iterable[tuple[str | None, ast.expr]] = (
        *((_POSITIONAL.format(number), value) for number, value in enumerate(node.args, 1)),
        *((keyword.arg, keyword.value) for keyword in node.keywords),
    )
    arguments: dict[str, Any] = {}
    for key, value in given:
        if key is None:
            raise _NotACall(f"`{name}` is called with `**`")
        try:
            arguments[key] = _json_value(ast.literal_eval(value))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            raise _NotACall(f"`{key}` of `{name}` is no literal") from None
    return ToolCall(name=name, arguments=arguments)


def _json_value(value: object) -> Any:
    """Return a Python literal as JSON would hold it.

    Raises:
        ValueError: JSON has no such value.
    """
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in cast("Iterable[object]", value)]
    if isinstance(value, dict):
        return {_json_key(key): _json_value(one) for key, one in cast("dict[object, object]", value).items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError("not a JSON value")


def _json_key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError("not a JSON key")
    return key
