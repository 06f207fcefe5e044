import json
from pathlib import Path
from typing import Any

import pytest

from probes.errors import DataError
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item, count_items, read_suite, split_items

SCORER = {"components": [{"kind": "opening", "weight": 1.0, "any": ["Dear"]}]}


def row(**changes: Any) -> dict[str, Any]:
    values = {"id": "a", "category": "voice", "prompt": "Who?", "scorer": SCORER, **changes}
    return {name: value for name, value in values.items() if value is not ...}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


def test_items_are_read_with_defaults_and_other_columns_as_tags(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    path = write(tmp_path / "s.jsonl", row(), row(id="b", prompt=..., messages=messages, difficulty="hard", era=1843))
    first, second = read_suite([path])
    assert (first.difficulty, first.messages[0].role, first.messages[0].content) == ("medium", "user", "Who?")
    assert (second.difficulty, len(second.messages), second.tags) == ("hard", 2, {"era": "1843"})


def test_references_are_a_text_several_texts_or_an_assistant_turn(tmp_path: Path) -> None:
    turn = [{"role": "assistant", "content": "I."}]
    rows = [row(chosen="I.", rejected=["You.", "He."]), row(id="b", chosen=turn), row(id="c", chosen=[], rejected=None)]
    first, second, third = read_suite([write(tmp_path / "s.jsonl", *rows)])
    assert (first.chosen, first.rejected, first.tags) == (("I.",), ("You.", "He."), {})
    assert (second.chosen, third.chosen, third.rejected) == (("I.",), (), ())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{", "line 2: not valid JSON"),
        ([1], "line 2: must be one JSON object"),
        (row(id=...), "line 2: `id` is missing"),
        (row(id="b", category=""), "line 2: `category` is missing"),
        (
            row(id="b", scorer=...),
            r"line 2: `scorer` is missing, item `b` .* give the item a `scorer`, .*suite\.scorer",
        ),
        (row(id="b", scorer={}), "line 2: `scorer` is missing, item `b`"),
        (
            row(id="b", scorer={"components": [{"kind": "opening", "weight": 1, "any": ["a"], "all": []}]}),
            "is not a key",
        ),
        (
            row(id="b", scorer={"components": [{"kind": "opening", "any": ["a"]}]}),
            "`scorer.components.0.weight` must be given",
        ),
        (row(id="b", prompt="half \ud800"), "line 2: holds half a surrogate pair"),
        ("[" * 100_000, "line 2: not valid JSON"),
        (row(id="b", prompt=...), "line 2: give exactly one of `prompt` and `messages`"),
        (row(id="b", prompt=" "), "line 2: `prompt` must be non-empty text"),
        (row(id="b", prompt=..., messages=[]), "line 2: `messages` must be a non-empty list"),
        (row(id="b", prompt=..., messages=[{"role": "assistant", "content": "x"}]), "must end with a user turn"),
        (row(id=7), "line 2: `id` must be a valid string, got 7"),
        (row(id="b", scorer={"components": [{"kind": "opening", "weight": 2, "any": ["a"]}]}), "weight` .*got 2"),
        (row(id="b", scorer={"components": [{"kind": "opening", "weight": 0.5, "any": ["a"]}]}), "must sum to 1"),
        (row(id="b", chosen=["fine", " "]), "line 2: `chosen` must be an answer or a list of answers as text, got"),
        (row(id="b", chosen=[{"role": "user", "content": "x"}]), "line 2: `chosen` must be an answer"),
        (row(id="b", rejected="bad"), "line 2: `rejected` has no `chosen` answer to be held against"),
        (row(), "line 2: `id` must be unique, `a` is also in suite file .*line 1"),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_field(tmp_path: Path, bad: object, message: str) -> None:
    path = write(tmp_path / "s.jsonl", row(), bad)
    with pytest.raises(DataError, match=message) as caught:
        read_suite([path])
    assert str(path) in str(caught.value)


def test_an_items_own_scorer_wins_over_the_default(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", row(), row(id="b", scorer=...), row(id="c", scorer=None))
    default = Scorer.model_validate({"components": [{"kind": "contractions", "weight": 1.0}]})
    first, second, third = read_suite([path], default)
    assert first.scorer == Scorer.model_validate(SCORER)
    assert (second.scorer, third.scorer) == (default, default)


def test_an_empty_suite_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no items"):
        read_suite([write(tmp_path / "s.jsonl")])
    with pytest.raises(DataError, match="no file was named"):
        read_suite([])
    with pytest.raises(DataError, match="cannot be read"):
        read_suite([tmp_path / "none.jsonl"])


def test_ids_are_unique_over_files(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, row()) for name in ("s.jsonl", "t.jsonl")]
    with pytest.raises(DataError, match=r"t\.jsonl, line 1: `id` must be unique"):
        read_suite(paths)


def items(tmp_path: Path, per_cell: dict[tuple[str, str], int]) -> tuple[Item, ...]:
    rows = [
        row(id=f"{category}-{difficulty}-{n}", category=category, difficulty=difficulty)
        for (category, difficulty), count in per_cell.items()
        for n in range(count)
    ]
    return read_suite([write(tmp_path / "s.jsonl", *rows)])


def test_a_split_halves_every_category_and_loses_nothing(tmp_path: Path) -> None:
    cells = {("a", "easy"): 3, ("a", "medium"): 3, ("a", "hard"): 2, ("b", "easy"): 1, ("b", "hard"): 1}
    everything = items(tmp_path, cells)
    search, held_out = split_items(everything, 0.5, 1)
    assert sorted(i.id for i in (*search, *held_out)) == sorted(i.id for i in everything)
    assert {c: sum(d.values()) for c, d in count_items(held_out).items()} == {"a": 4, "b": 1}
    assert all(1 <= count <= 2 for count in count_items(held_out)["a"].values())
    assert [i.id for i in search] == [i.id for i in everything if i in search]


def test_a_split_depends_on_the_seed_only(tmp_path: Path) -> None:
    everything = items(tmp_path, {("a", "easy"): 20})
    first = split_items(everything, 0.3, 1)
    assert first == split_items(everything, 0.3, 1)
    assert len(first[1]) == 6
    assert first[1] != split_items(everything, 0.3, 2)[1]
    backwards = split_items(tuple(reversed(everything)), 0.3, 1)
    assert {i.id for i in backwards[1]} == {i.id for i in first[1]}
