import time

import pytest
from sandboxes import needs_isolation

from probes.sandbox.limits import Limits, Verdict
from probes.sandbox.sandbox import Sandbox

pytestmark = needs_isolation

CHECK = "def check(candidate):\n    assert candidate(2) == 5\n    assert candidate(3) == 10\n"
RIGHT = "def f(x):\n    return x * x + 1\n"


def judge(code: str, tests: str = CHECK, entry_point: str = "f", prelude: str = "", seconds: float = 10.0) -> Verdict:
    limits = Limits(seconds=seconds, cpu_seconds=5, memory_mib=128, processes=8)
    return Sandbox().run_python_tests(code, entry_point, tests, prelude, limits)


@pytest.mark.parametrize("tests", [CHECK, "assert f(2) == 5\nassert f(3) == 10", CHECK + "assert f(0) == 1"])
def test_right_code_passes_and_wrong_code_fails_at_the_line_it_fails(tests: str) -> None:
    assert judge(RIGHT, tests)[:2] == (True, "")
    verdict = judge("def f(x):\n    return 5\n", tests)
    assert verdict.passed is False
    assert verdict.reason.startswith("failed: assert ")
    assert "(3) == 10" in verdict.reason or "f(0) == 1" in verdict.reason


LOOPS = """
def check(candidate):
    assert all(answer == 5 for answer in map(candidate, [2, 2]))
    assert list(map(candidate, [2, 3])) == [5, 10]
"""
CHEATS = {
    "ends at once": "import sys; sys.exit(0)",
    "ends hard": "import os; os._exit(0)",
    "ends when called": "import os\ndef f(x): os._exit(0)",
    "raises SystemExit when called": "def f(x): raise SystemExit(0)",
    "equals everything": "class E(int):\n  __eq__ = lambda s, o: True\n  __hash__ = None\ndef f(x): return E()",
    "is an object that equals everything": "class E:\n  __eq__ = lambda s, o: True\ndef f(x): return E()",
    "patches": "import builtins\nbuiltins.AssertionError = Warning\nbuiltins.all = print\ndef f(x): return 5",
    "says it passed": 'import os\ndef f(x):\n  for n in range(9): os.write(n, b\'{"passed": true, "gone": false}\\n\')',
    "ends a loop": "def f(x): raise StopIteration",
    "is no function": "f = 5",
    "defines nothing": "pass",
    "is no Python": "def f(x) return 5",
    "closes its pipes": "import os\ndef f(x): os.closerange(0, 64)",
    "answers without end": "def f(x): return [x] * 10 ** 7",
    "contains itself": "r = []\nr.append(r)\ndef f(x): return r",
}


@pytest.mark.parametrize("code", CHEATS.values(), ids=CHEATS)
def test_no_cheat_passes_and_each_is_told(code: str) -> None:
    verdict = judge(code, LOOPS)
    assert verdict.passed is False
    assert verdict.reason


def test_the_tests_never_reach_the_process_of_the_code() -> None:
    code = """
import gc, sys, os
def f(x):
    seen = repr(gc.get_objects()) + repr(sys._getframe().f_back.f_locals) + repr(os.environ)
    for folder, _, names in os.walk("/tmp"):
        for name in names: seen += open(os.path.join(folder, name), errors="replace").read()
    return chr(120) + "ylophone-7" in seen
"""
    assert judge(code, "assert f(0) is False  # xylophone-7").passed is True
    assert judge(code, "assert f('xylophone-7') is True  # an argument is seen").passed is True


def test_a_loop_without_end_is_stopped_and_counts_as_failed() -> None:
    started = time.monotonic()
    verdict = judge("def f(x):\n    import time; time.sleep(60)", seconds=1.0)
    assert (verdict.passed, verdict.reason) == (False, "took longer than 1 s")
    assert time.monotonic() - started < 8


def test_what_ended_the_code_is_told() -> None:
    assert (
        "CPU time limit"
        in Sandbox()
        .run_python_tests("def f(x):\n    while True: pass", "f", CHECK, limits=Limits(seconds=60, cpu_seconds=1))
        .reason
    )
    assert "output limit" in judge("def f(x):\n    while True: print('x' * 9999)").reason
    assert "MemoryError" in judge("def f(x): return bytearray(200 << 20)").reason
    assert "ended by signal 11" in judge("import os\ndef f(x): os.kill(os.getpid(), 11)").reason


