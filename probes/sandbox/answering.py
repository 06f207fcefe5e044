"""The process of the code under test: loads it and answers calls, one JSON line each.

It knows neither the tests nor what they expect: it sees the arguments of calls. Whatever the code does to this process,
it can send nothing but values, which the tests compare. Runs inside the sandbox: standard library only.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from probes.sandbox.plain import NotPlainError, decode, encode

MESSAGE_CHARACTERS = 200


def main(requests: int, replies: int) -> None:
    """Answer requests until they end."""
    sys.set_int_max_str_digits(0)
    random.seed(0)
    # Not `__main__`: what the code does only when run as a program is no part of its answer.
    module = ModuleType("candidate")
    sys.modules["candidate"] = module
    answers = _Answers(module)
    with os.fdopen(requests, "rb") as asked, os.fdopen(replies, "wb", buffering=0) as said:
        for line in asked:
            said.write(json.dumps(answers.answer(json.loads(line))).encode() + b"\n")


class _Answers:
    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._objects: list[Any] = []

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            value = encode(self._do(request), self._refer)
        except NotPlainError as error:
            return {"id": request["id"], "raised": ["ValueError", f"returned {error}"]}
        except BaseException as error:  # SystemExit too ends a call, not the process that answers it
            return {"id": request["id"], "raised": [type(error).__name__, _message(error)]}
        return {"id": request["id"], "value": value}

    def _do(self, request: dict[str, Any]) -> Any:
        match request["do"]:
            case "load":
                source = Path("candidate.py").read_text(encoding="utf-8", errors="surrogatepass")
                exec(compile(source, "candidate.py", "exec"), vars(self._module))
                return None
            case "get":
                return vars(self._module)[request["name"]]
            case "getattr":
                return getattr(self._objects[request["target"]], request["name"])
            case "setattr":
                value = decode(request["value"], self._resolve)
                return setattr(self._objects[request["target"]], request["name"], value)
            case _:
                arguments = decode(request["args"], self._resolve)
                named = decode(request["kwargs"], self._resolve)
                return self._objects[request["target"]](*arguments, **named)

    def _refer(self, value: Any) -> int:
        self._objects.append(value)
        return len(self._objects) - 1

    def _resolve(self, number: int) -> Any:
        return self._objects[number]


def _message(error: BaseException) -> str:
    try:
        return str(error)[:MESSAGE_CHARACTERS]
    except Exception:
        return ""
