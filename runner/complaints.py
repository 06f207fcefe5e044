"""What is wrong with a session file, in words: the key, the rule, the value and the cure for every mistake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from probes.words import did_you_mean

_LIMITS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("≥", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("≤", "le"),
}
_KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
SPELLINGS = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": "at most 64 letters, digits, dots, dashes and underscores, and begin with a "
    "letter or digit",
    r"^[A-Za-z0-9_.-]+$": "letters, digits, dots, dashes and underscores only",
    r"^[a-z][a-z0-9_]{0,63}$": "at most 64 small letters, digits and underscores, and begin with a letter",
    r"^[A-Z][A-Z0-9_]*$": "capital letters, digits and underscores only, and begin with a letter",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "letters, digits and underscores only, and begin with no digit",
}
"""What a pattern of the session file asks for, in words."""
_LONGEST_VALUE = 60


class _Spot(NamedTuple):
    """An error with its place in the file and, inside a union, the branch that it comes from."""

    path: tuple[str | int, ...]
    branch: tuple[str | int, ...]
    """Where the union stands, then the branch's name; empty outside unions."""
    error: ErrorDetails


class Complaint(NamedTuple):
    """One mistake, in words without their cure."""

    path: tuple[str | int, ...]
    """Where it is; empty for a rule across sections."""
    text: str


def complaints(error: ValidationError, data: Mapping[str, Any], model: type[BaseModel]) -> list[Complaint]:
    """Return a complaint for each mistake that `error` found in `data`."""
    spots = _best_branches([_locate(detail, data) for detail in error.errors(include_url=False)])
    # A list whose only element is wrong is also called too short: one mistake, one complaint.
    spots = [spot for spot in spots if spot.error["type"] != "too_short" or not _is_wrong_inside(spot, spots)]
    return [Complaint(spot.path, _complain(spot, model)) for spot in spots]


def show_path(path: Sequence[str | int]) -> str:
    """Return a key path as TOML users write it; list positions in brackets, counted from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def show_input(value: Any) -> str:
    """Return a value as it was given, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _complain(spot: _Spot, model: type[BaseModel]) -> str:
    error, name = spot.error, show_path(spot.path)
    kind, context, value = error["type"], error.get("ctx", {}), show_input(error["input"])
    if kind == "extra_forbidden":
        parent = show_path(spot.path[:-1])
        known = _keys_at(model, spot.path[:-1], spot.branch)
        return f"`{name}` is not a key of {f'`[{parent}]`' if parent else 'a session file'}: " + did_you_mean(
            str(spot.path[-1]), known
        )
    if kind == "missing":
        return f"`{name}` must be given"
    if kind in _LIMITS:
        word, key = _LIMITS[kind]
        return f"`{name}` must be {word} {context[key]:.15g}, got {value}"
    if kind in _KINDS:
        return f"`{name}` must be {_KINDS[kind]}, got {value}"
    if kind == "string_pattern_mismatch":
        return f"`{name}` must have {SPELLINGS[context['pattern']]}, got {value}"
    if kind == "string_too_short":
        return f"`{name}` must not be empty"
    if kind in ("literal_error", "enum"):
        return f"`{name}` must be one of {context['expected']}, got {value}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key, tags = str(context["discriminator"]).strip("'"), context.get("expected_tags")
        rule = f"must be one of {tags}, got {show_input(context['tag'])}" if tags else "must be given"
        return f"`{name}.{key}` {rule}"
    if kind == "value_error":
        return f"`{name}`: {context['error']}" if name else str(context["error"])
    if kind == "too_short":
        return f"`{name}` must have at least {context['min_length']} elements, got {value}"
    message = error["msg"]
    return f"`{name}`: {message[0].lower()}{message[1:]}, got {value}"


def _locate(error: ErrorDetails, data: Any) -> _Spot:
    """Tell the parts of an error's location that are in the file from the names of union branches."""
    path: list[str | int] = []
    branch: tuple[str | int, ...] = ()
    here = data
    parts = error["loc"]
    for position, part in enumerate(parts):
        is_last = position == len(parts) - 1
        found, below = _step(here, part)
        if found or (is_last and error["type"] == "missing"):
            path.append(part)
            here = below
        elif part == "[key]":
            continue
        else:
            branch = (*path, part)
    return _Spot(tuple(path), branch, error)


def _step(here: Any, part: str | int) -> tuple[bool, Any]:
    if isinstance(here, dict) and part in here:
        return True, cast("dict[str | int, Any]", here)[part]
    if isinstance(here, list) and isinstance(part, int) and part < len(cast("list[Any]", here)):
        return True, cast("list[Any]", here)[part]
    return False, None


def _is_wrong_inside(outer: _Spot, spots: Sequence[_Spot]) -> bool:
    depth = len(outer.path)
    return any(len(spot.path) > depth and spot.path[:depth] == outer.path for spot in spots)


def _best_branches(spots: Sequence[_Spot]) -> list[_Spot]:
    """Keep, of each union, the complaints of the branch that fits the value best."""
    badness: dict[tuple[str | int, ...], dict[str | int, int]] = {}
    for spot in spots:
        if spot.branch:
            counts = badness.setdefault(spot.branch[:-1], {})
            wrong_kind = spot.error["type"] in _KINDS and spot.path == spot.branch[:-1]
            counts[spot.branch[-1]] = counts.get(spot.branch[-1], 0) + (100 if wrong_kind else 1)
    chosen = {place: min(counts, key=lambda name: counts[name]) for place, counts in badness.items()}
    return [spot for spot in spots if not spot.branch or chosen[spot.branch[:-1]] == spot.branch[-1]]


def _keys_at(model: type[BaseModel], path: Sequence[str | int], branch: Sequence[str | int]) -> list[str]:
    """Return the keys that may stand at `path`."""
    types: list[Any] = [model]
    for part in path:
        types = [below for above in types for below in _below(above, part)]
    models = [kind for kind in _flatten(types) if _is_model(kind)]
    named = [kind for kind in models if branch and kind.__name__ == branch[-1]]
    return [name for kind in (named or models) for name in kind.model_fields]


def _below(kind: Any, part: str | int) -> list[Any]:
    inner = _flatten([kind])
    found: list[Any] = []
    for one in inner:
        if _is_model(one):
            field = one.model_fields.get(str(part))
            if field is not None:
                found.append(field.annotation)
        else:
            found.extend(get_args(one)[-1:] if not isinstance(part, int) else get_args(one)[:1])
    return found


def _flatten(kinds: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for kind in kinds:
        origin = getattr(kind, "__origin__", None)
        if _is_model(kind) or origin in (dict, tuple, list):
            flat.append(kind)
        else:
            flat.extend(_flatten(get_args(kind)))
    return flat


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
