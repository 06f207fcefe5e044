"""From a judge's reply to a JSON object, and by which rung: stop reason, strict, fence, brace matching, repair.

How the reply ended is looked at first. A reply that was cut off is never read and never repaired: over the cuts of one
verdict a repair turned a 10 into a 1 and lost the critical failures without a sign. Repair comes last, only for text
whose brackets balance, and text that holds more than one verdict is none: it might be quoting the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, cast

from probes.errors import ModelReplyError
from probes.language_models.model import StopReason

Strategy = Literal["strict", "fence", "brace", "repaired fence", "repaired brace", "repaired whole"]
_FENCE = re.compile(r"^[ \t]*```[a-zA-Z]*[ \t]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_ENDINGS: dict[StopReason, str] = {
    "length": "the reply was cut off at its token limit",
    "refusal": "the judge refused",
    "other": "the reply did not end by itself",
}


class ReplyObject(NamedTuple):
    """A reply as an object, and how it was come by."""

    data: dict[str, Any]
    strategy: Strategy


def read_object(text: str, stop_reason: StopReason, required: Sequence[str]) -> ReplyObject:
    """Return the one object in a reply that has all keys of `required`, the first of which marks a verdict.

    Raises:
        ModelReplyError: the reply was cut off or refused, holds no such object, or more than one.
    """
    if stop_reason in _ENDINGS:
        raise ModelReplyError(_ENDINGS[stop_reason])
    found = list(_strict_objects(text, required))
    mentions = len(re.findall(rf"""["']{re.escape(required[0])}["']\s*:""", text))
    if len({json.dumps(data, sort_keys=True) for data, _ in found}) > 1 or mentions > max(1, len(found)):
        raise ModelReplyError(f"the reply holds more than one object with `{required[0]}`")
    if found:
        return ReplyObject(*found[0])
    for candidate, strategy in _to_repair(text):
        data = _repaired(candidate)
        if _has_all(data, required):
            return ReplyObject(data, strategy)
    raise ModelReplyError(f"the reply holds no whole JSON object with {' and '.join(f'`{key}`' for key in required)}")


def _strict_objects(text: str, required: Sequence[str]) -> Iterator[tuple[dict[str, Any], Strategy]]:
    """Yield the outermost objects of a text that have the required keys, with the rung each stands on."""
    fences = [match.span(1) for match in _FENCE.finditer(text)]
    position = text.find("{")
    while position >= 0:
        try:
            value, end = _DECODER.raw_decode(text, position)
        except RecursionError:
            return  # no verdict nests that deep, and every further brace would take as long
        except ValueError:
            position = text.find("{", position + 1)
            continue
        if _has_all(value, required):
            yield value, _rung(text, position, end, fences)
        position = text.find("{", end)


def _rung(text: str, start: int, end: int, fences: Sequence[tuple[int, int]]) -> Strategy:
    if not text[:start].strip() and not text[end:].strip():
        return "strict"
    return "fence" if any(low <= start and end <= high for low, high in fences) else "brace"


def _to_repair(text: str) -> Iterator[tuple[str, Strategy]]:
    """Yield what a repair may be tried on: only whole-looking text, as a repair closes whatever was cut."""
    fences = _FENCE.findall(text)
    start, end = text.find("{"), text.rfind("}")
    candidates: list[tuple[str, Strategy]] = []
    if len(fences) == 1:
        candidates.append((fences[0], "repaired fence"))
    if start >= 0:
        candidates.append((text[start : end + 1], "repaired brace"))
    candidates.append((text, "repaired whole"))
    for candidate, strategy in candidates:
        if candidate.strip() and all(candidate.count(a) == candidate.count(b) for a, b in ("{}", "[]")):
            yield candidate, strategy


def _repaired(text: str) -> Any:
    from json_repair import repair_json

    try:
        return cast("Any", repair_json(text, return_objects=True, strict=True))
    except (ValueError, RecursionError):
        return None


def _has_all(value: object, keys: Sequence[str]) -> bool:
    return isinstance(value, dict) and all(key in value for key in keys)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_no_key_twice)
