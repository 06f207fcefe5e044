from typing import Any

import pytest
from marking import component, mark, value
from pydantic import ValidationError

from probes.evaluation.scorers.exchange import Exchange, Mark, ToolCall


@pytest.mark.parametrize(
    "answer",
    [
        "I keep the lamp. <b>Always</b>, and 3 < 4 | 5 > 2.",
        "The user: a sailor.",
        "He asked the assistant: why?",
        "Users: many",
        "A <s>struck</s> word",
        "# Users\n## Responsibilities",
        "[INSTALL] it",
    ],
)
def test_an_answer_that_ended_by_itself_stops_cleanly(answer: str) -> None:
    assert mark(answer, "clean_stop") == Mark(1.0, "")


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("Done.<|im_end|>", "'…<|im_end|>'"),
        ("Done.<|im_start|>user", "<|im_start|>user"),
        ("Done.<|eot_id|>", "template"),
        ("Done.<｜end▁of▁sentence｜>", "template"),
        ("Done.</s>", "'…</s>'"),
        ("<s> Done.", "'<s> Done.'"),
        ("Done.<end_of_turn>", "template"),
        ("Done. [INST] more", "[INST] more"),
        ("Done.\n\nUser: and then?", "turn of its own making: '…User: and then?'"),
        ("Done.\n**Human**: and then?", "turn of its own making"),
        ("Assistant: Done.", "turn of its own making"),
        ("Done.\n### Instruction:\nmore", "turn of its own making"),
    ],
)
def test_what_a_template_or_another_turn_left_is_shown(answer: str, shown: str) -> None:
    found = mark(answer, "clean_stop")
    assert found.value == 0.0
    assert shown in found.cause


def test_a_cut_answer_fails_wherever_it_was_cut_and_a_call_is_an_answer() -> None:
    assert mark(Exchange("and so we", stop_reason="length"), "clean_stop").cause == "was cut off after 'and so we'"
    assert value("", "clean_stop") == 0.0
    assert value(Exchange("", tool_calls=(ToolCall(name="f", arguments={}),)), "clean_stop") == 1.0
    assert value("x " * 15_000 + "<|im_end|>", "clean_stop") == 0.0


LIST = "1. one\n   more of it\n\n2) two\n- three"


@pytest.mark.parametrize(
    ("answer", "shape", "passes"),
    [
        ("One line.\nAnd another.", "paragraph", True),
        ("One.\n\nTwo.", "paragraph", False),
        ("- one", "paragraph", False),
        ("# Title\ntext", "paragraph", False),
        ("```\nx\n```", "paragraph", False),
        (LIST, "list", True),
        ("Here:\n" + LIST, "list", False),
        (LIST + "\nThat is all.", "list", False),
        ("-5 degrees", "list", False),
        ("```py\nx\n```\n", "code", True),
        ("```py\nx", "code", False),
        ("```\n```", "code", False),
        ("So:\n```\nx\n```", "code", False),
        ("```\nx\n```\n```\ny\n```", "code", False),
        ("x = 1", "code", False),
        (' {"a": 1}\n', "json", True),
        ("```json\n1\n```", "json", False),
        ("", "paragraph", False),
    ],
)
def test_a_shape_is_the_whole_answers(answer: str, shape: str, passes: bool) -> None:
    assert value(answer, "format", shape=shape) == float(passes)


@pytest.mark.parametrize(
    ("answer", "limits", "cause"),
    [
        ("one two", {"min_words": 3}, "has 2 words, 3 at least were asked for: 'one two'"),
        ("one two", {"max_words": 1}, "has 2 words, 1 at most were asked for: 'one two'"),
        ("One. Two! And three", {"max_sentences": 2}, "has 3 sentences"),
        ("a\n\nb", {"max_lines": 1}, "has 2 lines"),
        (LIST, {"min_items": 4}, "has 3 list items, 4 at least"),
        (LIST, {"max_items": 2}, "has 3 list items, 2 at most"),
        ("a b", {"shape": "list", "max_words": 1}, "is not a list"),
    ],
)
def test_a_limit_fails_with_the_count_and_an_excerpt_and_holds_at_its_edge(
    answer: str, limits: dict[str, Any], cause: str
) -> None:
    found = mark(answer, "format", **limits)
    assert found.value == 0.0
    assert cause in found.cause
    edge = {name: limit + (1 if name.startswith("max") else -1) for name, limit in limits.items() if name != "shape"}
    assert value(answer, "format", **edge) == 1.0


@pytest.mark.parametrize(
    ("answer", "sentences"),
    [("He said “no.” Then he left.", 2), ("Wait... what?", 2), ("It cost 3.50 at last", 1), ("終わり。はい！", 2)],
)
def test_sentences_are_counted_by_their_closing_signs(answer: str, sentences: int) -> None:
    assert value(answer, "format", max_sentences=sentences) == 1.0
    assert sentences == 1 or value(answer, "format", max_sentences=sentences - 1) == 0.0


def test_a_format_without_limits_or_with_crossed_ones_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs a `shape` or at least one limit"):
        component("format", name="n")
    with pytest.raises(ValidationError, match="minimum of 5 above its maximum of 4"):
        component("format", min_words=5, max_words=4)
