import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sandboxes import needs_isolation

from probes.errors import LaunchError
from probes.sandbox.limits import Limits, RunResult
from probes.sandbox.sandbox import Sandbox
from runner.bench.conformance.hostile import marked_processes

SMALL = Limits(seconds=10.0, cpu_seconds=5, memory_mib=128, processes=8, output_kib=16, file_mib=1, disk_mib=4)
ROOT = Path(__file__).parents[3]


def run(code: str, limits: Limits = SMALL, **more: Any) -> RunResult:
    sandbox = Sandbox()
    return sandbox.run([sandbox.python, "-S", "-c", code], limits=limits, **more)


def printed(code: str, **more: Any) -> str:
    result = run(code, **more)
    assert result.exit_code == 0, (result.ending, result.stderr)
    return result.stdout.decode().strip()


@needs_isolation
def test_a_program_gets_its_files_its_input_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    code = "import os, sys; print(sorted(os.listdir('.')), sys.stdin.read(), 'SOME_API_KEY' in os.environ)"
    assert printed(code, files={"a.txt": "x", "b/c.txt": "y"}, stdin=b"hello") == "['a.txt', 'b'] hello False"
    assert printed("import os; print(os.listdir(os.path.expanduser('~')))") == "[]"
    assert printed("import os; print(os.path.exists('/proc/self'), os.path.exists('/sys/kernel'))") == "False False"


