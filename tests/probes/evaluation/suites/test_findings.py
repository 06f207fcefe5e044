"""A probe's breaks, disagreements and forms of tool calls, read from the files that it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import make_request

from probes.errors import ConfigError, DataError
from probes.evaluation.breaks import ItemBreaks
from probes.evaluation.call_forms import CallCounts
from probes.evaluation.suite import Item, read_suite, suite_digest
from probes.evaluation.suites.findings import findings_json, read_findings
from probes.recipe import Recipe
from probes.request import FileRef

WORDS = {"kind": "keywords", "weight": 0.5, "any": ["lamp"]}
PERSONA = {"kind": "character_break", "weight": 0.5, "name": "persona"}
CALLS = {"kind": "tool_calls", "weight": 1.0, "expected": [{"name": "weather"}]}
CALL_TEXT = '<tool_call>{"name": "weather", "arguments": {}}</tool_call>'
Marks = list[dict[str, float]]


def suite(folder: Path, scorers: dict[str, list[dict[str, Any]]]) -> tuple[Item, ...]:
    rows = [
        {"id": name, "category": "voice", "prompt": f"{name}?", "scorer": {"components": parts}}
        for name, parts in scorers.items()
    ]
    path = folder / "s.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_suite([path])


def probe(folder: Path, items: tuple[Item, ...], marks: dict[str, Marks], answers: list[Any] | None = None) -> Path:
    """Write the folder of a probe whose samples have these marks, and these structured calls or texts as answers."""
    place = folder / "probe"
    place.mkdir()
    ref = FileRef(path="/s.jsonl", digest=suite_digest(items))
    request = make_request(Recipe(base_model="m"), 0, "search").model_copy(update={"suite": ref})
    (place / "request.json").write_text(request.model_dump_json())
    scores = [
        {"item": name, "category": "voice", "sample": n, "seed": n, "score": 5.0, "components": own,
         "causes": {part: f"why {part}" for part, value in own.items() if value < 1}}
        for name, samples in marks.items()
        for n, own in enumerate(samples)
    ]  # fmt: skip
    (place / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores))
    if answers is not None:
        rows = [
            {"item": name, "sample": 0, "seed": 0, "text": "" if isinstance(said, dict) else said,
             "stop_reason": "stop", "tool_calls": [said] if isinstance(said, dict) else []}
            for name, said in answers
        ]  # fmt: skip
        (place / "responses.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def test_breaks_are_counted_by_item_whatever_the_component_is_called(tmp_path: Path) -> None:
    items = suite(tmp_path, {"a": [WORDS, PERSONA], "b": [{**WORDS, "name": "persona"}, {**PERSONA, "name": "role"}]})
    marks: dict[str, Marks] = {
        "a": [{"keywords": 1, "persona": 0}, {"keywords": 1, "persona": 1}, {"keywords": 1}],
        "b": [{"persona": 0, "role": 1}],
    }
    found = read_findings(probe(tmp_path, items, marks), items)
    assert found.breaks == {
        "persona": (ItemBreaks("a", "voice", 1, 2, "why persona"),),
        "role": (ItemBreaks("b", "voice", 0, 1, ""),),
    }


def test_every_pair_that_shares_an_item_is_compared_while_there_are_few(tmp_path: Path) -> None:
    items = suite(tmp_path, {"a": [WORDS, PERSONA], "b": [WORDS, PERSONA], "c": [CALLS]})
    marks: dict[str, Marks] = {
        "a": [{"keywords": 1, "persona": 1}],
        "b": [{"keywords": 0, "persona": 1}, {"keywords": 1, "persona": 0.5}],
        "c": [{"tool_calls": 1}],
    }
    found = read_findings(probe(tmp_path, items, marks, []), items)
    (pair,) = found.pairs
    assert (pair.one, pair.other, pair.items) == ("keywords", "persona", 2)
    assert [(one.item, one.distance, one.cause) for one in pair.apart] == [("b", 0.75, "why keywords")]


def test_of_many_components_only_the_two_that_are_named(tmp_path: Path) -> None:
    items = suite(tmp_path, {"a": [WORDS, PERSONA]})
    marks: dict[str, Marks] = {"a": [{"keywords": 1, "persona": 0, "x": 1, "judge": 0.5, "judge/voice": 0.25}]}
    place = probe(tmp_path, items, marks)
    assert read_findings(place, items).pairs == ()
    (pair,) = read_findings(place, items, ("keywords", "judge/voice")).pairs
    assert [(one.one, one.other, one.distance) for one in pair.apart] == [(1, 0.25, 0.75)]
    for names in (("keywords", "nobody"), ("keywords", "keywords")):
        with pytest.raises(ConfigError, match="this probe's are judge, judge/voice, keywords, persona, x"):
            read_findings(place, items, names)


def test_tool_calls_are_counted_by_form_only_where_some_are_expected(tmp_path: Path) -> None:
    items = suite(tmp_path, {"a": [CALLS], "b": [WORDS, PERSONA]})
    answers = [
        ("a", {"name": "weather", "arguments": {}}),
        ("a", CALL_TEXT),
        ("a", "It is warm."),
        ("a", "Cold."),
        ("b", CALL_TEXT),
    ]
    marks: dict[str, Marks] = {"a": [{"tool_calls": 0}], "b": [{"keywords": 1}]}
    place = probe(tmp_path, items, marks, answers)
    found = read_findings(place, items)
    assert found.calls == {"voice": CallCounts(structured=1, text=1, none=2)}
    assert findings_json(found)["tool_calls"] == {"voice": {"structured": 1, "text": 1, "none": 2}}
    (place / "responses.jsonl").unlink()
    with pytest.raises(DataError, match="holds no answers of a probe"):
        read_findings(place, items)
    assert read_findings(place, items[1:]).calls == {}
