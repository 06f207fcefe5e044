"""Programs that want out of the sandbox. Each says on standard output what it got hold of.

`{marker}` marks their processes and the secret of the tests, `{port}` is a listener on this machine's loopback, which
stands in for the outside, and `{outside}` a folder of ours that must not change.
"""

from __future__ import annotations

from collections.abc import Mapping

PROGRAMS: Mapping[str, str] = {
    "fork bomb": """
import os
while True:
    try: os.fork()
    except OSError: pass
""",
    "memory bomb": """
import os, time
for _ in range(7):
    if os.fork() == 0: break
held = []
while True:
    try: held.append(bytearray(4 << 20))
    except MemoryError: time.sleep(0.01)
""",
    "endless output": """
import os
while True: os.write(1, b"x" * 65536)
""",
    "orphan with setsid": """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except OSError: pass
        time.sleep(300)
    os._exit(0)
os.wait()
print("parent done", flush=True)
""",
    "network": """
import socket
reached = []
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {port})),
    (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", {port})),
    (socket.AF_UNIX, socket.SOCK_STREAM, "\\0{marker}"),
):
    try:
        with socket.socket(family, kind) as outside:
            outside.settimeout(1)
            outside.connect(address)
            outside.send(b"hello")
            reached.append(str(address))
    except OSError as error:
        pass
print("reached", reached)
""",
    "deleting files": """
import itertools, os
def paths(place):
    for folder, _, names in os.walk(place, topdown=False):
        yield from (os.path.join(folder, name) for name in names)
for place in ("{outside}", os.path.expanduser("~"), "/dev", "/tmp", "/"):
    for path in itertools.islice(paths(place), 2000):
        for spoil in (lambda: open(path, "w").write("gone"), lambda: os.chmod(path, 0), lambda: os.unlink(path)):
            try: spoil()
            except OSError: pass
print("sees", os.path.exists("{outside}"))
""",
    "filling the disk": """
import os
made = 0
try:
    while True:
        with open(f"/tmp/work/{{made}}", "wb") as file: file.write(b"x" * (1 << 20))
        made += 1
except OSError as error: print("stopped after", made, "MiB")
""",
    "killing everything": """
import os, signal
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
    for pid in [1, *range(3, 5000)]:
        try: os.kill(pid, number)
        except OSError: pass
try: os.kill(-1, signal.SIGKILL)
except OSError: pass
print("sent")
""",
    "reading keys": """
import os
print("found", [name for name in os.environ if "KEY" in name or "TOKEN" in name], os.listdir(os.environ["HOME"]))
""",
    "gaining privileges": """
import ctypes, os
libc = ctypes.CDLL(None)
done = []
if libc.unshare(0x10000000) == 0: done.append("user namespace")
if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: done.append("mount")
if libc.chroot(b"/tmp") == 0: done.append("chroot")
for name in ("setuid", "setgid"):
    try: getattr(os, name)(0); done.append(name)
    except OSError: pass
print("gained", done)
""",
}
"""Programs that run by themselves."""

CHEATS: Mapping[str, str] = {
    "reading the tests": """
import gc, os, sys
def secrets():
    for number in range(256):
        for read in (lambda n: os.pread(n, 1 << 16, 0), lambda n: os.fstat(n) and b""):
            try: yield number, read(number)
            except OSError: pass
    for top in ("/proc", "/tmp", "/dev/shm", "/root", "/home", "/var", "/run"):
        for folder, _, names in os.walk(top):
            for name in names:
                try: yield name, open(os.path.join(folder, name), "rb").read(1 << 20)
                except OSError: pass
    frame = sys._getframe()
    while frame is not None:
        yield "frame", repr([frame.f_locals, frame.f_globals]).encode()
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, (dict, list, tuple)):
            try: yield "object", repr(thing)[:100000].encode()
            except Exception: pass
def answer(x):
    for place, text in secrets():
        at = text.find(b"the secret is ")
        if at >= 0:
            print("found", place)
            return text[at + 14:at + 46].decode()
    return ""
""",
    "patching builtins": """
import builtins, json, operator, sys
for module in (builtins, operator):
    for name in ("all", "any", "abs", "len", "isinstance", "eq", "bool", "print", "repr", "compile", "exec"):
        setattr(module, name, lambda *args, **kwargs: True)
builtins.AssertionError = builtins.Warning
builtins.__import__ = lambda *args, **kwargs: sys
def answer(x): return True
""",
    "forging the verdict": """
import json, os
said = json.dumps({{"passed": True, "reason": "", "gone": False}}).encode()
def answer(x):
    for number in range(256):
        try: os.write(number, said + b"\\n")
        except OSError: pass
    os._exit(0)
import atexit
atexit.register(answer, 0)
""",
    "forging replies": """
import json, os
def answer(x):
    for number in range(1, 99):
        reply = json.dumps({{"id": number, "value": True, "passed": True}}).encode() + b"\\n"
        for end in range(3, 16):
            try: os.write(end, reply)
            except OSError: pass
    return True
""",
    "equal to everything": """
class Equal(str):
    def same(self, *others): return True
    __eq__ = __ne__ = __lt__ = __gt__ = __contains__ = same
    __hash__ = str.__hash__
    def __reduce__(self): return (Equal, ())
def answer(x): return Equal()
""",
    "ending the loop of the tests": """
def answer(x): raise StopIteration
""",
    "orphan of a call": """
import subprocess, sys
def answer(x):
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)", "{marker}"], start_new_session=True)
    return ""
""",
}
"""Code under test that does not know the answer."""

TESTS = """
def check(candidate):
    # the secret is {secret}
    secret = "{secret}"
    assert all(map(lambda answer: answer == secret, map(candidate, range(3))))
    answers = list(map(candidate, range(3)))
    assert len(answers) == 3 and set(answers) == {{secret}}
"""
