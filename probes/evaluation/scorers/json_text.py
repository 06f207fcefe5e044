"""JSON in answers, read strictly: RFC 8259 and nothing that a lenient reader adds to it.

Python's own reader takes NaN and Infinity, turns 1e999 into infinity, lets half a surrogate pair through and runs out
of stack on deep nesting. Here each of them is refused, so what is accepted can be written again as JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, cast

MAX_DEPTH = 100
"""Deeper nesting is refused, as RFC 8259 section 9 allows; the verdict must not depend on the stack that is left."""


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
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[object] = []
        for one in level:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict):
                members = cast("dict[str, object]", one)
                below += [*members, *members.values()]
            elif isinstance(one, list):
                below += cast("list[object]", one)
        level = below
        if not level:
            return
    raise ValueError(f"nests deeper than {MAX_DEPTH}")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair (\\ud800 to \\udfff)") from None
