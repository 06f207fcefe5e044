"""Tool calls counted by the form they came in."""

from typing import Any

from probes.data.conversation import Message
from probes.evaluation.backends.backend import Response
from probes.evaluation.call_forms import CallCounts, count_call_forms
from probes.evaluation.scorers.exchange import ToolCall
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item

CALL = ToolCall(name="weather", arguments={"city": "Rome"})


def item(name: str, category: str, **component: Any) -> Item:
    scorer = Scorer.model_validate({"components": [{"weight": 1.0, **component}]})
    return Item(id=name, category=category, messages=(Message(role="user", content="?"),), scorer=scorer)


def answer(name: str, text: str = "", calls: tuple[ToolCall, ...] = (), **keys: Any) -> Response:
    return Response(item=name, sample=0, seed=0, text=text, stop_reason=keys.get("stop", "stop"), tool_calls=calls)


def test_each_category_counts_its_forms_and_only_items_that_expect_calls() -> None:
    expected = {"kind": "tool_calls", "expected": [{"name": "weather"}]}
    items = [
        item("a", "calls", **expected),
        item("b", "other", **expected),
        item("c", "words", kind="keywords", any=["lamp"]),
        item("d", "words", kind="tool_calls", expected=[]),
    ]
    text = '<tool_call>{"name": "weather", "arguments": {}}</tool_call>'
    responses = [
        answer("a", calls=(CALL,)),
        answer("a", text, calls=(CALL,)),
        answer("a", text),
        answer("a", "weather(city='Rome')"),
        answer("a", "It is warm."),
        answer("a", "connection refused", stop="error"),
        answer("b", "It is warm."),
        answer("c", text),
        answer("d", text),
    ]
    assert count_call_forms(items, responses) == {"calls": CallCounts(2, 2, 1), "other": CallCounts(0, 0, 1)}
