"""Runs the code of an answer against tests, in the sandbox. All pass: 1, else 0.

HumanEval maps to `entry_point`, `tests` (its `test`) and `continues` (its `prompt`); MBPP to `tests` alone, its
`test_setup_code` first, since that uses the classes of the answer, and its `test_list` after it, one per line.
"""

from __future__ import annotations

import ast
import keyword
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from probes.evaluation.scorers.answer_form import AnswerForm
from probes.evaluation.scorers.component import MAX_SCORED_CHARACTERS, Component
from probes.evaluation.scorers.excerpt import CAUSE_CHARACTERS, excerpt
from probes.evaluation.scorers.exchange import Exchange, Mark
from probes.evaluation.scorers.fences import extract
from probes.evaluation.scorers.syntax import code_form
from probes.sandbox.limits import Limits

_LANGUAGES = ("python", "py", "python3")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class PythonTests(Component):
    """1 when the code in the answer's block, or the whole answer without one, passes the tests."""

    kind: Literal["python_tests"]
    tests: Annotated[str, Field(min_length=1)]
    """Asserts that call the answer's code by name, or a function `check(candidate)`. They import what they use."""
    entry_point: str = ""
    """The function that `check` gets."""
    continues: str = ""
    """Code that the answer continues; put before it, also where the answer writes its function anew."""
    prelude: str | None = None
    """Trusted code that runs before the tests, for what they use of it; `continues` by default."""
    timeout_s: Annotated[float, Field(gt=0.0, le=300.0)] = 10.0
    """Wall time for all the tests together."""
    memory_mib: Annotated[int, Field(ge=64, le=65_536)] = 512
    """Memory of the code, and of the tests."""

    @model_validator(mode="after")
    def _is_runnable(self) -> Self:
        if self.entry_point and (not self.entry_point.isidentifier() or keyword.iskeyword(self.entry_point)):
            raise ValueError(f"`entry_point` must be the name of a function, got {self.entry_point!r}")
        if "check" in _defined(self.tests, "tests") and not self.entry_point:
            raise ValueError("`tests` define `check(candidate)`; name the candidate in `entry_point`")
        _defined(self._helpers, "continues" if self.prelude is None else "prelude")
        return self

    @property
    def is_costly(self) -> bool:
        """Two processes for each answer."""
        return True

    @property
    def expects(self) -> AnswerForm | None:
        """Python, unless the answer continues code: a function's body alone cannot be told from prose."""
        return None if self.continues else code_form("python", "either")

    def mark(self, exchange: Exchange) -> Mark:
        """Return 1 or 0, unscored where nothing could be run."""
        sandbox = exchange.aids.sandbox if exchange.aids is not None else None
        if sandbox is None:
            return Mark(None, "no sandbox: this evaluation has none to run code in")
        code = extract(exchange.text[:MAX_SCORED_CHARACTERS], "either", _LANGUAGES)
        if code is None or not code.strip():
            return Mark(0.0, "no code in the answer")
        limits = Limits(seconds=self.timeout_s, cpu_seconds=int(self.timeout_s) + 1, memory_mib=self.memory_mib)
        verdict = sandbox.run_python_tests(self._program(code), self.entry_point, self.tests, self._helpers, limits)
        cause = excerpt(verdict.reason, width=CAUSE_CHARACTERS)
        return Mark(None if verdict.passed is None else float(verdict.passed), cause)

    @property
    def _helpers(self) -> str:
        return self.continues if self.prelude is None else self.prelude

    def _program(self, code: str) -> str:
        """Put `code` behind what it continues; on a line of its own where it defines its function anew."""
        try:
            is_whole = bool(_names(ast.parse(code)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            is_whole = False
        return f"{self.continues}\n{code}" if is_whole else self.continues + code


def _defined(source: str, field: str) -> set[str]:
    """Return the functions and classes that a suite's own code defines."""
    try:
        tree = ast.parse(source)
        compile(tree, field, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        cure = "; set `prelude` to what the tests need of it" if field == "continues" else ""
        raise ValueError(f"`{field}` is not Python: {error}{cure}") from error
    return _names(tree)


def _names(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, _FUNCTIONS)}
