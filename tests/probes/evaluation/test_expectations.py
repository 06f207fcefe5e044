"""Training held against the form that scorers expect."""

import json
from typing import Any

import pytest

from probes.data.conversation import Message
from probes.data.rows import Row
from probes.evaluation.expectations import form_warnings
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item

CALL = json.dumps({"name": "weather", "arguments": {"city": "Rome"}})
CALLS = {"kind": "tool_calls", "expected": [{"name": "weather", "arguments": {"city": "Rome"}}]}
DIFF = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"


def rows(*answers: str) -> list[Row]:
    asked = (Message(role="user", content="?"),)
    return [Row(asked, answer, None, {}, "rows.jsonl", number) for number, answer in enumerate(answers, 1)]


def items(*components: dict[str, Any]) -> list[Item]:
    return [
        Item(
            id=str(number),
            category="c",
            messages=(Message(role="user", content="?"),),
            scorer=Scorer.model_validate({"components": [{"weight": 1.0, **component}]}),
        )
        for number, component in enumerate(components)
    ]


def test_calls_that_training_never_shows_are_named_with_numbers_and_cure() -> None:
    (warning,) = form_warnings(rows("warm", "cold"), items(CALLS, CALLS, {"kind": "opening", "any": ["x"]}))
    assert warning == (
        "2 of 3 items score a tool call, 0 of 2 training answers show it: "
        "add such rows to `[data] train`, or drop those items"
    )


def test_a_form_that_training_writes_otherwise_is_named_with_both() -> None:
    shown = rows(*[f"<tools>{CALL}</tools>"] * 3, f"```json\n{CALL}\n```", "warm")
    for form in ("text", "structured"):
        (warning,) = form_warnings(shown, items({**CALLS, "form": form, "text_forms": ["tool_call"]}))
        assert warning == (
            "1 of 1 items score a tool call as `<tool_call>`, 0 of 5 training answers show it so and 4 otherwise "
            "(3 as `<tools>`, 1 as fenced JSON): rewrite the training answers, or set `text_forms` to what training "
            "shows, where the server can parse that"
        )


def test_what_training_shows_mostly_as_asked_is_no_warning() -> None:
    asked = items({**CALLS, "text_forms": ["tool_call", "function"]}, {"kind": "diff_parses"})
    shown = rows(f"<tool_call>{CALL}</tool_call>", f"<function=f>{CALL}</function>", f"<tools>{CALL}</tools>", DIFF)
    assert form_warnings(shown, asked) == ()
    assert form_warnings(shown, items({**CALLS, "text_forms": ["tool_call"]})) != ()


def test_diffs_are_held_against_training_too_and_kinds_without_a_form_are_not() -> None:
    asked = items({"kind": "diff_parses"}, {"kind": "diff_applies", "files": {"x": "a\n"}}, {"kind": "contractions"})
    (warning,) = form_warnings(rows("change a to b"), asked)
    assert warning.startswith("2 of 3 items score a unified diff, 0 of 1 training answers show it")
    assert form_warnings(rows(f"So:\n```diff\n{DIFF}```\n"), asked) == ()


def test_nothing_asked_or_nothing_trained_is_nothing_to_say() -> None:
    assert form_warnings(rows("warm"), items({"kind": "contractions"}, {"kind": "tool_calls", "expected": []})) == ()
    assert form_warnings([], items(CALLS)) == ()


PYTHON, FENCED = "import os\nprint(os.name)\n", "So:\n```python\nx = 1\n```\n"
OBJECT = '{"a": 1}'


@pytest.mark.parametrize(
    ("component", "shown", "not_shown"),
    [
        ({"kind": "json"}, OBJECT, f"```json\n{OBJECT}\n```"),
        ({"kind": "json"}, "[1]", "1"),
        ({"kind": "json", "where": "block"}, f"```json\n{OBJECT}\n```", OBJECT),
        ({"kind": "json", "where": "either"}, OBJECT, "{a: 1}"),
        ({"kind": "format", "shape": "json"}, OBJECT, f"```\n{OBJECT}\n```"),
        ({"kind": "format", "shape": "code"}, FENCED, PYTHON),
        ({"kind": "python_syntax"}, PYTHON, "hello"),
        ({"kind": "python_syntax"}, FENCED, "```bash\nls\n```"),
        ({"kind": "python_syntax", "where": "block"}, FENCED, PYTHON),
        ({"kind": "python_tests", "tests": "assert x == 1"}, FENCED, "x is one"),
        ({"kind": "python_syntax", "where": "answer"}, PYTHON, FENCED),
        ({"kind": "syntax", "language": "typescript"}, "const a: number = 1;", "So it goes (as they say)."),
        ({"kind": "syntax", "language": "bash", "where": "block"}, "```sh\nls\n```", "ls"),
    ],
)
def test_json_and_code_are_held_against_training(component: dict[str, Any], shown: str, not_shown: str) -> None:
    assert form_warnings(rows(shown), items(component)) == ()
    assert len(form_warnings(rows(not_shown), items(component))) == 1


def test_components_that_look_for_the_same_are_counted_together() -> None:
    asked = items({"kind": "python_syntax"}, {"kind": "python_tests", "tests": "assert x == 1"})
    (warning,) = form_warnings(rows("x is one"), asked)
    assert warning.startswith("2 of 2 items score Python, 0 of 1 training answers show it")
    continued = items({"kind": "python_tests", "tests": "assert f() == 1", "continues": "import os\n"})
    assert form_warnings(rows("x is one"), continued) == ()


def test_bare_bash_cannot_be_told_from_prose_and_is_not_asked_for() -> None:
    assert form_warnings(rows("hello there"), items({"kind": "syntax", "language": "bash"})) == ()
