"""Runs tests against code that a model wrote, each in a jail of its own, and says whether they pass.

The code cannot read the tests or forge their verdict: they run in another jail, and between the two go only calls and
plain values (see `probes.sandbox.plain`). What counts is that the tests ran to their end there, not how the code's
process ended.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, NamedTuple

from probes.errors import LaunchError
from probes.sandbox.jail import PYTHON, Jail
from probes.sandbox.limits import Limits, RunResult, Verdict
from probes.sandbox.watch import watch

_INSIDE = (
    "import os, sys; sys.path.append(os.path.abspath('../code')); from probes.sandbox.{} import main; main({}, {})"
)
_LAST_WORDS_SECONDS = 2.0
"""How long a program that broke off may take to be gone, so that its end can be told."""
_EXCERPT = 500


class Task(NamedTuple):
    """Code, and what tests it."""

    code: str
    entry_point: str
    """The function that `check(candidate)` gets; empty where the tests call the code by name."""
    tests: str
    prelude: str
    """Trusted code that runs before the tests, in their process."""


def judge(task: Task, limits: Limits, isolate: bool) -> Verdict:
    """Return the verdict of `task.tests`; each of the two programs has `limits` to itself."""
    deadline = time.monotonic() + limits.seconds
    requests, asked = os.pipe()
    replies, said = os.pipe()
    tests = json.dumps({"tests": task.tests, "entry_point": task.entry_point, "prelude": task.prelude})
    jails: list[Jail] = []
    try:
        for name, files, keep in (
            ("answering", {"candidate.py": task.code}, (requests, said)),
            ("asking", {"tests.json": tests}, (asked, replies)),
        ):
            argv = [PYTHON, "-s", "-S", "-P", "-B", "-u", "-c", _INSIDE.format(name, *keep)]
            jails.append(Jail(argv, limits, files=files, isolate=isolate, keep=keep))
    except LaunchError as error:
        return Verdict(None, f"the sandbox did not start: {error}", "", 0.0)
    finally:
        for end in (requests, asked, replies, said):
            os.close(end)
        if len(jails) < 2:
            for jail in jails:
                jail.close()
    code, examiner = jails
    try:
        watch(jails, examiner, deadline)
        examined = examiner.close()
        found = _found(examined)
        if found is not None and found["gone"]:
            watch([code], code, time.monotonic() + _LAST_WORDS_SECONDS)
    finally:
        examiner.close()
        ran = code.close()
    return _verdict(found, ran, examined, limits)


def _found(examined: RunResult) -> dict[str, Any] | None:
    """Return what the tests' process said, None where it broke off."""
    try:
        return json.loads(examined.stdout)
    except ValueError:
        return None


def _verdict(found: dict[str, Any] | None, ran: RunResult, examined: RunResult, limits: Limits) -> Verdict:
    output = (ran.stdout + ran.stderr)[-_EXCERPT:].decode(errors="replace")
    passed, reason = _decide(found, ran, examined, limits)
    return Verdict(passed, reason, output, max(ran.seconds, examined.seconds))


def _decide(
    found: dict[str, Any] | None, ran: RunResult, examined: RunResult, limits: Limits
) -> tuple[bool | None, str]:
    for result in (ran, examined):
        if result.problem is not None:
            return None, f"the sandbox did not start: {result.problem}"
    if "time" in (ran.stopped, examined.stopped):
        return False, f"took longer than {limits.seconds:g} s"
    if found is None:
        return False, f"the tests {examined.ending}"
    if found["gone"]:
        return False, f"the code {ran.ending} during a call"
    return found["passed"], found["reason"]
