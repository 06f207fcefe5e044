"""Calls written as text, in every form that a model uses."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.evaluation.scorers.call_text import TextForm, read_calls
from probes.evaluation.scorers.exchange import ToolCall

ROME = ToolCall(name="weather", arguments={"city": "Rome", "days": 3})
JSON = '{"name": "weather", "arguments": {"city": "Rome", "days": 3}}'


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"<tool_call>\n{JSON}\n</tool_call>", "tool_call"),
        (f"I look it up.\n<tool_call>{JSON}", "tool_call"),
        (f"<tools>\n{JSON}\n</tools>", "tools"),
        (f"<tools>[{JSON}]</tools>", "tools"),
        ('<function=weather>{"city": "Rome", "days": 3}</function>', "function"),
        ('<tool_call><function=weather>{"city": "Rome", "days": 3}</function></tool_call>', "function"),
        ('[weather(city="Rome", days=3)]', "python"),
        ("<|python_tag|>weather(city='Rome', days=3)", "python"),
        ('```python\n[weather(city="Rome", days=3)]\n```', "python"),
        (f"```json\n{JSON}\n```", "fence"),
        (f"Here it is:\n```\n{JSON}\n```\nDone.", "fence"),
        (JSON, "json"),
        (f"<|python_tag|>{JSON}", "json"),
        (f"Sure: {JSON} is the call.", "json"),
        ('{"name": "weather", "parameters": {"city": "Rome", "days": 3}}', "json"),
        ('{"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome", "days": 3}}}', "json"),
        ('{"name": "weather", "arguments": "{\\"city\\": \\"Rome\\", \\"days\\": 3}"}', "json"),
    ],
)
def test_a_call_is_read_in_every_form(text: str, form: TextForm) -> None:
    reading = read_calls(text)
    assert (reading.form, reading.calls, reading.problem) == (form, (ROME,), "")


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>{JSON}</tool_call>\n<tool_call>{JSON}</tool_call>",
        f"<tool_call>{JSON}<tool_call>{JSON}",
        f"<tools>{JSON}\n{JSON}</tools>",
        f"<tool_call>[{JSON}, {JSON}]</tool_call>",
        '<function=weather>{"city": "Rome", "days": 3}<function=weather>{"city": "Rome", "days": 3}',
        '[weather(city="Rome", days=3), weather(days=3, city="Rome")]',
        '<|python_tag|>weather(city="Rome", days=3)\nweather(city="Rome", days=3)',
        f"{JSON}; {JSON}",
        f"[{JSON}, {JSON}]",
    ],
)
def test_parallel_calls_are_all_read(text: str) -> None:
    assert read_calls(text).calls == (ROME, ROME)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is warm in Rome.",
        '{"city": "Rome"}',
        '{"name": "Rome"}',
        '{"name": "weather", "description": "Tells the weather", "parameters": {}}',
        '{"name": "Rome", "arguments": "a long quarrel"}',
        '<tools>{"name": "weather", "description": "d", "parameters": {}}',
        "Use the <tool_call> tag for calls, and <tools> for tools.",
        'print("weather")',
        "weather(city=",
        "[weather]",
        "x = weather(city='Rome')",
        "[weather(city='Rome'), 5]",
        "[f()(city='Rome')]",
        "<function=weather>\n<parameter=city>Rome</parameter></function>",
        "[" * 5000 + "f()" + "]" * 5000,
        '{"name":' * 2000,
    ],
)
def test_what_is_no_call_is_not_taken_for_one(text: str) -> None:
    assert read_calls(text).calls == ()


def test_a_python_call_outside_a_list_counts_when_its_function_is_known() -> None:
    text = 'weather.today(city="Rome")'
    assert read_calls(text).calls == ()
    assert read_calls(text, {"weather.today"}).calls == (ToolCall(name="weather.today", arguments={"city": "Rome"}),)


def test_python_values_are_literals_as_json_has_them_and_nothing_is_run() -> None:
    text = '[f(a=-1.5, b=None, c=True, d=(1, [2]), e={"k": "v"})]'
    arguments = {"a": -1.5, "b": None, "c": True, "d": [1, [2]], "e": {"k": "v"}}
    assert read_calls(text).calls == (ToolCall(name="f", arguments=arguments),)
    for value in ("g()", "open('x')", "b'x'", "1j", "{1, 2}", "{1: 2}", "x", "..."):
        reading = read_calls(f"[f(a={value})]")
        assert (reading.form, reading.calls, reading.problem) == (
            "python",
            (),
            "Python syntax: `a` of `f` is no literal",
        )
    assert read_calls("[f(**{'a': 1})]").problem == "Python syntax: `f` is called with `**`"
    assert read_calls("[f(5)]").calls == (ToolCall(name="f", arguments={"argument 1": 5}),)


def test_a_broken_call_is_a_problem_and_not_a_call_in_another_form() -> None:
    reading = read_calls('<tool_call>{"name": "weather", "arguments": {"city": "Rome",}}</tool_call>')
    assert (reading.form, reading.calls) == ("tool_call", ())
    assert reading.problem.startswith("`<tool_call>`: no valid JSON")
    assert read_calls('<tool_call>{"name": "f", "arguments": {"x": NaN}}</tool_call>').problem != ""
    assert read_calls("<function=f>{x: 1}</function>").problem.startswith("`<function=…>`: no valid JSON")
    assert "no `name`" in read_calls('<tools>{"city": "Rome"}</tools>').problem


def test_a_stray_backslash_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = read_calls(r'[f(pattern="\d+")]').calls
    assert found.arguments == {"pattern": r"\d+"}


PIECES = st.sampled_from(
    (
        "<tool_call>",
        "</tool_call>",
        "<tools>",
        "<function=f>",
        "```json\n",
        "```",
        "<|python_tag|>",
        JSON,
        "[",
        "]",
        "f(a=1)",
        ", ",
        "{",
        "}",
        "\n",
        '"',
        '{"name": "f"',
        '"arguments": {',
        "\\",
        "\x00",
        "0_0 is 0",
        "(",
        ")",
    )
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join))
def test_no_text_raises_and_a_problem_never_comes_with_calls(text: str) -> None:
    reading = read_calls(text, {"f"})
    assert not (reading.problem and reading.calls)
    assert (reading.form is None) == (not reading.problem and not reading.calls)
