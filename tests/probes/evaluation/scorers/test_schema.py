import socket
from typing import Any

import pytest

from probes.evaluation.scorers.json_text import MAX_DEPTH, parse_strict
from probes.evaluation.scorers.schema import check_schema, first_error

TREE: dict[str, Any] = {
    "$defs": {
        "node": {"type": "object", "properties": {"of": {"$ref": "#/$defs/node"}}, "additionalProperties": False}
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"type": "objekt"}, r"is no JSON Schema: \$\.type"),
        ({"pattern": "("}, r"is no JSON Schema: \$\.pattern"),
        ({"minimum": "3"}, "is no JSON Schema"),
        ({"$schema": "https://example.com/mine"}, "not known, 'https://example.com/mine'"),
        ({"$schema": 7}, "not known, 7"),
        ({"$ref": "#/$defs/lost"}, "refers to '#/\\$defs/lost', which is not in it"),
        ({"items": {"$ref": "http://127.0.0.1:9/a.json"}}, "must stay within the schema"),
        ({"$ref": "other.json#/a"}, "must stay within the schema"),
        ({"$ref": "file:///etc/hostname"}, "must stay within the schema"),
        ({"allOf": [{"$ref": "#"}]}, "refers to itself without end"),
    ],
)
def test_a_schema_that_cannot_be_held_against_anything_is_refused(schema: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        check_schema(schema)


def test_references_within_the_schema_are_followed() -> None:
    check_schema(TREE)
    assert first_error(TREE, {"of": {"of": {}}}) is None
    assert str(first_error(TREE, {"of": {"off": {}}})).startswith("$.of: Additional properties")
    named = {"$defs": {"n": {"$anchor": "here", "type": "integer"}}, "$ref": "#here"}
    check_schema(named)
    assert first_error(named, "1") == "$: '1' is not of type 'integer'"


def test_a_property_that_is_called_ref_is_not_a_reference() -> None:
    check_schema({"properties": {"$ref": {"type": "string"}}})


def test_the_draft_is_the_one_that_the_schema_names() -> None:
    pair: dict[str, Any] = {"items": [{"type": "integer"}], "additionalItems": False}
    seven = {"$schema": "http://json-schema.org/draft-07/schema#", **pair}
    check_schema(seven)
    assert first_error(seven, [1, 2]) is not None
    with pytest.raises(ValueError, match="is no JSON Schema"):
        check_schema(pair)
    now: dict[str, Any] = {"prefixItems": [{"type": "integer"}], "items": False}
    check_schema(now)
    assert first_error(now, [1]) is None
    assert first_error(now, [1, 2]) is not None


def test_numbers_and_truths_are_told_apart() -> None:
    assert first_error({"type": "integer"}, True) is not None
    assert first_error({"type": "integer"}, 1.0) is None
    assert first_error({"const": 1}, True) is not None


def test_the_deepest_answer_fits_a_schema_that_recurses() -> None:
    lists = {"type": "array", "items": {"$ref": "#"}}
    check_schema(lists)
    assert first_error(lists, parse_strict("[" * MAX_DEPTH + "]" * MAX_DEPTH)) is None
    assert first_error(TREE, parse_strict('{"of":' * (MAX_DEPTH - 1) + "{}" + "}" * (MAX_DEPTH - 1))) is None


def test_nothing_is_ever_fetched() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(ValueError, match="must stay within"):
            check_schema({"$ref": address})
        hidden = {"enum": [{"a": 1}], "default": {"$id": address}, "$comment": address}
        check_schema(hidden)
        assert first_error(hidden, {"a": 1}) is None
        with pytest.raises(TimeoutError):
            server.accept()
