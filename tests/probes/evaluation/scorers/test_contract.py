"""What every kind of component keeps, whatever the answer: add one example per kind."""

import json
from typing import Any, NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandboxes import SandboxAids

from probes.evaluation.scorers.exchange import Exchange, Mark, ToolCall
from probes.evaluation.scorers.scorer import KINDS, AnyComponent, Scorer
from probes.sandbox.sandbox import Sandbox


class Example(NamedTuple):
    component: dict[str, Any]
    good: Exchange
    """Gets 1."""
    bad: Exchange
    """Gets less."""


CODE_AIDS = SandboxAids(Sandbox(allow_unisolated=True))
DIFF = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
EXAMPLES: dict[str, Example] = {
    "keywords": Example({"all": ["lamp"]}, Exchange("the lamp"), Exchange("the quay")),
    "regex": Example({"pattern": r"\d{4}"}, Exchange("in 1843"), Exchange("long ago")),
    "forbidden": Example({"words": ["radio"]}, Exchange("a letter"), Exchange("a radio")),
    "opening": Example({"any": ["Dear"]}, Exchange("Dear friend"), Exchange("Hello")),
    "python_tests": Example(
        {"tests": "assert f(1) == 2"},
        Exchange("def f(x): return x + 1", aids=CODE_AIDS),
        Exchange("def f(x): return x", aids=CODE_AIDS),
    ),
    "contractions": Example({}, Exchange("I do not"), Exchange("I don't")),
    "exact": Example({"expected": ["42"]}, Exchange(" 42\n"), Exchange("42.")),
    "normalized": Example({}, Exchange("the LAMP!", references=("A lamp.",)), Exchange("lamps", references=("lamp",))),
    "json": Example({"schema": {"type": "object"}}, Exchange('{"a": null}'), Exchange("[1]")),
    "python_syntax": Example({}, Exchange("Here:\n```python\nx = 1\n```"), Exchange("x = = 1")),
    "syntax": Example({"language": "tsx"}, Exchange("const a = <b>c</b>;"), Exchange("const a = <b>c;")),
    "clean_stop": Example({}, Exchange("Done."), Exchange("Done.<|im_end|>")),
    "format": Example({"max_words": 3}, Exchange("one two three"), Exchange("one two three four")),
    "repetition": Example({}, Exchange("a lamp on the quay at night"), Exchange("no, no, no, no, no, no, no, no")),
    "secrets": Example({}, Exchange("keep it safe"), Exchange("-----BEGIN RSA PRIVATE KEY-----")),
    "character_break": Example({}, Exchange("I keep the lamp."), Exchange("As an AI, I keep no lamp.")),
    "tool_calls": Example(
        {"expected": [{"name": "weather", "accepted": {"city": ["Rome", "Roma"]}}]},
        Exchange("", tool_calls=(ToolCall(name="weather", arguments={"city": "Roma"}),)),
        Exchange("It is warm in Rome."),
    ),
    "diff_parses": Example({}, Exchange(DIFF), Exchange("Change a to b.")),
    "diff_applies": Example(
        {"files": {"x": "a\n"}, "expected": {"x": "b\n"}}, Exchange(DIFF), Exchange(DIFF.replace("+b", "+c"))
    ),
}


def mark(kind: str, exchange: Exchange) -> Mark:
    scorer = Scorer.model_validate({"components": [{"kind": kind, "weight": 1.0, **EXAMPLES[kind].component}]})
    return scorer.components[0].mark(exchange)


def test_every_kind_has_an_example() -> None:
    classes = get_args(get_args(AnyComponent)[0])
    assert {get_args(one.model_fields["kind"].annotation)[0] for one in classes} == set(KINDS) == set(EXAMPLES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_answer_gets_one_and_a_bad_one_less_with_the_same_mark_each_time(kind: str) -> None:
    example = EXAMPLES[kind]
    assert mark(kind, example.good).value == 1.0
    value = mark(kind, example.bad).value
    assert value is not None
    assert 0.0 <= value < 1.0
    assert mark(kind, example.bad) == mark(kind, example.bad)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_never_gets_full_marks(kind: str) -> None:
    for text in ("", " \n"):
        value = mark(kind, Exchange(text)).value
        assert value is None or value < 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_survives_its_own_json(kind: str) -> None:
    scorer = Scorer.model_validate({"components": [{"kind": kind, "weight": 1.0, **EXAMPLES[kind].component}]})
    assert Scorer.model_validate(json.loads(scorer.model_dump_json(exclude_none=True))) == scorer


CHEAP = tuple(kind for kind in KINDS if kind not in ("python_tests", "judge", "diff_applies"))
"""Kinds that start no process and ask nobody."""


@pytest.mark.parametrize("kind", CHEAP)
@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=300))
def test_no_answer_raises_and_every_value_lies_between_0_and_1_or_has_a_reason(kind: str, text: str) -> None:
    found = mark(kind, Exchange(text))
    assert (found.value is None and found.cause) or (found.value is not None and 0.0 <= found.value <= 1.0)
    assert len(found.cause) <= 200


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_never_came_is_unscored_with_what_went_wrong(kind: str) -> None:
    scorer = Scorer.model_validate({"components": [{"kind": kind, "weight": 1.0, **EXAMPLES[kind].component}]})
    scored = scorer.score(Exchange("connection refused", stop_reason="error"))
    assert scored.score is None
    assert "connection refused" in str(scored.unscored)
