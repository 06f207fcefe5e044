"""JSON in answers, read strictly: RFC 8259 and nothing that a lenient reader adds to it.

Python's own reader takes NaN and Infinity, turns 1e999 into infinity, lets half a surrogate pair through and runs out
of stack on deep nesting. Here each of them is refused, so what is accepted can be written again as JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any, Literal, NoReturn, cast

from pydantic import ConfigDict, Field, field_validator

from probes.evaluation.scorers.component import AnswerComponent
from probes.evaluation.scorers.excerpt import CAUSE_CHARACTERS, excerpt
from probes.evaluation.scorers.exchange import Mark
from probes.evaluation.scorers.fences import Where, extract
from probes.evaluation.scorers.schema import JsonSchema, check_schema, first_error

MAX_DEPTH = 64
"""Deeper nesting is refused, as RFC 8259 section 9 allows; the verdict must not depend on the stack that is left."""


class Json(AnswerComponent):
    """1 when the answer is JSON, and valid by the schema where there is one.

    What is not JSON and what breaks the schema both get 0; to count them apart, give two components, one without it.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    kind: Literal["json"]
    where: Where = "answer"
    """`answer` allows nothing but JSON; `block` wants a fenced block; `either` takes the block if there is one."""
    json_schema: JsonSchema | None = Field(default=None, alias="schema")
    """Draft 2020-12 unless its `$schema` says otherwise; references stay within it, nothing is ever fetched."""
    unique_keys: bool = False
    """Refuse an object with two equal keys, which RFC 8259 permits."""

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, schema: JsonSchema | None) -> JsonSchema | None:
        if schema is not None:
            check_schema(schema)
        return schema

    def look(self, answer: str) -> Mark:
        """Return 0 or 1, with the first error."""
        text = extract(answer, self.where, ("json", "jsonc", "json5"))
        if text is None:
            return Mark(0.0, "has no fenced block")
        try:
            value = parse_strict(text, unique_keys=self.unique_keys)
        except ValueError as error:
            return Mark(0.0, f"is not JSON: {error}, in '{excerpt(text)}'"[:CAUSE_CHARACTERS])
        try:
            broken = None if self.json_schema is None else first_error(self.json_schema, value)
        except RecursionError:
            return Mark(None, "the schema refers to itself without end for this answer")
        return Mark(1.0) if broken is None else Mark(0.0, f"breaks the schema: {broken}"[:CAUSE_CHARACTERS])


def parse_strict(text: str, *, unique_keys: bool = False) -> object:
    """Return the value of one JSON text; of two equal keys the last counts unless `unique_keys` refuses them.

    RFC 8259 permits equal keys, so refusing them is the caller's wish: where a value decides something, an answer that
    says two things has said neither.

    Raises:
        ValueError: `text` is not strict JSON, holds half a surrogate pair or a number beyond a double, or nests deeper
            than `MAX_DEPTH`.
    """
    hook = _unique if unique_keys else None
    try:
        value: object = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole, object_pairs_hook=hook
        )
    except RecursionError:
        raise ValueError(f"nests deeper than {MAX_DEPTH}") from None
    _check_values(value)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]} is beyond a double")
    return number


def _whole(digits: str) -> int:
    _finite(digits)
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:40]!r} occurs twice in one object")
    return found


def _check_values(value: object) -> None:
    """Refuse half surrogate pairs and deep nesting, level by level."""
    level, depth = [value], 1
    while level:
        if depth > MAX_DEPTH and any(isinstance(one, dict | list) for one in level):
            raise ValueError(f"nests deeper than {MAX_DEPTH}")
        below: list[object] = []
        for one in level:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict):
                members = cast("dict[str, object]", one)
                below += [*members, *members.values()]
            elif isinstance(one, list):
                below += cast("list[object]", one)
        level, depth = below, depth + 1


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair (\\ud800 to \\udfff)") from None
