"""Compares the arguments of a tool call with what an item accepts. Pure.

The rules are those of the Berkeley leaderboard's checker, stricter where it is blind, and wider where it is petty:

- **Names** of arguments are compared letter by letter; one that nothing expects is wrong, whether the schema knows it
  or not.
- **Types**: a bool is no number, text is no number, an integer stands for a float, also inside lists; a float stands
  for an integer only where the schema asks for a number. Objects and lists are compared value by value, at any depth,
  lists in order.
- **Text** is compared without case, blanks and `, . / - _ * ^`, and with one kind of quote: "April 1, 2024" is
  "april 1 2024". Unlike there, a point or stroke between digits and a minus before a number stay ("1.5" is not "15"),
  and where the schema lists an `enum`, text must be exact, because the tool would refuse anything else.
- **Defaults**: an argument left out counts as given at its schema's `default` unless the schema requires it, and one
  given at its default counts as left out.
- What an item lists as accepted is accepted whatever the schema says of it: the author's word is the last.

Of a schema it reads `type`, `properties`, `required`, `items`, `enum`, `default`, `anyOf` and `oneOf`; not `$ref`,
patterns or ranges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

Schema = Mapping[str, Any]

LEFT_OUT = ""
"""Among an argument's accepted values: it may be left out."""

_NAMES = {
    "integer": "an integer",
    "number": "a number",
    "float": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "tuple": "a list",
    "object": "an object",
    "dict": "an object",
    "null": "null",
}
"""JSON Schema's types, and those that the Berkeley leaderboard writes instead."""
_SIGNS = re.compile(r"((?<=\d)[./](?=\d)|(?<![^\W_])-(?=\d))|[\s,./\-_*^]")


class Wanted(NamedTuple):
    """What one argument, or one key of an object, may be."""

    values: tuple[Any, ...]
    """Acceptable values; objects among them are mappings of key → `Wanted`."""
    may_be_left_out: bool = False


def want(value: Any) -> Wanted:
    """Return that an argument must be `value`, as it stands."""
    return Wanted((_plain(value),))


def want_any(values: Sequence[Any]) -> Wanted:
    """Return that an argument must be one of `values`; inside, objects hold a list of values for each key."""
    return Wanted(tuple(_listed(value) for value in values), LEFT_OUT in values)


def object_problem(given: Mapping[str, Any], wanted: Mapping[str, Wanted], schema: Schema, exact_text: bool) -> str:
    """Return what is wrong with an object, or a call's arguments; empty when nothing is."""
    required = cast("Sequence[str]", schema.get("required") or ())
    for name, value in given.items():
        rule = _rule(schema, name)
        if name in wanted:
            if problem := _value_problem(value, wanted[name], rule, exact_text):
                return f"`{name}` {problem}"
        elif name not in (schema.get("properties") or {name}):
            return f"`{name}` is not among its arguments"
        elif "default" not in rule or not _equal(value, _plain(rule["default"]), rule, exact_text):
            return f"`{name}` is {_shown(value)}, expected none"
    for name in dict.fromkeys((*wanted, *required)):
        if name in given or (name in wanted and _may_be_left_out(name, wanted[name], schema, exact_text)):
            continue
        return f"`{name}` is missing"
    return ""


def _may_be_left_out(name: str, wanted: Wanted, schema: Schema, exact_text: bool) -> bool:
    if wanted.may_be_left_out:
        return True
    rule = _rule(schema, name)
    if name in (schema.get("required") or ()) or "default" not in rule:
        return False
    return not _value_problem(rule["default"], wanted, rule, exact_text)


def _rule(schema: Schema, name: str) -> Schema:
    rule: object = cast("Mapping[str, object]", schema.get("properties") or {}).get(name)
    return cast("Schema", rule) if isinstance(rule, Mapping) else {}


