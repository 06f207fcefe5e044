"""The reference of the session file, written from the config models: every key, what it takes, its default, its words.

    python -m runner.reference > docs/session-file.md

What no field can say, a rule across keys, is told by the error of the session that breaks it and not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeGuard, Union, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runner.config import SessionConfig

_INTRODUCTION = """# The session file

One TOML file is one night. What a key does not say is its default's; `--set section.key=value` on the command line wins
over the file; an unknown key is an error with the nearest known one. Relative paths are relative to the file. `nightlab
run SESSION.toml --dry-run` prints every key as it was resolved, and a night keeps that as `session.toml` in its folder.

TOML has no null: a key whose default is *not set* is left out. Scores, margins and effects are points on the scale 0 to
10. A start to copy from: [`runner/sessions/miniature.toml`](../runner/sessions/miniature.toml), or for a model of your
own [`docs/sessions/eight_billion.toml`](sessions/eight_billion.toml), explained in [your
model](your-model.md).

*Written by `make docs` from the config models; edit those.*
"""
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any value"}
_BOUNDS: dict[type, tuple[str, str]] = {Ge: ("ge", "≥ {}"), Gt: ("gt", "> {}"), Le: ("le", "≤ {}"), Lt: ("lt", "< {}")}
_SHARED = ("weight", "critical", "name")
"""Keys that all scorer components have."""


class Table(NamedTuple):
    """One table of the file."""

    path: str
    """As TOML names it, its own key in capitals where the user chooses it."""
    is_list: bool
    """Whether the file may have several: `[[path]]`."""
    models: tuple[type[BaseModel], ...]
    """More than one where it takes one of several forms."""

    @property
    def title(self) -> str:
        """What heads its part of the page."""
        if not self.path:
            return "Top level"
        return f"`[[{self.path}]]`" if self.is_list else f"`[{self.path}]`"


def reference() -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    shown: dict[tuple[type[BaseModel], ...], Table] = {}
    for table in tables(Table("", False, (SessionConfig,))):
        known = shown.setdefault(table.models, table)
        parts.append(_part(table) if known is table else f"## {table.title}\n\nThe keys of {_link(known)}.\n")
    return "\n".join(parts)


def tables(table: Table) -> Iterator[Table]:
    """Yield a table and all that may stand in it, in the file's order."""
    yield table
    for model in table.models:
        for name, field in model.model_fields.items():
            inner = _inner(field.annotation, f"{table.path}.{name}".lstrip("."))
            if inner is not None:
                yield from tables(inner)


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _inner(kind: Any, path: str) -> Table | None:
    """Return the table that a key opens, None where it holds a value."""
    kind = _bare(kind)
    origin, arguments = get_origin(kind), [part for part in get_args(kind) if part is not NoneType]
    if origin is tuple:
        inner = _inner(arguments[0], path)
        return inner and inner._replace(is_list=True)
    if origin is dict:
        names = get_args(arguments[0]) if get_origin(arguments[0]) is Literal else ("NAME",)
        return _inner(arguments[1], f"{path}.{names[0]}")
    models = [part for part in ([kind] if origin is None else map(_bare, arguments)) if _is_model(part)]
    return Table(path, False, tuple(models)) if models else None


def _part(table: Table) -> str:
    lines = [f"## {table.title}", ""]
    if len(table.models) == 1:
        if words := _summary(table.models[0]):
            lines += [words, ""]
        return "\n".join([*lines, *_rows(table, table.models[0], ())])
    shared = _SHARED if all("kind" in model.model_fields for model in table.models) else ()
    lines += ["One of several forms" + (", told apart by `kind`; all of them take:" if shared else ":"), ""]
    if shared:
        lines += _rows(table, table.models[0], tuple(set(table.models[0].model_fields) - set(shared)))
    for model in table.models:
        kind = model.model_fields.get("kind")
        title = f'`kind = "{get_args(kind.annotation)[0]}"`' if kind is not None else _spaced(model.__name__)
        lines += [
            f"### {title}",
            "",
            _summary(model),
            "",
            *_rows(table, model, (*shared, *(("kind",) if shared else ()))),
        ]
    return "\n".join(lines)


