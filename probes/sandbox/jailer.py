"""The jailer: a small process between nightlab and one sandboxed program.

    nightlab ── jailer ── init (process 1 of its own namespaces) ── program ── whatever the program starts

The jailer enters new namespaces, init builds the file system, and the program starts without privileges, with limits,
in a clean environment, and with no open file but those named. When the program ends, init ends, and the kernel kills
all that is left in the namespace, sessions and groups notwithstanding; the same happens when the jailer is told to
stop, and when nightlab dies. Without isolation the jailer adopts what the program leaves behind and kills it.

Inside, everybody is user 65534, outside as well where nightlab runs as root: the kernel exempts root from the limit on
processes. Runs before site packages exist: standard library only. Not imported by nightlab but for `Order`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypedDict

from probes.sandbox import system_calls as system
from probes.sandbox.root import CODE, HOME, WORK, enter_root, write_files

NOBODY = 65534
NOT_STARTED = 125


class Order(TypedDict):
    """What the jailer is asked to do."""

    isolate: bool
    argv: list[str]
    files: dict[str, str]
    """Put into the working folder."""
    code: dict[str, str]
    """Put beside the working folder, in `../code`."""
    folder: str
    """Without isolation: an empty folder for all of it."""
    visible: list[str]
    """With isolation: what of the host is shown, read-only."""
    keep: list[int]
    """Open files that the program inherits, beside the standard three."""
    environment: dict[str, str]
    limits: dict[str, float]


def main(order_file: int, reports: int, parent: int) -> None:
    """Carry out the order in `order_file`; say on `reports`, as JSON lines, what became of it."""
    with os.fdopen(order_file, "rb") as file:
        order: Order = json.load(file)
    os.umask(0o022)
    # A request to stop waits until there is somebody to stop. The default for SIGINT, which Python changes, is what
    # keeps process 1 out of the program's reach.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Opened now: where init builds its file system, the jailer looks on, and names lead nowhere for a while.
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        if sys.platform == "linux":
            system.die_with_parent(signal.SIGKILL)
            if os.getppid() != parent:  # it died in between
                return
        if order["isolate"]:
            _run_isolated(order, reports, nothing)
        else:
            _run_adopted(order, reports, nothing)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        _report(reports, problem=f"{error.strerror}{place}", errno=error.errno)


def _run_isolated(order: Order, reports: int, nothing: int) -> None:
    as_root = os.geteuid() == 0
    _enter_namespaces(as_root)
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        _run_init(order, reports, nothing, alive, as_root)
    _stop_on_request(child)
    os.close(alive)
    _quiet(nothing)
    os.waitpid(child, 0)


def _enter_namespaces(as_root: bool) -> None:
    """Enter new namespaces in which init is root over them, or the user itself, and nobody else is anybody."""
    user, group = os.geteuid(), os.getegid()
    asked, ask = os.pipe()
    helper = os.fork() if as_root else -1
    if helper == 0:
        # Only a process outside may map more than itself: init as root, the program as nobody.
        os.close(ask)
        os._exit(_map_for_root(os.getppid()) if os.read(asked, 1) else 1)
    system.unshare(system.NEW_NAMESPACES)
    if as_root:
        os.write(ask, b"1")
        if os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1]) != 0:
            raise PermissionError(1, "user ids cannot be mapped", "/proc/self/uid_map")
    else:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    os.close(asked)
    os.close(ask)


def _map_for_root(pid: int) -> int:
    try:
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(f"0 0 1\n{NOBODY} {NOBODY} 1")
    except OSError:
        return 1
    return 0


def _run_init(order: Order, reports: int, nothing: int, alive: int, as_root: bool) -> NoReturn:
    """Be process 1: build the file system, start the program, reap, and end with it."""
    try:
        system.die_with_parent(signal.SIGKILL)
        if select.select([alive], [], [], 0)[0]:  # the jailer died in between
            os._exit(NOT_STARTED)
        limits = order["limits"]
        enter_root(order["visible"], int(limits["disk_mib"]), int(limits["files"]))
        owner = NOBODY if as_root else None
        write_files(CODE, order["code"], None)
        write_files(WORK, order["files"], owner)
        write_files(HOME, {}, owner)
        # Where nightlab is no root, jailer and init are the same user and count.
        child = _start(order, reports, WORK, HOME, processes=int(limits["processes"]) + (0 if as_root else 2))
        _quiet(nothing)
        _report_end(reports, child)
    except OSError as error:
        place = f" ({error.filename or error.filename2})" if error.filename or error.filename2 else ""
        _report(reports, problem=f"{error.strerror}{place}", errno=error.errno)
    os._exit(0)


def _run_adopted(order: Order, reports: int, nothing: int) -> None:
    if sys.platform == "linux":
        system.adopt_orphans()
    folder = Path(order["folder"])
    write_files(str(folder / "code"), order["code"], None)
    write_files(str(folder / "work"), order["files"], None)
    write_files(str(folder / "home"), {}, None)
    child = _start(order, reports, str(folder / "work"), str(folder / "home"), processes=None)
    _stop_on_request(child)
    _quiet(nothing)
    _report_end(reports, child)
    _kill_adopted()


def _start(order: Order, reports: int, work: str, home: str, processes: int | None) -> int:
    """Start the program in a child; return its id."""
    _report(reports, started=True)
    child = os.fork()
    if child != 0:
        return child
    try:
        os.setsid()
        os.chdir(work)
        _close_all_but({0, 1, 2, reports, *order["keep"]})
        os.set_inheritable(reports, False)
        _set_limits(order["limits"], processes)
        if order["isolate"]:
            _drop_privileges()
        elif sys.platform == "linux":
            system.forbid_new_privileges()
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        environment = {**order["environment"], "HOME": home, "TMPDIR": str(Path(work).parent)}
        os.execve(order["argv"][0], order["argv"], environment)
    except (OSError, ValueError) as error:
        _report(reports, problem=f"the program cannot be started: {error}")
    os._exit(NOT_STARTED)


def _set_limits(limits: dict[str, float], processes: int | None) -> None:
    mib = 1 << 20
    bounds = {
        resource.RLIMIT_AS: (int(limits["memory_mib"]) * mib,) * 2,
        resource.RLIMIT_CPU: (int(limits["cpu_seconds"]), int(limits["cpu_seconds"]) + 1),
        resource.RLIMIT_FSIZE: (int(limits["file_mib"]) * mib,) * 2,
        resource.RLIMIT_NOFILE: (256, 256),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
    }
    if processes is not None:
        bounds[resource.RLIMIT_NPROC] = (processes, processes)
    for kind, (soft, hard) in bounds.items():
        most = resource.getrlimit(kind)[1]
        allowed = hard if most == resource.RLIM_INFINITY else min(hard, most)
        resource.setrlimit(kind, (min(soft, allowed), allowed))


def _drop_privileges() -> None:
    system.drop_capability_bounds()
    if os.geteuid() != NOBODY:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    system.drop_capabilities()
    system.forbid_new_privileges()


def _close_all_but(keep: set[int]) -> None:
    for number in sorted(keep):
        os.set_inheritable(number, True)
    start = 0
    for number in [*sorted(keep), os.sysconf("SC_OPEN_MAX")]:
        if start < number:  # an empty range at 0 would close everything
            os.closerange(start, number)
        start = number + 1


def _report_end(reports: int, child: int) -> None:
    while True:
        pid, status, usage = os.wait3(0)
        if pid == child:
            break
    code = os.waitstatus_to_exitcode(status)
    ended = {"exit_code": code} if code >= 0 else {"signal": -code}
    _report(reports, cpu_s=usage.ru_utime + usage.ru_stime, **ended)


def _kill_adopted() -> None:
    """Kill everything the program left behind, until there is nothing to reap."""
    while True:
        for child in _children():
            os.kill(child, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(word) for word in listed.read_text().split()] if listed.exists() else []


def _stop_on_request(child: int) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _quiet(nothing: int) -> None:
    """Let go of the program's standard streams, so that they end when it does."""
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _report(reports: int, **what: Any) -> None:
    os.write(reports, json.dumps(what).encode() + b"\n")
