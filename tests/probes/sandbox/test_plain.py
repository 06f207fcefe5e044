import json
import math
from collections import Counter, OrderedDict, namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.sandbox.plain import NotPlainError, decode, encode

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
hashables = st.recursive(scalars, lambda part: st.tuples(part, part) | st.frozensets(part, max_size=3), max_leaves=6)
values = st.recursive(
    scalars | st.complex_numbers(allow_nan=False),
    lambda part: st.lists(part, max_size=4) | st.tuples(part) | st.dictionaries(hashables, part, max_size=3),
    max_leaves=20,
) | st.sets(hashables, max_size=4)


def refuse(value: object) -> None:
    """Refer to nothing."""


def there_and_back(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value, refuse))), list)


def types_of(value: Any) -> Any:
    if isinstance(value, dict):
        return dict, [(types_of(key), types_of(held)) for key, held in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [types_of(member) for member in value]
    return type(value)


@given(values)
def test_plain_values_arrive_as_they_were_type_by_type(value: Any) -> None:
    assert there_and_back(value) == value
    assert types_of(there_and_back(value)) == types_of(value)


@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, -0.0, 5e-324, -(2**53), "\ud800", bytearray(b"\xff"), True, 1, 1.0]
)
def test_what_json_would_lose_arrives(value: Any) -> None:
    assert repr(there_and_back(value)) == repr(value) or there_and_back(value) == value
    assert type(there_and_back(value)) is type(value)


def test_an_integer_of_any_length_arrives() -> None:
    assert there_and_back(-(10**5000)) == -(10**5000)


def test_not_a_number_stays_one() -> None:
    assert math.isnan(there_and_back(math.nan))


def test_a_subclass_arrives_as_the_plain_type_below_it_whatever_it_claims() -> None:
    class Equal(int):
        def __eq__(self, other: object) -> bool:
            return True

        def __int__(self) -> int:
            return 99

        __hash__ = int.__hash__

    class Many(list[int]):
        def __iter__(self) -> Any:
            return iter(range(100))

    pair = namedtuple("pair", "a b")
    arrived = there_and_back([Equal(7), Many([1]), Counter("aab"), OrderedDict(x=1), pair(1, 2)])
    assert arrived == [7, [1], {"a": 2, "b": 1}, {"x": 1}, (1, 2)]
    assert types_of(arrived) == types_of([7, [1], {"a": 2, "b": 1}, {"x": 1}, (1, 2)])


def test_other_objects_go_by_number_or_are_refused_by_name() -> None:
    thing = object()
    assert decode(encode([thing], lambda value: 3), lambda number: ("thing", number)) == [("thing", 3)]
    with pytest.raises(NotPlainError, match="`object`"):
        encode([thing], refuse)
    with pytest.raises(NotPlainError, match="`generator`"):
        encode((n for n in range(3)), refuse)


def test_a_value_that_contains_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(NotPlainError, match="contains itself"):
        encode(ring, refuse)


FORGED: list[Any] = [
    {"passed": True},
    1.5,
    [],
    ["list"],
    ["eval", "1"],
    ["list", "abc"],
    ["list", {"a": 1}],
    ["set", [["list", []]]],
    ["dict", [[1, 2, 3]]],
    ["float", "one"],
    ["int", 7],
    ["ref", True],
    ["ref", "0"],
    ["bytes", "zz"],
    ["complex", ["0x1p0"]],
    [["list"], []],
]


@pytest.mark.parametrize("data", FORGED, ids=repr)
def test_what_encode_never_says_is_refused(data: Any) -> None:
    with pytest.raises(NotPlainError):
        decode(data, list)


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    data: Any = None
    for _ in range(5000):
        data = ["list", [data]]
    with pytest.raises(NotPlainError, match="RecursionError"):
        decode(data, list)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda part: st.lists(part, max_size=3)))
def test_any_data_is_a_plain_value_or_refused(data: Any) -> None:
    try:
        value = decode(data, lambda number: None)
    except NotPlainError:
        return
    assert there_and_back(value) == value or value != value
