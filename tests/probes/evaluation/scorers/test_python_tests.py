from typing import Any

import pytest
from pydantic import ValidationError
from sandboxes import SandboxAids, needs_isolation

from probes.evaluation.scorers.exchange import Exchange, Mark
from probes.evaluation.scorers.python_tests import PythonTests
from probes.evaluation.scorers.scorer import Scorer
from probes.sandbox.limits import Limits, Verdict
from probes.sandbox.sandbox import Sandbox

PROMPT = "import math\n\ndef half(x):\n    return x / 2\n\ndef area(r):\n    ''' Area of a circle. '''\n"
CHECK = "def check(candidate):\n    assert abs(candidate(half(2)) - 3.14159) < 1e-4\n"


class FakeSandbox:
    """Notes what it is asked and says what it was told to."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[tuple[str, str, str, str]] = []

    def run_python_tests(
        self, code: str, entry_point: str, tests: str, prelude: str = "", limits: Limits | None = None
    ) -> Verdict:
        self.asked.append((code, entry_point, tests, prelude))
        return self.verdict


def component(**needs: Any) -> PythonTests:
    return PythonTests(kind="python_tests", weight=1.0, **{"tests": "assert f(1) == 2", **needs})


def mark(text: str, verdict: Verdict | None = None, **needs: Any) -> Mark:
    sandbox = Sandbox() if verdict is None else FakeSandbox(verdict)
    return component(**needs).mark(Exchange(text, aids=SandboxAids(sandbox)))


@needs_isolation
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("def f(x):\n    return x + 1\n", 1.0),
        ("Here it is:\n```python\ndef f(x):\n    return x + 1\n```\nIt adds one.", 1.0),
        ("```python\ndef f(x):\n    return x\n```", 0.0),
        ("I would add one.", 0.0),
    ],
)
def test_code_is_taken_from_its_block_or_the_whole_answer_and_run(answer: str, value: float) -> None:
    found = mark(answer)
    assert found.value == value
    assert bool(found.cause) == (value == 0)


@needs_isolation
@pytest.mark.parametrize(
    "answer",
    [
        "    return math.pi * r * r\n",
        "def area(r):\n    return math.pi * r ** 2\n",
        "```python\ndef area(r):\n    return math.pi * r ** 2\n```",
    ],
)
def test_an_answer_continues_its_prompt_or_writes_the_function_anew(answer: str) -> None:
    needs = {"tests": CHECK, "entry_point": "area", "continues": PROMPT}
    assert mark(answer, **needs) == Mark(1.0)
    assert mark(answer.replace("math.pi", "3"), **needs).value == 0.0


@needs_isolation
def test_set_up_code_that_uses_the_answers_classes_stands_before_the_asserts_as_in_mbpp() -> None:
    answer = "class Node:\n    def __init__(self, data):\n        self.data = data\n        self.left = None\n"
    answer += "def depth(node):\n    return 1 + depth(node.left) if node else 0\n"
    tests = "root = Node(1)\nroot.left = Node(2)\nassert depth(root) == 2\nassert depth(root.left) == 1"
    assert mark(answer, tests=tests) == Mark(1.0)


def test_what_could_not_be_run_is_unscored_with_the_reason() -> None:
    for exchange in (Exchange("def f(x): ..."), Exchange("def f(x): ...", aids=SandboxAids(None))):
        found = component().mark(exchange)
        assert found.value is None
        assert found.cause.startswith("no sandbox")
    broken = Verdict(None, "the sandbox did not start: no namespaces", "", 0.1)
    assert mark("def f(x): ...", broken) == Mark(None, "the sandbox did not start: no namespaces")
    scored = Scorer(components=(component(),)).score(Exchange("def f(x): ..."))
    assert scored.score is None
    assert "no sandbox" in str(scored.unscored)


def test_a_program_out_of_time_counts_as_failed_with_the_cause() -> None:
    assert mark("def f(x): ...", Verdict(False, "took longer than 10 s", "", 10.0)) == Mark(
        0.0, "took longer than 10 s"
    )


def test_silence_is_no_code() -> None:
    passed = Verdict(True, "", "", 0.1)
    for text in ("", " \n", "```python\n```"):
        assert mark(text, passed) == Mark(0.0, "no code in the answer")


def test_a_cause_is_one_short_line() -> None:
    cause = mark("x", Verdict(False, "failed: " + "assert f(1)\n" * 100, "", 0.1)).cause
    assert len(cause) <= 200
    assert "\n" not in cause


def test_the_tests_get_the_prompts_helpers_unless_they_bring_their_own() -> None:
    sandbox = FakeSandbox(Verdict(True, "", "", 0.1))
    for prelude in (None, "", "def half(x): ..."):
        part = component(tests=CHECK, entry_point="area", continues=PROMPT, prelude=prelude)
        part.mark(Exchange("    return 1\n", aids=SandboxAids(sandbox)))
    assert [asked[3] for asked in sandbox.asked] == [PROMPT, "", "def half(x): ..."]
    assert {asked[0] for asked in sandbox.asked} == {PROMPT + "    return 1\n"}


@pytest.mark.parametrize(
    ("needs", "rule"),
    [
        ({"tests": "assert f(1) =="}, "`tests` is not Python"),
        ({"tests": CHECK}, "name the candidate in `entry_point`"),
        ({"entry_point": "f(x)"}, "must be the name of a function"),
        ({"entry_point": "lambda"}, "must be the name of a function"),
        ({"prelude": "def"}, "`prelude` is not Python"),
        ({"continues": "def f(x):\n    if x:\n"}, "set `prelude`"),
        ({"timeout_s": 0}, "greater than 0"),
    ],
)
def test_a_suite_whose_tests_cannot_run_is_refused_with_the_cure(needs: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        component(**needs)
    component(continues="def f(x):\n    if x:\n", prelude="")