def _rows(table: Table, model: type[BaseModel], without: tuple[str, ...]) -> list[str]:
    """Return the keys of a model as lines of a Markdown table, nothing where none is left."""
    rows = [
        f"| `{name}` | {_takes(table, name, field)} | {_default(field)} | {_words(field)} |"
        for name, field in model.model_fields.items()
        if name not in without
    ]
    return ["| key | takes | default | |", "| --- | --- | --- | --- |", *rows, ""] if rows else []


def _words(field: FieldInfo) -> str:
    """Return what stands beneath the field; a session file knows no `None`."""
    text = _cell(field.description or "")
    return re.sub(r"\bNone:", "not set:", text[:1] + re.sub(r"([.] )None:", r"\1Not set:", text[1:]))


def _takes(table: Table, name: str, field: FieldInfo) -> str:
    inner = _inner(field.annotation, f"{table.path}.{name}".lstrip("."))
    words = _link(inner) if inner is not None else _kind(field.annotation)
    if inner is not None and get_origin(kind := _bare(field.annotation)) in (Union, UnionType):
        plain = [_kind(part) for part in map(_bare, get_args(kind)) if part in _PLAIN]
        words = " or ".join([*plain, words])
    bounds = _bounds(field.metadata, inner is not None or get_origin(_bare(field.annotation)) in (tuple, dict))
    return _cell(", ".join([words, *bounds]))


def _kind(kind: Any) -> str:
    """Return in words what a value may be."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        metadata = [part for given in arguments[1:] for part in _metadata(given)]
        return ", ".join([_kind(arguments[0]), *_bounds(metadata, False)])
    if origin is Literal:
        return ", ".join(f"`{json.dumps(value)}`" for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_kind(part) for part in arguments if part is not NoneType)
    if origin in (tuple, list):
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"table of {_kind(arguments[1])}"
    return _PLAIN[kind]


def _bounds(metadata: list[Any], is_list: bool) -> list[str]:
    words: list[str] = []
    for bound in metadata:
        if type(bound) in _BOUNDS:
            name, text = _BOUNDS[type(bound)]
            words.append(text.format(f"{getattr(bound, name):.15g}"))
        elif isinstance(bound, MinLen):
            words.append(f"{bound.min_length} or more" if is_list else "not empty")
        elif isinstance(bound, MaxLen):
            words.append(f"at most {bound.max_length}" + ("" if is_list else " characters"))
        elif (pattern := getattr(bound, "pattern", None)) is not None:
            words.append(f"as `{pattern}`")
    return words


def _metadata(given: Any) -> list[Any]:
    return list(given.metadata) if isinstance(given, FieldInfo) else [given]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "*not set*"
    if isinstance(value, BaseModel) or (isinstance(value, dict) and value):
        return "its own"
    return _cell(f"`{_toml(value)}`")


def _toml(value: Any) -> str:
    if isinstance(value, float):
        return str(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, cast('tuple[Any, ...]', value)))}]"
    return json.dumps(value, ensure_ascii=False)


def _summary(model: type[BaseModel]) -> str:
    """Return a model's docstring on one line, without the name of its table."""
    text = " ".join((model.__doc__ or "").split("\n\n")[0].split())
    text = re.sub(r"^`\[[\w.]+\]`([:;] |[.]$)", "", text)
    return text[:1].upper() + text[1:]


def _link(table: Table) -> str:
    return f"[{table.title}](#{slug(table.title)})"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().capitalize()


def _bare(kind: Any) -> Any:
    """Return a type without what is annotated to it, and without `None` beside it."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        parts = [part for part in get_args(kind) if part is not NoneType]
        return _bare(parts[0]) if len(parts) == 1 else kind
    return kind


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


if __name__ == "__main__":
    print(reference(), end="")
