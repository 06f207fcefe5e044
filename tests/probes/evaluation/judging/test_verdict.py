from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from probes.errors import ModelReplyError
from probes.evaluation.judging.rubric import PERSONA, Rubric
from probes.evaluation.judging.verdict import read_verdict

SCORES = {"voice": 9, "rhetoric": 8, "history": 7.5, "position": 10, "integrity": 0}


NONE = {failure.name: False for failure in PERSONA.critical_failures}


def reply(**changes: Any) -> dict[str, Any]:
    return {"scores": dict(SCORES), "critical_failures": NONE, "overall_score": 8.2, **changes}


def test_the_default_rubric_weighs_25_20_20_20_15_and_the_overall_is_exact() -> None:
    assert {c.name: c.weight for c in PERSONA.components} == {
        "voice": 0.25,
        "rhetoric": 0.20,
        "history": 0.20,
        "position": 0.20,
        "integrity": 0.15,
    }
    found = read_verdict(reply(), PERSONA)
    assert found.overall == pytest.approx(0.25 * 9 + 0.2 * (8 + 7.5 + 10) + 0.15 * 0, abs=1e-12)
    assert found.judge_overall_score == 8.2


def test_the_judges_own_overall_changes_nothing_and_its_absence_is_marked() -> None:
    missing = reply()
    del missing["overall_score"]
    read = [
        read_verdict(data, PERSONA) for data in (reply(), reply(overall_score=0), missing, reply(overall_score=None))
    ]
    assert len({found.overall for found in read}) == 1
    assert [found.is_overall_computed for found in read] == [False, False, True, True]
    assert read[1].judge_overall_score == 0.0


def test_scores_are_read_bare_or_with_their_reason() -> None:
    given = {name: {"score": value, "justification": "so"} for name, value in SCORES.items()}
    with_reasons = read_verdict(reply(scores=given), PERSONA)
    assert with_reasons.components == read_verdict(reply(), PERSONA).components
    assert set(with_reasons.justifications) == set(SCORES)


def test_each_critical_failure_is_decided_or_the_list_names_those_that_are_there() -> None:
    assert read_verdict(reply(), PERSONA).critical_failures == ()
    decided = NONE | {"fabrication": True, "anachronism": True, "one of its own": True}
    found = read_verdict(reply(critical_failures=decided), PERSONA)
    assert found.critical_failures == ("anachronism", "fabrication", "one of its own")
    found = read_verdict(reply(critical_failures=["anachronism", "something else", "anachronism"]), PERSONA)
    assert found.critical_failures == ("anachronism", "something else")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scores": {k: v for k, v in SCORES.items() if k != "voice"}}, "`voice` is missing"),
        ({"scores": SCORES | {"voice": None}}, "`voice` is missing"),
        ({"scores": SCORES | {"voice": {"justification": "x"}}}, "`voice` is missing"),
        ({"scores": SCORES | {"voice": 11}}, "off the scale"),
        ({"scores": SCORES | {"voice": -0.5}}, "off the scale"),
        ({"scores": SCORES | {"voice": 10**400}}, "off the scale"),
        ({"scores": SCORES | {"voice": True}}, "no number"),
        ({"scores": SCORES | {"voice": "9"}}, "no number"),
        ({"scores": SCORES | {"voice": [9]}}, "no number"),
        ({"scores": [9, 9]}, "not an object"),
        ({"overall_score": 82}, "`overall_score` is off the scale"),
        ({"critical_failures": "none"}, "says nothing"),
        ({"critical_failures": None}, "says nothing"),
        ({"critical_failures": [1]}, "says nothing"),
        ({"critical_failures": NONE | {"fabrication": "no"}}, "neither true nor false"),
        ({"critical_failures": {"fabrication": False}}, "`character_break` is not decided"),
    ],
)
def test_what_was_not_said_or_lies_off_the_scale_is_no_verdict(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelReplyError, match=words):
        read_verdict(reply(**changes), PERSONA)


def test_weights_must_sum_to_1_and_names_be_unique() -> None:
    part = {"name": "a", "weight": 0.5, "description": "x"}
    with pytest.raises(ValidationError, match=r"sum to 1, got 0\.5"):
        Rubric.model_validate({"components": [part]})
    with pytest.raises(ValidationError, match="unique"):
        Rubric.model_validate({"components": [part, part]})


def test_the_schema_holds_a_reply_to_all_that_the_verdict_needs() -> None:
    schema = PERSONA.model_copy(update={"justify": False}).reply_schema()
    jsonschema.validate(reply(scores=SCORES | {"history": 7}), schema)
    for wrong in (
        reply(scores=SCORES | {"history": 11}),
        reply(scores={}),
        reply(critical_failures={}),
        reply(overall_score=8.25),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
