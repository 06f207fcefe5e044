"""JSON Schema, without a network: a schema is checked once, when its item is read, and then holds values.

`format` is an annotation, as draft 2020-12 has it, and not enforced. What a pattern in a schema costs is its author's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from probes.evaluation.scorers.excerpt import excerpt

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

JsonSchema = dict[str, Any] | bool


def first_error(schema: JsonSchema, value: object) -> str | None:
    """Return where and how `value` breaks a schema that was checked, None when it does not.

    Raises:
        RecursionError: the schema refers to itself without end.
    """
    error = next(iter(_validator(schema).iter_errors(cast("Any", value))), None)
    return None if error is None else f"{error.json_path}: {excerpt(error.message, width=120)}"


def check_schema(schema: JsonSchema) -> None:
    """Check a JSON Schema before anything is held against it.

    Raises:
        ValueError: it is no schema of its draft, refers to something outside itself or to itself without end.
    """
    from jsonschema.exceptions import SchemaError

    draft = schema.get("$schema", "") if isinstance(schema, dict) else ""
    if not isinstance(draft, str) or (draft and _draft(schema) is None):
        raise ValueError(f"names a draft of JSON Schema that is not known, {draft!r}; leave out `$schema` for 2020-12")
    try:
        _validator(schema).check_schema(cast("Any", schema))
    except SchemaError as error:
        raise ValueError(f"is no JSON Schema: {error.json_path}: {excerpt(error.message)}") from error
    _check_references(schema)
    try:
        first_error(schema, None)
    except RecursionError:
        raise ValueError("refers to itself without end") from None


def _draft(schema: JsonSchema) -> type[Validator] | None:
    from jsonschema.validators import validator_for

    return validator_for(schema, default=cast("Any", None))


def _validator(schema: JsonSchema) -> Validator:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # Without a registry of our own, jsonschema fetches what it does not know.
    return (_draft(schema) or Draft202012Validator)(schema, registry=Registry())


def _check_references(schema: JsonSchema) -> None:
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry[Any]().resolver_with_root(Resource[Any].from_contents(schema, DRAFT202012))
    for reference in _references(schema):
        try:
            if not reference.startswith("#"):
                raise Unresolvable(reference)
            resolver.lookup(reference)
        except Unresolvable:
            rule = "references must stay within the schema (`#/$defs/…`)"
            raise ValueError(f"refers to {reference!r}, which is not in it; {rule}") from None


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, value in cast("dict[str, object]", schema).items():
            if name in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(schema, list):
        for value in cast("list[object]", schema):
            yield from _references(value)
