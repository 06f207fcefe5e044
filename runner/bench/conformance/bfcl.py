"""Berkeley Function-Calling Leaderboard (Apache-2.0), its simple and multiple questions with their possible answers.

A gold call has the first listed value of every argument and must be accepted, as the server's structured call and
written in each text form; so must every other listed value, one at a time. Five mutations of each gold must be refused.
A mutation that the answers allow is not made: an argument that may be left out, or is listed at its default, is not the
one that goes missing, and a changed value is none of those listed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, cast

from probes.evaluation.scorers.exchange import Exchange, ToolCall
from probes.evaluation.scorers.tool_calls import ExpectedCall, ToolCalls
from runner.bench.conformance.row import Row, name_some, read_lines

FOLDER = Path("bfcl")
CATEGORIES = ("simple_python", "multiple")
BAR = 0.99
"""Share of golds to accept, and of mutations to refuse."""


class Case(NamedTuple):
    """One question with its one expected call."""

    name: str
    tools: tuple[dict[str, Any], ...]
    expected: ExpectedCall
    gold: ToolCall

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        """The schemas of the expected function's arguments."""
        return self._parameters["properties"]

    @property
    def required(self) -> Sequence[str]:
        """The arguments that the expected function needs."""
        return self._parameters.get("required", ())

    @property
    def _parameters(self) -> Mapping[str, Any]:
        return next(tool["parameters"] for tool in self.tools if tool["name"] == self.expected.name)


def bfcl_rows(folder: Path) -> list[Row]:
    """Return the rows of golds, other listed values, text forms and mutations."""
    rows: list[Row] = []
    cases: list[Case] = []
    for category in CATEGORIES:
        started = perf_counter()
        found = list(read_cases(folder / FOLDER, category))
        rows.append(_row(f"bfcl {category} golds", [(case.name, _accepts(case, case.gold)) for case in found], started))
        cases += found
    started = perf_counter()
    others = [(case.name, _accepts(case, call)) for case in cases for call in listed_calls(case)]
    rows.append(_row("bfcl other listed values", others, started))
    started = perf_counter()
    texts = [(case.name, _accepts_text(case, text)) for case in cases for text in written(case.gold)]
    rows.append(_row("bfcl golds as text", texts, started))
    return rows + [_mutation_row(name, mutate, cases) for name, mutate in MUTATIONS.items()]


def read_cases(folder: Path, category: str) -> Iterator[Case]:
    """Yield the questions of a category.

    Raises:
        DataError: a file cannot be read.
    """
    answers = {row["id"]: row for row in read_lines(folder / f"possible_answer_BFCL_v4_{category}.json")}
    for row in read_lines(folder / f"BFCL_v4_{category}.json"):
        ((name, accepted),) = answers[row["id"]]["ground_truth"][0].items()
        gold = {key: _first(values) for key, values in accepted.items() if any(one != "" for one in values)}
        expected = ExpectedCall(name=name, accepted=accepted)
        yield Case(row["id"], tuple(row["function"]), expected, ToolCall(name=name, arguments=gold))


def listed_calls(case: Case) -> Iterator[ToolCall]:
    """Yield the gold call with one argument at another listed value, or left out where that is listed."""
    for name, values in case.expected.accepted.items():
        rest = {key: value for key, value in case.gold.arguments.items() if key != name}
        for value in values:
            arguments = rest if value == "" else {**rest, name: _written(value)}
            if arguments != case.gold.arguments:
                yield ToolCall(name=case.gold.name, arguments=arguments)


def written(call: ToolCall) -> list[str]:
    """Return the call in each form that a model writes."""
    text = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    keywords = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    return [
        f"<tool_call>\n{text}\n</tool_call>",
        f"<tools>\n{text}\n</tools>",
        f"<function={call.name}>{arguments}</function>",
        f"```json\n{text}\n```",
        f"I call it now: {text}",
        f"[{call.name}({keywords})]",
    ]


def wrong_name(case: Case, number: int) -> ToolCall | None:
    """Call another function that the question offers, or one that nobody offers."""
    others = [tool["name"] for tool in case.tools if tool["name"] != case.gold.name]
    return ToolCall(
        name=others[number % len(others)] if others else f"{case.gold.name}s", arguments=case.gold.arguments
    )


