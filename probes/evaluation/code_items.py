"""The items of a suite whose answers are run as code, and whether this machine can run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from probes.evaluation.scorers.python_tests import PythonTests
from probes.evaluation.suite import Item
from probes.sandbox.sandbox import CURE, Sandbox, isolation_problem

Finder = Callable[[], str | None]


def code_items(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items with a `python_tests` component."""
    return tuple(item for item in items if any(isinstance(part, PythonTests) for part in item.scorer.components))


def sandbox_problem(
    items: Iterable[Item], allow_unisolated: bool, find_problem: Finder = isolation_problem
) -> str | None:
    """Return why answers to some items cannot be run on this machine, with the cure; None where nothing is amiss."""
    concerned = [item.id for item in code_items(items)]
    problem = find_problem() if concerned and not allow_unisolated else None
    if problem is None:
        return None
    more = f" and {len(concerned) - 1} more" if len(concerned) > 1 else ""
    return (
        f"answers to item `{concerned[0]}`{more} are run as code, and it cannot be isolated on this machine: "
        f"{problem}; {CURE}"
    )


def sandbox_for(
    items: Iterable[Item], allow_unisolated: bool, find_problem: Finder = isolation_problem
) -> Sandbox | None:
    """Return a sandbox where some item needs one.

    Raises:
        LaunchError: code cannot be isolated here and may not run without.
    """
    return Sandbox(allow_unisolated, find_problem) if code_items(items) else None
