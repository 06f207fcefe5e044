"""What a check finds: every mistake with its place, repeats, tiny categories, and questions that were trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from probes.data.conversation import Message
from probes.data.rows import Row
from probes.evaluation.suite import scan_suite
from probes.evaluation.suites.check import MOST_LINES, SuiteCheck, check_suite, same_question

SCORER = {"components": [{"kind": "keywords", "weight": 1.0, "any": ["yes"]}]}


def item(number: int, **changes: Any) -> dict[str, Any]:
    difficulty = ("easy", "hard")[number % 2]
    base = {"id": f"q{number}", "category": "a", "difficulty": difficulty, "prompt": f"Is it {number}?"}
    return {**base, "scorer": SCORER, **changes}


def trained(prompt: str) -> Row:
    return Row((Message(role="user", content=prompt),), "Yes.", None, {}, "pairs.jsonl", 4)


def checked(folder: Path, rows: list[Any], *train: Row) -> SuiteCheck:
    path = folder / "s.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return check_suite(scan_suite([path]), train)


def test_a_sound_suite_has_a_version_and_nothing_to_say(tmp_path: Path) -> None:
    found = checked(tmp_path, [item(n) for n in range(8)])
    assert (found.items, found.problems, found.warnings) == (8, (), ())
    assert found.version is not None
    assert len(found.version) == 16


def test_every_mistake_is_listed_with_its_line_also_two_of_one_item(tmp_path: Path) -> None:
    twice = item(1, scorer={"components": [{"kind": "opening", "any": ["a"], "colour": 1}]})
    found = checked(tmp_path, ["{", twice, item(2), item(3, scorer=None), item(2), {"prompt": "x"}])
    assert found.version is None
    where = [problem.split(": ")[0].rsplit(", ", 1)[1] for problem in found.problems]
    assert where == ["line 1", "line 2", "line 2", "line 4", "line 5", "line 6", "line 6"]
    said = "\n".join(found.problems)
    for words in ("not valid JSON", "weight` must be given", "colour` is not a key", "`scorer` is missing", "`q2` is"):
        assert words in said


def test_a_flood_of_mistakes_is_counted_and_not_listed(tmp_path: Path) -> None:
    found = checked(tmp_path, ["{"] * (MOST_LINES + 7))
    assert len(found.problems) == MOST_LINES + 1
    assert found.problems[-1] == "… and 7 more of this sort"


def test_the_same_question_in_other_dress_is_a_warning_and_in_another_context_is_not(tmp_path: Path) -> None:
    rows = [item(n) for n in range(8)]
    rows[3]["prompt"] = " is it: 1 ?!"
    context = [{"role": "user", "content": "Guess."}, {"role": "assistant", "content": "What?"}]
    rows[4] |= {"prompt": None, "messages": [*context, {"role": "user", "content": "Is it 5?"}]}
    (warning,) = checked(tmp_path, rows).warnings
    assert warning.startswith("`q3` asks nearly the same question as `q1`")


def test_a_question_that_was_trained_on_is_a_problem_with_both_places(tmp_path: Path) -> None:
    found = checked(tmp_path, [item(n) for n in range(8)], trained("Was it?"), trained("IS IT 6"))
    (problem,) = found.problems
    assert problem.startswith("`q6` asks what training row pairs.jsonl, line 4 teaches")


def test_small_categories_and_missing_difficulties_limit_what_can_be_said(tmp_path: Path) -> None:
    rows = [item(n, category="a" if n else "b", difficulty="easy") for n in range(8)]
    small, alike = checked(tmp_path, rows).warnings
    assert small.startswith("category `b` has 1 item: fewer than 7")
    assert "every item has difficulty `easy`" in alike


def test_questions_are_the_same_by_their_words_or_else_by_themselves() -> None:
    assert same_question("What's 2 + 2?") == same_question("what s 2 2")
    assert same_question("2 - 2") != same_question("22")
    assert same_question("?!") != same_question("!?")
