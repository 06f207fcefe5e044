"""Expected tool calls, structured and as text."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from probes.evaluation.scorers.exchange import Exchange, ToolCall
from probes.evaluation.scorers.tool_calls import TEXT_BESIDE_PARSED, ToolCalls
from probes.validity import INFRASTRUCTURE

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
            "required": ["city"],
        },
    },
}
ROME = ToolCall(name="weather", arguments={"city": "Rome"})
OSLO = ToolCall(name="weather", arguments={"city": "Oslo"})
EXPECTED = {"name": "weather", "accepted": {"city": ["Rome", "Roma"]}}


def component(**keys: Any) -> ToolCalls:
    return ToolCalls.model_validate({"kind": "tool_calls", "weight": 1.0, "expected": [EXPECTED], **keys})


def written(*calls: ToolCall, tag: str = "tool_call") -> str:
    return "\n".join(f"<{tag}>{call.model_dump_json()}</{tag}>" for call in calls)


@pytest.mark.parametrize("form", ["structured", "either"])
def test_structured_calls_are_scored(form: str) -> None:
    right = component(form=form).mark(Exchange("", tool_calls=(ROME,), tools=(TOOL,)))
    assert (right.value, right.cause) == (1.0, "")
    wrong = component(form=form).mark(Exchange("", tool_calls=(OSLO,), tools=(TOOL,)))
    assert (wrong.value, wrong.cause) == (0.0, "`weather`: `city` is 'Oslo', expected 'Rome' or 'Roma'")


@pytest.mark.parametrize("form", ["text", "either"])
def test_calls_as_text_are_scored(form: str) -> None:
    assert component(form=form).mark(Exchange(written(ROME))).value == 1.0
    assert component(form=form).mark(Exchange(written(OSLO))).value == 0.0


def test_text_calls_where_structured_ones_are_scored_say_nothing_of_the_model() -> None:
    for text in (written(ROME, OSLO), written(OSLO, OSLO, tag="tools"), 2 * json.dumps(ROME.model_dump())):
        mark = component(form="structured").mark(Exchange(text, tools=(TOOL,)))
        assert mark.value is None
        assert mark.cause == (
            f"{INFRASTRUCTURE}2 tool calls came as text where structured ones are scored: the server does not parse "
            "them; start it with a tool-call parser, or set `form`"
        )


def test_a_call_left_as_text_beside_others_that_the_server_parsed_is_the_models_and_gets_nothing() -> None:
    mark = component(form="structured").mark(Exchange(written(ROME), tools=(TOOL,), server_parses=True))
    assert (mark.value, mark.cause) == (0.0, TEXT_BESIDE_PARSED)


def test_the_same_holds_the_other_way_round() -> None:
    mark = component(form="text").mark(Exchange("", tool_calls=(ROME,)))
    assert mark.value is None
    assert mark.cause.startswith(f"{INFRASTRUCTURE}1 tool call came structured where calls as text are scored")


def test_a_server_that_parses_leaves_a_broken_call_in_the_text_and_that_is_the_models() -> None:
    mark = component(form="structured").mark(Exchange('<tool_call>{"name": "weather", </tool_call>'))
    assert mark.value == 0.0
    assert mark.cause.startswith("no tool call, expected `weather` (`<tool_call>`: no valid JSON")


def test_structured_calls_win_over_text_beside_them() -> None:
    assert component(form="either").mark(Exchange(written(OSLO), tool_calls=(ROME,))).value == 1.0
    assert component(form="structured").mark(Exchange(written(OSLO), tool_calls=(ROME,))).value == 1.0
    assert component(form="text").mark(Exchange(written(OSLO), tool_calls=(ROME,))).value == 0.0


def test_silence_words_and_a_cut_are_told_apart() -> None:
    assert component().mark(Exchange(" \n")).cause == "the answer is empty"
    assert component().mark(Exchange("It is warm.")).cause == "no tool call, expected `weather`"
    cut = component().mark(Exchange('<tool_call>{"name": "wea', stop_reason="length"))
    assert cut.value == 0.0
    assert cut.cause.startswith("cut at `max_new_tokens`: ")


def test_only_the_asked_way_of_writing_counts() -> None:
    asked = component(text_forms=["tool_call"])
    assert asked.mark(Exchange(written(ROME))).value == 1.0
    other = asked.mark(Exchange(written(ROME, tag="tools")))
    assert (other.value, other.cause) == (0.0, "calls are written as `<tools>`, `<tool_call>` is asked")


def test_a_server_that_parses_one_way_of_writing_is_not_blamed_for_another() -> None:
    asked = component(form="structured", text_forms=["tool_call"])
    assert str(asked.mark(Exchange(written(ROME))).cause).startswith(INFRASTRUCTURE)
    other = asked.mark(Exchange(written(ROME, tag="tools")))
    assert (other.value, other.cause) == (0.0, "calls are written as `<tools>`, `<tool_call>` is asked")
    assert asked.mark(Exchange(written(OSLO, tag="tools"), tool_calls=(ROME,))).value == 1.0


def test_an_extra_call_is_wrong_and_some_right_ones_are_worth_their_share_when_asked() -> None:
    exchange = Exchange("", tool_calls=(ROME, OSLO))
    assert component().mark(exchange).value == 0.0
    assert component(partial=True).mark(exchange).value == 0.5
    assert component(partial=True).mark(Exchange("", tool_calls=(ROME,))).value == 1.0
    two = [EXPECTED, {"name": "weather", "arguments": {"city": "Oslo"}}]
    assert component(partial=True, expected=two).mark(Exchange("", tool_calls=(OSLO,))).value == 0.5


def test_without_expected_calls_words_are_right_and_a_call_is_wrong() -> None:
    none = component(expected=[])
    assert none.mark(Exchange("I cannot look that up.")).value == 1.0
    assert none.mark(Exchange("")).value == 0.0
    assert none.mark(Exchange("", tool_calls=(ROME,))).cause.startswith("1 call where 0 are expected: ")
    assert none.mark(Exchange(written(ROME))).value == 0.0
    assert none.expects is None


def test_types_come_from_the_items_tools_or_the_components_own() -> None:
    days = [{"name": "weather", "arguments": {"city": "Rome", "days": 1}}]
    assert component(expected=days).mark(Exchange("", tool_calls=(ROME,), tools=(TOOL,))).value == 1.0
    assert component(expected=days).mark(Exchange("", tool_calls=(ROME,))).value == 0.0
    assert component(expected=days, tools=[TOOL]).mark(Exchange("", tool_calls=(ROME,))).value == 1.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"name": "f", "arguments": {"x": 1}, "accepted": {"x": [1]}}, "it is in both"),
        ({"name": "f", "accepted": {"x": []}}, "at least one value"),
        ({"name": "f", "accepted": {"x": [{"y": 1}]}}, "`accepted.x.y` must be a list"),
        ({"name": "f", "accepted": {"x": [[{"y": [{"z": []}]}]]}}, "`accepted.x.y.z` must be a list"),
    ],
)
def test_an_expected_call_that_is_not_clear_is_refused(call: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        component(expected=[call])


def test_long_reasons_are_cut_to_one_line() -> None:
    mark = component(expected=[{"name": "f" * 300}]).mark(Exchange("no\ncall"))
    assert len(mark.cause) == 200
    assert "\n" not in mark.cause