def missing_argument(case: Case, number: int) -> ToolCall | None:
    """Leave out an argument that may not be."""
    needed = [
        name
        for name, values in case.expected.accepted.items()
        if "" not in values and (name in case.required or case.properties[name].get("default") not in values)
    ]
    if not needed:
        return None
    gone = needed[number % len(needed)]
    rest = {name: value for name, value in case.gold.arguments.items() if name != gone}
    return ToolCall(name=case.gold.name, arguments=rest)


def wrong_type(case: Case, number: int) -> ToolCall | None:
    """Write a number, flag, list or object as text, and text as a number."""
    return _changed(case, number, lambda value: 12345 if isinstance(value, str) else json.dumps(value))


def wrong_value(case: Case, number: int) -> ToolCall | None:
    """Change a value and keep its type."""
    return _changed(case, number, _other_value)


def extra_argument(case: Case, number: int) -> ToolCall | None:
    """Give an argument that the function does not have."""
    return ToolCall(name=case.gold.name, arguments={**case.gold.arguments, f"extra_{number}": 1})


Mutation = Callable[[Case, int], ToolCall | None]

MUTATIONS: Mapping[str, Mutation] = {
    "wrong name": wrong_name,
    "missing argument": missing_argument,
    "wrong type": wrong_type,
    "wrong value": wrong_value,
    "extra argument": extra_argument,
}


def _changed(case: Case, number: int, change: Callable[[Any], Any]) -> ToolCall | None:
    """Return the gold with one argument changed to a value that is not listed, a different one from case to case."""
    changed = {name: change(value) for name, value in case.gold.arguments.items()}
    listed = {name: [_written(one) for one in values] for name, values in case.expected.accepted.items()}
    able = [name for name, value in changed.items() if value not in listed[name]]
    if not able:
        return None
    name = able[number % len(able)]
    return ToolCall(name=case.gold.name, arguments={**case.gold.arguments, name: changed[name]})


def _other_value(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value} qx"
    if isinstance(value, dict):
        keys = cast("dict[str, Any]", value)
        (name, first), *_ = keys.items()
        return {**keys, name: _other_value(first)}
    first, *rest = cast("list[Any]", value) or [0]
    return [_other_value(first), *rest]


def _first(values: Sequence[Any]) -> Any:
    """Return the first listed value that is one, as a call would write it."""
    return _written(next(one for one in values if one != ""))


def _written(value: Any) -> Any:
    """Return a listed value as a call would write it: keys of objects list values too."""
    if isinstance(value, dict):
        keys = cast("dict[str, list[Any]]", value)
        return {key: _first(values) for key, values in keys.items() if any(one != "" for one in values)}
    return [_written(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def _mutation_row(name: str, mutate: Mutation, cases: Sequence[Case]) -> Row:
    started = perf_counter()
    made = [(case, mutate(case, number)) for number, case in enumerate(cases)]
    refused = [(case.name, not _accepts(case, call)) for case, call in made if call is not None]
    left = len(made) - len(refused)
    return _row(f"bfcl {name} refused", refused, started, f"{left} golds have no such mutation" if left else "")


def _accepts(case: Case, call: ToolCall) -> bool:
    return _component(case, "structured").mark(Exchange("", tool_calls=(call,), tools=case.tools)).value == 1.0


def _accepts_text(case: Case, text: str) -> bool:
    return _component(case, "text").mark(Exchange(text, tools=case.tools)).value == 1.0


def _component(case: Case, form: str) -> ToolCalls:
    keys = {"kind": "tool_calls", "weight": 1.0, "form": form, "expected": [case.expected]}
    return ToolCalls.model_validate(keys)


def _row(suite: str, verdicts: Sequence[tuple[str, bool]], started: float, note: str = "") -> Row:
    wrong = [name for name, is_right in verdicts if not is_right]
    notes = [note] if note else []
    if wrong:
        notes.append(f"wrong: {name_some(wrong)}")
    return Row(
        suite=suite,
        passed=len(verdicts) - len(wrong),
        total=len(verdicts),
        required=ceil(BAR * len(verdicts)),
        seconds=perf_counter() - started,
        note="; ".join(notes),
    )
