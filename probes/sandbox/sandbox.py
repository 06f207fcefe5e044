"""The sandbox: runs code that a model wrote so that it harms nothing and cannot cheat.

A program sees no network, not even this machine's own; no process but its own; no file of the host but Python and the
system's libraries, read-only; no home, no environment, no keys. It may write some MiB to a /tmp that vanishes with it.
It has no privileges and gains none. Wall time, CPU time, memory, processes, output, file sizes and their number are
limited (`Limits`), and when it ends, or nightlab dies, everything it started is killed, sessions of its own included.
That takes Linux 5.14 or newer with user namespaces, as any user or as root; nothing needs to be installed.

What it does not cover: faults of the kernel, which it shares with the program (a virtual machine does); side channels,
such as timing; contention for CPU, cache and memory bandwidth (limits are per run, and several run at once); kernel
keyrings; reading the world-readable parts of the system's library folders. The tests are as confined as the code, but
what they say is believed. A test that accepts a wrong answer, or sends the right one as an argument, is not noticed.

Without isolation (`allow_unisolated`) only the limits, a clean environment and a folder of its own remain: the program
can then read what nightlab's user can, talk to the network, and look for the tests.
"""

from __future__ import annotations

import errno
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from probes.errors import LaunchError
from probes.sandbox.jail import PYTHON, Jail
from probes.sandbox.limits import Limits, RunResult, Verdict
from probes.sandbox.verdict import Task, judge
from probes.sandbox.watch import watch

_OLDEST_KERNEL = (5, 14)
"""Since then a limit on processes counts those of the sandbox only."""
CURE = "run on such a machine, or allow code to run without isolation: `unisolated_code = true` in `[suite]`"
_HINTS = {
    errno.EPERM: "user namespaces are not permitted: `sysctl kernel.unprivileged_userns_clone=1`, on Ubuntu "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, in a container one without its seccomp and AppArmor "
    "profiles",
    errno.EACCES: "the system's security policy forbids it; on Ubuntu "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
    errno.ENOSPC: "no user namespace is left: raise `sysctl user.max_user_namespaces`",
    errno.EINVAL: "the kernel has no such namespaces",
}


class Sandbox:
    """Runs programs in isolation; holds no state, and may be used from many threads at once."""

    python = PYTHON
    """An interpreter that is visible inside; it has the standard library only."""

    def __init__(
        self, allow_unisolated: bool = False, find_problem: Callable[[], str | None] = lambda: isolation_problem()
    ) -> None:
        self.problem = find_problem()
        """Why there is no isolation, None where there is."""
        if self.problem is not None and not allow_unisolated:
            raise LaunchError(f"code cannot be isolated on this machine: {self.problem}; {CURE}")

    @property
    def note(self) -> str:
        """Say that runs are not isolated, and why; empty where they are."""
        return "" if self.problem is None else f"ran without isolation: {self.problem}"

    def run(
        self,
        argv: Sequence[str],
        files: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        limits: Limits | None = None,
    ) -> RunResult:
        """Run a program in an otherwise empty folder with `files`; return how it went, whatever it did."""
        limits = limits or Limits()
        result = _run(argv, files or {}, stdin, limits, self.problem is None)
        return result._replace(note=self.note)

    def run_python_tests(
        self, code: str, entry_point: str, tests: str, prelude: str = "", limits: Limits | None = None
    ) -> Verdict:
        """Return whether `code` passes `tests`.

        Args:
            code: What the model wrote. It gets the standard library, no input, and the name `candidate`.
            entry_point: The function of `code` that a `check(candidate)` in the tests gets; empty where there is none.
            tests: Plain asserts that call the code by name, or a function `check(candidate)`, or both. Names that
                nobody defines are looked up in the code, classes included, except those of the standard library.
                Arguments and results are copies of plain values; other objects stay in the code's process.
            prelude: Trusted code the tests rely on, such as the helpers of a prompt.
            limits: For the code and for the tests, each.
        """
        limits = limits or Limits()
        verdict = judge(Task(code, entry_point, tests, prelude), limits, self.problem is None)
        if self.problem is None:
            return verdict
        return verdict._replace(reason="; ".join(filter(None, (verdict.reason, self.note))))


@cache
def isolation_problem() -> str | None:
    """Return why programs cannot be isolated here, None where they can; found out by doing it once."""
    if sys.platform != "linux":
        return f"it takes Linux namespaces, and this is {platform.system()}"
    numbers = re.match(r"(\d+)\.(\d+)", platform.release())
    if numbers is None or (int(numbers[1]), int(numbers[2])) < _OLDEST_KERNEL:
        return f"it takes Linux {_OLDEST_KERNEL[0]}.{_OLDEST_KERNEL[1]} or newer, and this is {platform.release()}"
    result = _run([PYTHON, "-S", "-c", "print(1)"], {}, b"", Limits(seconds=30.0), isolate=True)
    if result.problem is not None:
        return result.problem
    if result.stdout != b"1\n":
        words = result.stderr.decode(errors="replace").strip().splitlines()
        return f"Python ({PYTHON}) {result.ending} inside{': ' + words[-1] if words else ''}"
    return None


def _run(argv: Sequence[str], files: Mapping[str, str], stdin: bytes, limits: Limits, isolate: bool) -> RunResult:
    deadline = time.monotonic() + limits.seconds
    jail = Jail(argv, limits, files=files, stdin=stdin, isolate=isolate)
    try:
        watch([jail], jail, deadline)
    finally:
        result = jail.close()
    hint = _HINTS.get(result.problem_number or 0)
    if result.problem is None or hint is None:
        return result
    return result._replace(problem=f"{result.problem}; {hint}")