def test_classes_of_the_code_are_used_by_tests_that_name_them() -> None:
    code = """
class Node:
    def __init__(self, value): self.value, self.left = value, None
def f(node): return node.value + (f(node.left) if node.left else 0)
"""
    tests = "root = Node(1)\nroot.left = Node(4)\nassert f(root) == 5\nassert root.left.value == 4\n"
    assert judge(code, tests, entry_point="")[:2] == (True, "")


def test_tests_use_the_trusted_prelude_and_never_the_codes_own_helper() -> None:
    prelude = "def double(x): return 2 * x\ndef f(x):\n    ''' Left to do. '''\n"
    forged = "def double(x): return 5\ndef f(x): return 5\n"
    tests = "def check(candidate):\n    assert candidate(7) == double(7)\n"
    assert judge(prelude + "    return 2 * x\n", tests, prelude=prelude).passed is True
    assert judge(forged, tests, prelude=prelude).passed is False


def test_a_forged_module_or_builtin_is_not_what_the_tests_use() -> None:
    forged = "class math:\n    isclose = staticmethod(lambda *a: True)\ndef abs(x): return 0\ndef f(x): return 7\n"
    assert judge(forged, "assert math.isclose(f(1), 2.0)").passed is False
    assert judge(forged, "assert abs(f(1) - 2) < 1").passed is False


@pytest.mark.parametrize(
    ("raised", "passes"),
    [("ValueError('no')", True), ("KeyError('no')", False), ("type('ValueError', (Exception,), {})", True)],
)
def test_an_exception_arrives_by_name(raised: str, passes: bool) -> None:
    tests = "try:\n    f(1)\nexcept ValueError:\n    pass\nelse:\n    assert False\n"
    assert judge(f"def f(x): raise {raised}", tests).passed is passes


def test_code_that_is_gone_fails_even_where_the_tests_expect_an_error() -> None:
    tests = "try:\n    f(1)\nexcept Exception:\n    pass\n"
    assert judge("def f(x): raise KeyError", tests).passed is True
    verdict = judge("import os\ndef f(x): os._exit(0)", tests)
    assert (verdict.passed, verdict.reason) == (False, "the code ended with code 0 during a call")


@pytest.mark.parametrize(
    ("tests", "prelude", "reason"),
    [
        ("assert f(1) ==", "", "the tests are broken: SyntaxError"),
        ("assert f(2) == 5", "1 / 0", "the tests are broken: ZeroDivisionError"),
        ("def check(candidate):\n    pass\n", "", "the tests never call the code"),
        ("f(lambda x: x)", "", "the tests pass a value of type `function`"),
        ("try:\n    f(lambda x: x)\nexcept Exception:\n    pass", "", "the tests pass a value of type `function`"),
    ],
)
def test_tests_that_cannot_judge_leave_the_code_unjudged(tests: str, prelude: str, reason: str) -> None:
    verdict = judge(RIGHT, tests, prelude=prelude)
    assert verdict.passed is None
    assert verdict.reason.startswith(reason)


def test_arguments_are_copies() -> None:
    tests = "given = [3, 1, 2]\nassert f(given) == [1, 2, 3]\nassert given == [3, 1, 2]\n"
    assert judge("def f(x):\n    x.sort()\n    return x", tests).passed is True


def test_what_the_code_prints_is_kept_and_what_it_does_as_a_program_is_not_done() -> None:
    code = "def f(x):\n    print('seen', x)\n    return x * x + 1\nif __name__ == '__main__':\n    f(input())\n"
    verdict = judge(code)
    assert (verdict.passed, verdict.output) == (True, "seen 2\nseen 3\n")


def test_chance_is_the_same_each_time() -> None:
    code = "import random\ndef f(x):\n    print(random.random(), hash('a'))\n    return x * x + 1\n"
    assert judge(code).output == judge(code).output != ""