def _value_problem(value: Any, wanted: Wanted, rule: Schema, exact_text: bool) -> str:
    if any(_equal(value, one, rule, exact_text) for one in wanted.values):
        return ""
    if not _has_type(value, rule):
        return f"must be {_type_named(rule)}, got {_shown(value)}"
    shown = [_shown(one) for one in wanted.values if one != LEFT_OUT or len(wanted.values) == 1]
    return f"is {_shown(value)}, expected {' or '.join(shown[:3])}{' or …' if len(shown) > 3 else ''}"


def _equal(value: Any, wanted: Any, rule: Schema, exact_text: bool) -> bool:
    if isinstance(wanted, Mapping):
        keys = cast("Mapping[str, Wanted]", wanted)
        return isinstance(value, dict) and not object_problem(cast("dict[str, Any]", value), keys, rule, exact_text)
    if isinstance(wanted, tuple):
        elements, items = cast("tuple[Any, ...]", wanted), cast("Schema", rule.get("items") or {})
        given = cast("list[Any]", value) if isinstance(value, list) else None
        return (
            given is not None
            and len(given) == len(elements)
            and all(_equal(one, other, items, exact_text) for one, other in zip(given, elements, strict=True))
        )
    if isinstance(wanted, bool) or isinstance(value, bool) or wanted is None:
        return value is wanted
    if isinstance(wanted, str):
        return isinstance(value, str) and _same_text(value, wanted, exact_text or "enum" in rule)
    is_number = isinstance(value, int | float) and value == wanted
    return is_number and (isinstance(value, int) or isinstance(wanted, float) or _asks_for_float(rule))


def _same_text(value: str, wanted: str, exact: bool) -> bool:
    return value == wanted or (not exact and _simplified(value) == _simplified(wanted))


def _simplified(text: str) -> str:
    return _SIGNS.sub(lambda found: found.group(1) or "", text.casefold()).replace("'", '"')


def _types(rule: Schema) -> list[str]:
    stated: Any = rule.get("type")
    return [str(one) for one in cast("list[Any]", stated)] if isinstance(stated, list) else [str(stated)]


def _alternatives(rule: Schema) -> list[Schema]:
    return cast("list[Schema]", rule.get("anyOf") or rule.get("oneOf") or [])


def _asks_for_float(rule: Schema) -> bool:
    return any(one in ("number", "float") for one in _types(rule)) or any(map(_asks_for_float, _alternatives(rule)))


def _has_type(value: Any, rule: Schema) -> bool:
    if alternatives := _alternatives(rule):
        return any(_has_type(value, one) for one in alternatives)
    names = {_NAMES.get(one) for one in _types(rule)}
    return None in names or _kind(value) in names or (_kind(value) == "an integer" and "a number" in names)


def _type_named(rule: Schema) -> str:
    rules = _alternatives(rule) or [rule]
    return " or ".join(dict.fromkeys(_NAMES.get(name, name) for one in rules for name in _types(one)))


def _kind(value: Any) -> str:
    name = type(value).__name__
    return _NAMES[
        {"bool": "boolean", "int": "integer", "str": "string", "list": "array", "NoneType": "null"}.get(name, name)
    ]


def _plain(value: Any) -> Any:
    """Return a value in the shape of the accepted ones: objects hold what each key must be, lists are tuples."""
    if isinstance(value, dict):
        return {key: want(one) for key, one in cast("dict[str, Any]", value).items()}
    return tuple(_plain(one) for one in cast("list[Any]", value)) if isinstance(value, list) else value


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: want_any(one) for key, one in cast("dict[str, list[Any]]", value).items()}
    return tuple(_listed(one) for one in cast("list[Any]", value)) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    try:
        text = repr(_unwrapped(value))
    except RecursionError:
        return "a value nested too deeply"
    return text if len(text) <= 40 else text[:39] + "…"


def _unwrapped(value: Any) -> Any:
    """Return a wanted value as its first reading would be written."""
    if isinstance(value, Mapping):
        keys = cast("Mapping[str, Any]", value)
        return {key: _unwrapped(one.values[0] if isinstance(one, Wanted) else one) for key, one in keys.items()}
    return [_unwrapped(one) for one in cast("tuple[Any, ...]", value)] if isinstance(value, tuple) else value
