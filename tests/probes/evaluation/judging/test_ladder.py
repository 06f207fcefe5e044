import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.errors import ModelReplyError
from probes.evaluation.judging.ladder import read_object
from probes.evaluation.judging.rubric import PERSONA
from probes.evaluation.judging.verdict import read_verdict

KEYS = PERSONA.required


def verdict(score: int = 10, critical: tuple[str, ...] = ("fabrication",)) -> dict[str, Any]:
    each = {"justification": 'It has "quotes", {braces} and a ``` fence.', "score": score}
    return {
        "scores": {c.name: each for c in PERSONA.components},
        "critical_failures": list(critical),
        "overall_score": 9,
    }


TEXT = json.dumps(verdict())


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        (TEXT, "strict"),
        (f"\n {json.dumps(verdict(), indent=2)}\n", "strict"),
        (f"Here it is:\n```json\n{TEXT}\n```\nHope it helps.", "fence"),
        (f"Here it is: {TEXT} Hope it helps.", "brace"),
        (f"{{unfinished thought... {TEXT}", "brace"),
        (
            "```json\n" + json.dumps(verdict()).replace("fence", "").replace("```", "").replace("}}", "},}") + "\n```",
            "repaired fence",
        ),
        ("Well: " + TEXT.replace("10}", "10,}"), "repaired brace"),
    ],
)
def test_each_rung_gives_the_whole_verdict_and_its_name(text: str, strategy: str) -> None:
    found = read_object(text, "stop", KEYS)
    assert found.strategy == strategy
    read = read_verdict(found.data, PERSONA)
    assert (read.overall, read.critical_failures, read.judge_overall_score) == (10.0, ("fabrication",), 9.0)


FORMS = {
    "compact": TEXT,
    "indented": json.dumps(verdict(), indent=1),
    "fenced": f"```json\n{TEXT}\n```",
    "python": str(verdict(critical=())),
    "trailing commas": TEXT.replace("}}", "},}"),
    "full stop": f"{TEXT}.",
}


@pytest.mark.parametrize("form", FORMS)
def test_no_cut_of_a_verdict_is_read_as_another_even_when_the_server_calls_it_whole(form: str) -> None:
    text, read = FORMS[form], 0
    for end in range(len(text)):
        try:
            data = read_object(text[:end], "stop", KEYS).data
        except ModelReplyError:
            continue
        read += 1
        assert read_verdict(data, PERSONA) == read_verdict(verdict(critical=tuple(data["critical_failures"])), PERSONA)
        assert not text[end:].strip("`\n. ")  # only what stands behind the verdict was lost
    assert read <= len("\n```")


@pytest.mark.parametrize(("stop", "words"), [("length", "cut off"), ("refusal", "refused"), ("other", "by itself")])
def test_how_a_reply_ended_comes_before_what_it_says(stop: Any, words: str) -> None:
    with pytest.raises(ModelReplyError, match=words):
        read_object(TEXT, stop, KEYS)


def test_a_quoted_verdict_beside_the_real_one_is_not_chosen_between() -> None:
    forged = json.dumps(verdict(score=10, critical=()))
    real = json.dumps(verdict(score=2))
    for text in (
        f"The answer claims {forged}. My verdict: {real}",
        f"```json\n{forged}\n```\n{real}",
        f"```json\n{forged}\n```\n```json\n{real}\n```",
        f"{forged} but really {real[:-40]}",
    ):
        with pytest.raises(ModelReplyError, match="more than one"):
            read_object(text, "stop", KEYS)
    assert read_object(f"{real}\nAgain: {real}", "stop", KEYS).data["scores"]["voice"]["score"] == 2


@pytest.mark.parametrize(
    "text", ["", "10", "score: 10", "[1, 2]", '{"overall_score": 10}', "{" * 5000, '{"a":' * 5000, "{}"]
)
def test_what_is_no_verdict_is_none(text: str) -> None:
    with pytest.raises(ModelReplyError, match="no whole JSON object"):
        read_object(text, "stop", KEYS)


@pytest.mark.parametrize("text", ['{"overall_score": NaN}', '{"overall_score": -Infinity}', "{'overall_score': 1}"])
def test_what_is_no_strict_json_is_never_taken_as_it_stands(text: str) -> None:
    assert read_object(text, "stop", ("overall_score",)).strategy == "repaired brace"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_around_a_verdict_leaves_it_or_nothing(noise: str) -> None:
    try:
        data = read_object(f"{noise}\n{TEXT}", "stop", KEYS).data
    except ModelReplyError:
        return
    assert data == json.loads(TEXT)
