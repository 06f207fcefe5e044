"""Matches the tool calls that an answer makes with the calls an item expects. Pure.

Function names are compared letter by letter, arguments as `call_values` says. Parallel calls are matched as a whole, so
that a call which fits two expected ones is not wasted on the first: greedy matching would refuse right answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from probes.evaluation.scorers.call_values import Schema, Wanted, object_problem
from probes.evaluation.scorers.exchange import ToolCall


class WantedCall(NamedTuple):
    """One expected call, ready to be compared."""

    name: str
    arguments: Mapping[str, Wanted]


class Matching(NamedTuple):
    """Which call stands for which expected one."""

    partners: tuple[int | None, ...]
    """Per expected call: the index of the call that matches it."""
    calls: int
    """Calls made."""
    reason: str
    """Why not all match, or what is extra; empty when everything is as expected."""

    @property
    def share(self) -> float:
        """Matched calls per call expected or made, whichever is more: 1 when all match and none is extra."""
        largest = max(len(self.partners), self.calls)
        return sum(partner is not None for partner in self.partners) / largest if largest else 1.0


def read_schemas(tools: Sequence[Mapping[str, Any]]) -> dict[str, Schema]:
    """Return function name → schema of its arguments; definitions may be bare or wrapped as the OpenAI API does."""
    functions = [cast("Mapping[str, Any]", tool.get("function", tool)) for tool in tools]
    return {str(one.get("name")): cast("Schema", one.get("parameters") or {}) for one in functions}


def match_calls(
    expected: Sequence[WantedCall],
    calls: Sequence[ToolCall],
    schemas: Mapping[str, Schema],
    exact_text: bool = False,
    in_order: bool = False,
) -> Matching:
    """Return the largest matching of calls with expected ones, or, `in_order`, first with first and so on."""
    problems = [[_call_problem(call, one, schemas.get(one.name, {}), exact_text) for call in calls] for one in expected]
    if in_order:
        ends = min(len(expected), len(calls))
        partners = [i if i < ends and not problems[i][i] else None for i in range(len(expected))]
    else:
        partners = _largest_matching([[not problem for problem in row] for row in problems], len(calls))
    return Matching(tuple(partners), len(calls), _reason(expected, calls, partners, problems, in_order))


def _largest_matching(fits: Sequence[Sequence[bool]], columns: int) -> list[int | None]:
    """Return each row's column in a matching of the most rows (augmenting paths)."""
    owner: list[int | None] = [None] * columns

    def place(row: int, tried: set[int]) -> bool:
        for column in range(columns):
            if not fits[row][column] or column in tried:
                continue
            tried.add(column)
            holder = owner[column]
            if holder is None or place(holder, tried):
                owner[column] = row
                return True
        return False

    for row in range(len(fits)):
        place(row, set())
    return [owner.index(row) if row in owner else None for row in range(len(fits))]


def _reason(
    expected: Sequence[WantedCall],
    calls: Sequence[ToolCall],
    partners: Sequence[int | None],
    problems: Sequence[Sequence[str]],
    in_order: bool,
) -> str:
    """Return why the first expected call is unmatched, held against the call that comes closest; or what is extra."""
    free = [index for index in range(len(calls)) if index not in partners]
    for number, partner in enumerate(partners):
        if partner is not None:
            continue
        place = [number] if number < len(calls) else []
        near = place if in_order else sorted(free, key=lambda index: calls[index].name != expected[number].name)
        return problems[number][near[0]] if near else f"`{expected[number].name}` is not called"
    if free:
        extra = f"`{calls[free[0]].name}` is one too many"
        made = f"{len(calls)} call{'s' if len(calls) > 1 else ''}"
        return f"{made} where {len(expected)} {'is' if len(expected) == 1 else 'are'} expected: {extra}"
    return ""


def _call_problem(call: ToolCall, expected: WantedCall, schema: Schema, exact_text: bool) -> str:
    if call.name != expected.name:
        return f"`{call.name}` is called, expected `{expected.name}`"
    problem = object_problem(call.arguments, expected.arguments, schema, exact_text)
    return f"`{call.name}`: {problem}" if problem else ""
