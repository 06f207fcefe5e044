import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marking import component, mark, value
from pydantic import ValidationError

from probes.evaluation.scorers.json_text import MAX_DEPTH, parse_strict
from probes.evaluation.scorers.scorer import Scorer

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_what_json_can_say_is_read_back_as_it_was(plain: object) -> None:
    assert parse_strict(json.dumps(plain)) == plain
    assert parse_strict(json.dumps(plain, ensure_ascii=False, indent=2)) == plain


@given(st.text(max_size=60))
def test_whatever_is_read_can_be_written_again_and_all_else_is_a_value_error(text: str) -> None:
    try:
        found = parse_strict(text)
    except ValueError:
        return
    assert parse_strict(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "Expecting value"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "beyond a double"),
        ("1" * 400, "beyond a double"),
        ("1" * 5000, "beyond a double"),
        ("\ufeff{}", "BOM"),
        ('"\\ud800"', "half a surrogate pair"),
        ('{"\\udc00": 1}', "half a surrogate pair"),
        ('["\ud800"]', "half a surrogate pair"),
        ("[1,]", "trailing comma|Expecting value"),
        ("{'a': 1}", "property name"),
        ("01", "Extra data"),
        ('"a\nb"', "control character"),
        ('{"a": 1} thanks', "Extra data"),
        ("[" * 100_000, "nests deeper"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nests deeper"),
        ('{"a":' * 20_000, "nests deeper"),
        ("\x0c1", "Expecting value"),
        ("１", "Expecting value"),
    ],
)
def test_lenient_readings_are_refused(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        parse_strict(text)


def test_the_deepest_nesting_that_is_taken_is_taken() -> None:
    found = parse_strict("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        assert isinstance(found, list)
        (found,) = found
    assert found == []


def test_a_pair_of_surrogates_and_the_largest_double_are_fine() -> None:
    assert parse_strict('"\\ud83d\\ude00"') == "😀"
    assert parse_strict("1.7976931348623157e308") == math.ldexp(1 - 2**-53, 1024)


def test_of_equal_keys_the_last_counts_unless_they_are_refused() -> None:
    assert parse_strict('{"a": 1, "b": 0, "a": 2}') == {"a": 2, "b": 0}
    with pytest.raises(ValueError, match="key 'a' occurs twice"):
        parse_strict('[{"a": 1, "b": 0, "a": 2}]', unique_keys=True)
    assert parse_strict('[{"a": 1}, {"a": 2}]', unique_keys=True) == [{"a": 1}, {"a": 2}]
    assert value('{"a": 1, "a": 1}', "json") == 1.0
    assert value('{"a": 1, "a": 1}', "json", unique_keys=True) == 0.0


SCHEMA = {"type": "object", "required": ["score"], "properties": {"score": {"type": "integer", "maximum": 10}}}


def test_validity_alone_and_by_a_schema_are_two_values() -> None:
    for answer, valid, by_schema in [
        ('{"score": 7}', 1.0, 1.0),
        ('{"score": 11}', 1.0, 0.0),
        ("[]", 1.0, 0.0),
        ('{"score": 7', 0.0, 0.0),
    ]:
        assert value(answer, "json") == valid
        assert value(answer, "json", schema=SCHEMA) == by_schema
    assert value("1", "json", schema=False) == 0.0
    assert value("1", "json", schema=True) == 1.0


def test_the_cause_says_what_is_wrong_and_where() -> None:
    assert mark('{"score": 11}', "json", schema=SCHEMA).cause == (
        "breaks the schema: $.score: 11 is greater than the maximum of 10"
    )
    cause = mark("Sure: {}", "json").cause
    assert cause.startswith("is not JSON: Expecting value")
    assert cause.endswith("in 'Sure: {}'")


def test_where_decides_what_has_to_be_json() -> None:
    fenced = "Here you are:\n```json\n[1]\n```\nAnything else?"
    assert [value(fenced, "json", where=where) for where in ("answer", "block", "either")] == [0.0, 1.0, 1.0]
    assert [value("[1]", "json", where=where) for where in ("answer", "block", "either")] == [1.0, 0.0, 1.0]
    assert mark("[1]", "json", where="block").cause == "has no fenced block"


def test_a_schema_keeps_its_name_in_json_with_its_nulls() -> None:
    one = component("json", schema={"const": None})
    scorer = Scorer(components=(one,))
    written = json.loads(scorer.model_dump_json(exclude_none=True))
    assert written["components"][0]["schema"] == {"const": None}
    assert Scorer.model_validate(written) == scorer


def test_a_bad_schema_is_refused_with_the_item() -> None:
    with pytest.raises(ValidationError, match="no JSON Schema"):
        component("json", schema={"type": "objekt"})
