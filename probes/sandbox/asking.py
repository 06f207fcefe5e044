"""The process of the tests: runs them, asking the process of the code under test for every call.

The verdict goes out on a pipe that the code's process does not have. Arguments are sent as copies, so a change made to
them in place is not seen here. Runs inside the sandbox: standard library only.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import os
import random
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from probes.sandbox.plain import NotPlainError, decode, encode

MAX_REPLY_BYTES = 4 << 20
_TESTS = "<tests>"
_NOT_RAISED_HERE = (StopIteration, StopAsyncIteration)
"""Raised by a call, these would quietly end a loop of the tests."""


class CandidateError(Exception):
    """The code raised something that has no name here."""


class CandidateGone(Exception):
    """The code's process ended or sent no answer."""


class BrokenTests(BaseException):
    """The tests cannot judge any code. Beyond the reach of their own `except Exception`."""


class Reference:
    """An object of the code's process. Equal to itself only; its attributes are looked up there."""

    def __init__(self, channel: Channel, number: int) -> None:
        vars(self).update(_channel=channel, _number=number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._channel.ask(do="getattr", target=self._number, name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._channel.ask(do="setattr", target=self._number, name=name, value=self._channel.encoded(value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        channel: Channel = self._channel
        channel.calls += 1
        return channel.ask(
            do="call", target=self._number, args=channel.encoded(list(args)), kwargs=channel.encoded(kwargs)
        )


class Channel:
    """Requests to the code's process, and its replies."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests, self._replies, self._number = requests, replies, 0
        self.calls = 0
        self.gone = False
        self.broken = ""

    def ask(self, **request: Any) -> Any:
        """Return the value of the reply, or raise what it says was raised."""
        self._number += 1
        try:
            self._requests.write(json.dumps({"id": self._number, **request}).encode() + b"\n")
            line = self._replies.readline(MAX_REPLY_BYTES)
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            self.gone = True
            raise CandidateGone("sent no answer" if len(line) < MAX_REPLY_BYTES else "sent an answer of over 4 MiB")
        return self._value(line)

    def encoded(self, value: Any) -> Any:
        """Return `value` as the code's process reads it."""
        try:
            return encode(value, self._refer)
        except NotPlainError as error:
            self.broken = f"the tests pass {error}, which cannot be sent to the code"
            raise BrokenTests from None

    def _refer(self, value: Any) -> int | None:
        return vars(value)["_number"] if type(value) is Reference else None

    def _value(self, line: bytes) -> Any:
        try:
            reply: Any = json.loads(line)
            if reply["id"] != self._number:
                raise NotPlainError("no answer to what was asked")
            if "raised" not in reply:
                return decode(reply["value"], lambda number: Reference(self, number))
            name, message = str(reply["raised"][0]), str(reply["raised"][1])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise CandidateError(f"sent no valid answer ({type(error).__name__})") from None
        raise _as_error(name, message)


def main(requests: int, replies: int) -> None:
    """Run the tests of `tests.json` and write the verdict to standard output, which nothing else gets."""
    sys.set_int_max_str_digits(0)
    verdicts = os.dup(1)
    os.dup2(2, 1)
    task = json.loads(Path("tests.json").read_text(encoding="utf-8"))
    with os.fdopen(requests, "wb", buffering=0) as asked, os.fdopen(replies, "rb") as said:
        channel = Channel(asked, said)
        passed, reason = _judge(channel, task["tests"], task["entry_point"], task["prelude"])
    verdict = {"passed": passed, "reason": reason, "gone": channel.gone}
    os.write(verdicts, json.dumps(verdict).encode())


def _judge(channel: Channel, tests: str, entry_point: str, prelude: str) -> tuple[bool | None, str]:
    namespace: dict[str, Any] = {"__name__": "tests"}
    try:
        tree = ast.parse(tests, _TESTS)
        program = compile(tree, _TESTS, "exec")
        exec(compile(prelude, "<prelude>", "exec"), namespace)
    except Exception as error:
        return None, f"the tests are broken: {_words(error)}"
    try:
        channel.ask(do="load")
    except Exception as error:
        return False, f"the code cannot be loaded: {_words(error)}"
    try:
        _bind(channel, namespace, tree, entry_point)
        random.seed(0)
        exec(program, namespace)
        if callable(namespace.get("check")):
            namespace["check"](namespace[entry_point])
    except BaseException as error:  # whatever ends the tests, they did not pass
        return (None, channel.broken) if channel.broken else (False, _failure(error, tests))
    if channel.broken:
        return None, channel.broken
    if channel.gone:
        return False, "the code's process ended during a call"
    return (True, "") if channel.calls else (None, "the tests never call the code")


def _bind(channel: Channel, namespace: dict[str, Any], tree: ast.Module, entry_point: str) -> None:
    """Give the tests what they name and nobody else defines: the code's own functions and classes."""
    for name in sorted(_free_names(tree) - set(namespace) - set(dir(builtins)) - {entry_point}):
        if name in sys.stdlib_module_names:
            # Never the code's: a forged `math` would agree to anything.
            namespace[name] = importlib.import_module(name)
            continue
        try:
            namespace[name] = channel.ask(do="get", name=name)
        except KeyError:
            continue
    if entry_point:
        try:
            namespace[entry_point] = channel.ask(do="get", name=entry_point)
        except KeyError:
            raise NameError(f"the code does not define `{entry_point}`") from None


def _free_names(tree: ast.Module) -> set[str]:
    used: set[str] = set()
    made: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            made.add(node.name)
    return used - made


def _as_error(name: str, message: str) -> Exception:
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind not in _NOT_RAISED_HERE:
        try:
            return kind(message)
        except TypeError:
            pass
    return CandidateError(f"{name}: {message}")


def _failure(error: BaseException, tests: str) -> str:
    lines = tests.splitlines()
    places = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _TESTS]
    where = lines[places[-1] - 1].strip() if places and places[-1] and places[-1] <= len(lines) else ""
    if isinstance(error, AssertionError):
        return f"failed: {where or error}"
    return f"{_words(error)}; at: {where}" if where else _words(error)


def _words(error: BaseException) -> str:
    text = str(error) if isinstance(error, CandidateError | NameError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]
