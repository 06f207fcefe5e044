from typing import Any

import pytest

from probes.data.conversation import Message
from probes.errors import LaunchError
from probes.evaluation.code_items import code_items, sandbox_for, sandbox_problem
from probes.evaluation.suite import Item


def no_namespaces() -> str:
    return "no namespaces"


def item(name: str, **component: Any) -> Item:
    scorer = {"components": [{"weight": 1.0, **component}]}
    message = Message(role="user", content="Write f.")
    return Item.model_validate({"id": name, "category": "code", "messages": (message,), "scorer": scorer})


TEXT = item("text", kind="opening", any=["Dear"])
CODE = item("code", kind="python_tests", tests="assert f(1) == 2")
MORE = item("more", kind="python_tests", tests="assert f(1) == 3")


def test_only_items_with_tests_run_code() -> None:
    assert code_items((TEXT, CODE, MORE)) == (CODE, MORE)


def test_a_suite_without_code_needs_no_sandbox() -> None:
    assert sandbox_problem((TEXT,), allow_unisolated=False, find_problem=no_namespaces) is None
    assert sandbox_for((TEXT,), allow_unisolated=False, find_problem=no_namespaces) is None


def test_a_machine_without_isolation_is_told_before_the_night_with_the_cure() -> None:
    problem = sandbox_problem((TEXT, CODE, MORE), allow_unisolated=False, find_problem=no_namespaces)
    assert problem is not None
    assert problem.startswith("answers to item `code` and 1 more are run as code")
    assert "no namespaces; " in problem
    assert "`unisolated_code = true` in `[suite]`" in problem
    with pytest.raises(LaunchError, match="no namespaces"):
        sandbox_for((CODE,), allow_unisolated=False, find_problem=no_namespaces)


def test_who_allows_it_runs_without_isolation_and_is_told_in_each_result() -> None:
    assert sandbox_problem((CODE,), allow_unisolated=True, find_problem=no_namespaces) is None
    sandbox = sandbox_for((CODE,), allow_unisolated=True, find_problem=no_namespaces)
    assert sandbox is not None
    assert sandbox.note == "ran without isolation: no namespaces"
