"""What an argument may be: types, text, defaults, nesting."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.evaluation.scorers.call_values import object_problem, want, want_any

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def problem(value: Any, wanted: Any, rule: dict[str, Any] | None = None, exact: bool = False) -> str:
    return object_problem({"x": value}, {"x": want(wanted)}, {"properties": {"x": rule or {}}}, exact)


@given(JSON)
def test_every_json_value_equals_itself(value: Any) -> None:
    assert problem(value, value) == ""
    assert problem([value], value) != ""


@pytest.mark.parametrize(
    ("value", "wanted", "rule", "fits"),
    [
        (5, 5, {}, True),
        (5, 5.0, {}, True),
        (5, 5.0, {"type": "float"}, True),
        (5.0, 5, {"type": "float"}, True),
        (5.0, 5, {"type": ["null", "number"]}, True),
        (5.0, 5, {"anyOf": [{"type": "number"}, {"type": "null"}]}, True),
        (5.0, 5, {"type": "integer"}, False),
        (5.0, 5, {}, False),
        (True, 1, {}, False),
        (1, True, {"type": "boolean"}, False),
        (False, 0.0, {"type": "number"}, False),
        ("5", 5, {"type": "integer"}, False),
        (None, "", {}, False),
        ([1, 3], [1.0, 3.0], {"type": "array", "items": {"type": "float"}}, True),
        ([1.0, 3.0], [1, 3], {"type": "array", "items": {"type": "integer"}}, False),
        ([3, 1], [1, 3], {}, False),
        ([1], [1, 3], {}, False),
        ({"a": [1, "b"]}, {"a": [1, "B"]}, {}, True),
        ({"a": [1, "b"], "c": 0}, {"a": [1, "B"]}, {}, False),
        ({}, {"a": 1}, {}, False),
    ],
)
def test_types_are_kept_and_an_integer_stands_for_a_float(value: Any, wanted: Any, rule: Any, fits: bool) -> None:
    assert (problem(value, wanted, rule) == "") is fits


@pytest.mark.parametrize(
    ("value", "wanted", "fits"),
    [
        ("april 1, 2024", "April 1 2024", True),
        ("New York, NY", "new york ny", True),
        ("x**2", "x^2", True),
        ("it's", 'it"s', True),
        ("2022-01-01", "20220101", True),
        ("1.5", "15", False),
        ("1/2", "12", False),
        ("-5", "5", False),
        ("Rome", "Roma", False),
        ("", "Rome", False),
    ],
)
def test_text_is_compared_without_case_and_punctuation_but_numbers_keep_their_signs(
    value: str, wanted: str, fits: bool
) -> None:
    assert (problem(value, wanted) == "") is fits
    assert (problem(wanted, value) == "") is fits
    assert problem(value, wanted, exact=True) != ""


def test_text_of_an_enum_must_be_as_the_tool_knows_it() -> None:
    rule = {"type": "string", "enum": ["Bronze", "Wood"]}
    assert problem("bronze", "Bronze", rule) == "`x` is 'bronze', expected 'Bronze'"
    assert (
        object_problem({"x": "bronze"}, {"x": want_any(["Bronze", "bronze"])}, {"properties": {"x": rule}}, False) == ""
    )


def test_one_of_the_accepted_values_is_enough_also_inside_objects() -> None:
    wanted = {"where": want_any([{"city": ["Rome", "Roma"], "zone": ["", 3]}])}
    assert object_problem({"where": {"city": "Roma"}}, wanted, {}, False) == ""
    assert object_problem({"where": {"city": "Roma", "zone": 3}}, wanted, {}, False) == ""
    assert object_problem({"where": {"city": "Roma", "zone": 4}}, wanted, {}, False) != ""
    assert object_problem({"where": {"zone": 3}}, wanted, {}, False) != ""
    assert object_problem({"where": {"city": "Roma", "street": 1}}, wanted, {}, False) != ""


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "default": "C"}, "days": {"type": "integer"}},
    "required": ["city"],
}


@pytest.mark.parametrize(
    ("given_", "wanted", "reason"),
    [
        ({"city": "Rome"}, {"city": want("Rome")}, ""),
        ({"city": "Rome"}, {"city": want("Rome"), "unit": want("C")}, ""),
        ({"city": "Rome", "unit": "C"}, {"city": want("Rome")}, ""),
        ({"city": "Rome"}, {"city": want("Rome"), "unit": want("F")}, "`unit` is missing"),
        ({"city": "Rome", "unit": "F"}, {"city": want("Rome")}, "`unit` is 'F', expected none"),
        ({"city": "Rome", "days": 3}, {"city": want("Rome")}, "`days` is 3, expected none"),
        ({"city": "Rome"}, {"city": want("Rome"), "days": want_any([3, ""])}, ""),
        ({"city": "Rome", "town": 1}, {"city": want("Rome")}, "`town` is not among its arguments"),
        ({}, {"city": want("Rome")}, "`city` is missing"),
        ({}, {}, "`city` is missing"),
        ({}, {"city": want_any(["Rome", ""])}, ""),
        ({"city": 5}, {"city": want("Rome")}, "`city` must be text, got 5"),
        ({"city": "Oslo"}, {"city": want_any(["Rome", "Roma", ""])}, "`city` is 'Oslo', expected 'Rome' or 'Roma'"),
    ],
)
def test_an_argument_left_out_stands_at_its_default_and_one_that_nothing_expects_is_wrong(
    given_: Any, wanted: Any, reason: str
) -> None:
    assert object_problem(given_, wanted, SCHEMA, False) == reason


def test_a_required_argument_has_no_default_to_fall_back_on() -> None:
    schema = {"properties": {"unit": {"default": "C"}}, "required": ["unit"]}
    assert object_problem({}, {"unit": want("C")}, schema, False) == "`unit` is missing"


def test_what_the_author_accepts_is_accepted_whatever_the_schema_says() -> None:
    assert problem(True, True, {"type": "string"}) == ""


def test_a_schema_that_is_none_is_passed_over() -> None:
    assert object_problem({"x": 1}, {"x": want(1)}, {"properties": {"x": True}}, False) == ""