@needs_isolation
def test_the_host_cannot_be_seen_or_written(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("x")
    code = f"""
import os
print(os.path.exists({str(tmp_path)!r}), os.path.exists({str(ROOT / "probes")!r}), os.path.exists("/etc/passwd"))
for place in ("/", "/usr/lib", "/dev", os.path.dirname(os.__file__)):
    try: open(os.path.join(place, "new"), "w"); print("wrote to", place)
    except OSError: pass
"""
    assert printed(code) == "False False False"


@needs_isolation
def test_open_files_of_ours_are_closed_inside(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        code = """
import os
def is_open(number):
    try: return bool(os.fstat(number))
    except OSError: return False
print([number for number in range(256) if is_open(number)])
"""
        assert printed(code) == "[0, 1, 2]"


@needs_isolation
def test_there_is_no_network_not_even_our_own() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        with socket.create_connection(address, timeout=2):
            listener.accept()[0].close()
        listener.setblocking(False)
        code = f"import socket\ntry: socket.create_connection({address!r}, 2)\nexcept OSError as error: print(error)"
        assert "unreachable" in printed(code)
        with pytest.raises(BlockingIOError):
            listener.accept()


@needs_isolation
def test_nobody_inside_has_or_gains_privileges() -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None)
print(os.getuid(), os.getgid(), libc.prctl(39, 0, 0, 0, 0))
print(libc.unshare(0x10000000), libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
"""
    assert printed(code) == "65534 65534 1\n-1 -1"


@needs_isolation
def test_wall_time_is_limited() -> None:
    started = time.monotonic()
    result = run("import time; print('on', flush=True); time.sleep(60)", SMALL.model_copy(update={"seconds": 1.0}))
    assert (result.stopped, result.exit_code, result.stdout) == ("time", None, b"on\n")
    assert time.monotonic() - started < 8


@needs_isolation
def test_cpu_time_is_limited() -> None:
    result = run("while True: pass", SMALL.model_copy(update={"cpu_seconds": 1, "seconds": 60.0}))
    assert result.stopped == "cpu"
    assert "CPU" in result.ending


@needs_isolation
def test_memory_of_one_process_and_of_all_is_limited() -> None:
    assert b"MemoryError" in run("x = bytearray(200 << 20)").stderr
    held = "import os, time\nfor _ in range(4):\n  if os.fork() == 0: x = b'x' * (60 << 20); time.sleep(20)"
    assert run(held + "\ntime.sleep(20)").stopped == "memory"


@needs_isolation
def test_processes_and_threads_are_limited_also_where_we_are_root() -> None:
    code = """
import os, time
made = 1
for _ in range(40):
    try: child = os.fork()
    except OSError: break
    if child == 0: time.sleep(20)
    made += 1
print(made)
"""
    assert printed(code) == "8"
    threads = """
import threading, time
threading.stack_size(1 << 18)
for made in range(1, 40):
    try: threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
    except RuntimeError: break
print(made)
"""
    assert printed(threads) == "8"


@needs_isolation
def test_output_is_cut_while_it_is_read() -> None:
    result = run("import os\nwhile True: os.write(2, b'x' * 65536)")
    assert (result.stopped, len(result.stderr), result.stdout) == ("output", 16 * 1024, b"")


@needs_isolation
def test_file_sizes_and_numbers_are_limited() -> None:
    assert run("open('a', 'wb').write(b'x' * (3 << 20))").exit_code != 0
    total = (
        "n = 0\ntry:\n  for n in range(99): open(str(n), 'wb').write(b'x' * (1 << 20))\nexcept OSError: print(n < 5)"
    )
    assert printed(total) == "True"
    number = "n = 0\ntry:\n  for n in range(9999): open(str(n), 'wb').close()\nexcept OSError: print(n < 512)"
    assert printed(number) == "True"


ORPHAN = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(60)
    os._exit(0)
os.wait()
print("done", flush=True)
"""


@pytest.mark.parametrize("isolated", [pytest.param(True, marks=needs_isolation), False])
def test_orphans_hold_nothing_up_and_are_killed(isolated: bool) -> None:
    marker = secrets.token_hex(8)
    sandbox = Sandbox() if isolated else _unisolated()
    started = time.monotonic()
    result = sandbox.run([sandbox.python, "-S", "-c", ORPHAN, marker], limits=SMALL)
    assert (result.exit_code, result.stdout) == (0, b"done\n")
    assert time.monotonic() - started < 8
    assert marked_processes(marker) == []


@needs_isolation
def test_when_we_are_killed_everything_inside_dies() -> None:
    marker = secrets.token_hex(8)
    code = (
        "from probes.sandbox.sandbox import Sandbox\n"
        "from probes.sandbox.limits import Limits\n"
        f"Sandbox().run([Sandbox.python, '-S', '-c', 'import time; time.sleep(60)', {marker!r}],"
        " limits=Limits(seconds=60))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    assert _eventually(lambda: len(marked_processes(marker)) == 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _eventually(lambda: not marked_processes(marker))


@needs_isolation
def test_threads_run_programs_side_by_side_and_none_gets_anothers_output() -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda number: run(f"print({number})").stdout, range(12)))
    assert results == [b"%d\n" % number for number in range(12)]


@needs_isolation
def test_a_program_that_cannot_be_started_is_a_problem_and_not_an_exit_code() -> None:
    result = Sandbox().run(["/no/such/program"], limits=SMALL)
    assert result.exit_code is None
    assert "No such file" in str(result.problem)


def test_without_isolation_limits_and_a_clean_environment_remain_and_the_result_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    sandbox = _unisolated()
    code = "import os; print(sorted(os.listdir('.')), 'SOME_API_KEY' in os.environ, os.getcwd())"
    result = sandbox.run([sandbox.python, "-c", code], {"a.txt": "x"}, limits=SMALL)
    words = result.stdout.decode().split()
    assert words[:2] == ["['a.txt']", "False"]
    assert not Path(words[2]).exists()
    assert result.note == "ran without isolation: made up"
    assert sandbox.run([sandbox.python, "-c", "while True: print(1)"], limits=SMALL).stopped == "output"
    verdict = sandbox.run_python_tests("def f(x): return x", "f", "assert f(1) == 1")
    assert (verdict.passed, verdict.reason) == (True, "ran without isolation: made up")


def test_where_isolation_is_impossible_the_sandbox_refuses_and_names_the_cure() -> None:
    with pytest.raises(LaunchError, match=r"made up; .*unisolated_code = true"):
        _unisolated(allow=False)


@needs_isolation
@pytest.mark.skipif(os.geteuid() != 0, reason="we are no root: every other test here shows it")
def test_a_user_without_privileges_is_isolated_as_root_is() -> None:
    python = next(filter(_runs_as_nobody, (sys.executable, "/usr/bin/python3")), None)
    if python is None:
        pytest.skip("no Python here with our libraries that another user may run")
    code = (
        "from probes.sandbox.sandbox import *\n"
        "print(isolation_problem(), Sandbox().run_python_tests('def f(x): return x', 'f', 'assert f(1) == 1').passed)\n"
        "fork = 'import os, time\\nfor made in range(40):\\n  if os.fork() == 0: time.sleep(20)'\n"
        "print(Sandbox().run([PYTHON, '-S', '-c', fork], limits=Limits(processes=8)).stderr.decode()[-80:])"
    )
    ran = subprocess.run(_as_nobody(python, code), capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.startswith("None True\n"), ran.stderr
    assert "BlockingIOError" in ran.stdout


def _runs_as_nobody(python: str) -> bool:
    return subprocess.run(_as_nobody(python, "import pydantic, psutil, probes"), capture_output=True).returncode == 0


def _as_nobody(python: str, code: str) -> list[str]:
    import pydantic

    path = f"PYTHONPATH={ROOT}:{Path(pydantic.__file__).parents[1]}"
    start = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    return [*start, "env", "-i", path, "PYTHONDONTWRITEBYTECODE=1", python, "-c", code]


def _unisolated(allow: bool = True) -> Sandbox:
    return Sandbox(allow_unisolated=allow, find_problem=lambda: "made up")


def _eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False
