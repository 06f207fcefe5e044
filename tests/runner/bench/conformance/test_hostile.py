"""Hostile programs, some in the default run and all in the slow one; and the checks, on a sandbox that leaks."""

from pathlib import Path

import pytest
from sandboxes import needs_isolation

from probes.sandbox.sandbox import Sandbox
from runner.bench.conformance.hostile import hostile_row, hostile_rows
from runner.bench.conformance.hostile_programs import CHEATS, PROGRAMS

QUICK = (
    "orphan with setsid",
    "network",
    "deleting files",
    "gaining privileges",
    "reading the tests",
    "forging replies",
)


def unisolated() -> Sandbox:
    return Sandbox(allow_unisolated=True, find_problem=lambda: "made up")


@needs_isolation
@pytest.mark.parametrize("name", QUICK)
def test_a_hostile_program_gets_nothing(name: str) -> None:
    row = hostile_row(Sandbox(), name)
    assert row.is_met, row.note


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("network", "nothing heard outside"),
        ("deleting what is ours", "nothing changed outside"),
    ],
)
def test_the_same_program_without_isolation_is_caught_by_the_checks(name: str, check: str) -> None:
    programs = {
        "network": PROGRAMS["network"],
        "deleting what is ours": "import os\nos.unlink('{outside}/keep.txt')\nprint('gone')",
    }
    row = hostile_row(unisolated(), name, program=programs[name])
    assert not row.is_met
    assert check in row.note


@needs_isolation
@pytest.mark.slow
def test_every_hostile_program_is_a_row_and_contained() -> None:
    rows = hostile_rows(Path("."))
    assert [row.suite for row in rows] == [f"hostile {name}" for name in (*PROGRAMS, *CHEATS)]
    assert all(row.is_met for row in rows), [row.note for row in rows]
