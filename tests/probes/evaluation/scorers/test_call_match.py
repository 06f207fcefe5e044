"""Which call stands for which expected one."""

import itertools
import random

from probes.evaluation.scorers.call_match import WantedCall, match_calls, read_schemas
from probes.evaluation.scorers.call_values import want, want_any
from probes.evaluation.scorers.exchange import ToolCall


def call(name: str, **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


ANY_CITY = WantedCall("weather", {"city": want_any(["Rome", "Oslo"])})
ROME = WantedCall("weather", {"city": want("Rome")})


def test_greedy_matching_would_refuse_what_fits_as_a_whole() -> None:
    calls = [call("weather", city="Rome"), call("weather", city="Oslo")]
    matching = match_calls([ANY_CITY, ROME], calls, {})
    assert matching.partners == (1, 0)
    assert matching.reason == ""
    assert matching.share == 1.0


def test_the_matching_is_as_large_as_any_order_of_trying_finds() -> None:
    rng = random.Random(5)
    for _ in range(200):
        rows, columns = rng.randint(1, 4), rng.randint(0, 4)
        options = [rng.sample(range(4), rng.randint(1, 3)) for _ in range(rows)]
        made = [rng.randrange(4) for _ in range(columns)]
        expected = [WantedCall("f", {"x": want_any(some)}) for some in options]
        found = match_calls(expected, [call("f", x=value) for value in made], {})
        places = [*range(columns), *[None] * rows]
        best = max(
            sum(place is not None and made[place] in some for place, some in zip(order, options, strict=True))
            for order in itertools.permutations(places, rows)
        )
        pairs = [(row, place) for row, place in enumerate(found.partners) if place is not None]
        assert len(pairs) == best == len({place for _, place in pairs})
        assert all(made[place] in options[row] for row, place in pairs)


def test_order_counts_only_when_asked() -> None:
    expected = [ROME, WantedCall("time", {})]
    calls = [call("time"), call("weather", city="Rome")]
    assert match_calls(expected, calls, {}).reason == ""
    asked = match_calls(expected, calls, {}, in_order=True)
    assert asked.share == 0.0
    assert asked.reason == "`time` is called, expected `weather`"


def test_each_reason_names_what_is_wrong() -> None:
    assert match_calls([ROME], [], {}).reason == "`weather` is not called"
    assert match_calls([ROME], [call("time")], {}).reason == "`time` is called, expected `weather`"
    near = match_calls([ROME], [call("time"), call("weather", city="Oslo")], {})
    assert near.reason == "`weather`: `city` is 'Oslo', expected 'Rome'"
    extra = match_calls([ROME], [call("weather", city="Rome"), call("weather", city="Rome")], {})
    assert extra.reason == "2 calls where 1 is expected: `weather` is one too many"
    assert extra.share == 0.5
    missing = match_calls([ROME, WantedCall("time", {})], [call("weather", city="Rome")], {}, in_order=True)
    assert missing.reason == "`time` is not called"


def test_schemas_are_read_bare_or_wrapped_and_decide_types() -> None:
    bare = {"name": "f", "parameters": {"properties": {"x": {"type": "float"}}}}
    for tools in ([bare], [{"type": "function", "function": bare}]):
        schemas = read_schemas(tools)
        assert match_calls([WantedCall("f", {"x": want(5)})], [call("f", x=5.0)], schemas).reason == ""
    assert match_calls([WantedCall("f", {"x": want(5)})], [call("f", x=5.0)], {}).reason != ""
    assert read_schemas([{"name": "g"}]) == {"g": {}}
