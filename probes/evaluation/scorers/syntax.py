"""Whether code in an answer is well formed. Nothing is ever run; whether it works is another metric (`python_tests`).

Prose is good Bash as often as not ("hello there" calls `hello`), so a Bash item should ask for `where = "block"`. For
Bash, tree-sitter takes a stray `fi`, `done` or `}` for a command; all three grammars check form and no names or types.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Literal

from probes.evaluation.scorers.answer_form import AnswerForm
from probes.evaluation.scorers.component import AnswerComponent
from probes.evaluation.scorers.excerpt import excerpt
from probes.evaluation.scorers.exchange import Mark
from probes.evaluation.scorers.fences import Where, extract, fenced_blocks

if TYPE_CHECKING:
    from tree_sitter import Language, Node

_LABELS = {
    "python": ("python", "python3", "py", "py3"),
    "typescript": ("typescript", "ts"),
    "tsx": ("tsx", "typescriptreact"),
    "bash": ("bash", "sh", "shell"),
}
_FILE = "<nightlab answer>"
_COMPILER = Lock()
_QUIET = ("ignore", None, Warning, re.compile(re.escape(_FILE)), 0)


class PythonSyntax(AnswerComponent):
    """1 when this Python compiles the code; what its compiler refuses for size or depth gets 0 as well."""

    kind: Literal["python_syntax"]
    where: Where = "either"
    """Where the code stands: the whole `answer`, a fenced `block`, or `either`, the block if there is one."""

    @property
    def expects(self) -> AnswerForm | None:
        """Python, where the answer should hold it."""
        return code_form("python", self.where)

    def look(self, answer: str) -> Mark:
        """Return 0 or 1, with the compiler's first complaint."""
        code = extract(answer, self.where, _LABELS["python"])
        if code is None:
            return Mark(0.0, "has no fenced block")
        complaint = python_complaint(code) if code.strip() else "there is no code"
        return Mark(0.0, complaint) if complaint else Mark(1.0)


class Syntax(AnswerComponent):
    """1 when tree-sitter reads the code without an error and without adding anything that is missing."""

    kind: Literal["syntax"]
    language: Literal["typescript", "tsx", "bash"]
    """What the code is written in."""
    where: Where = "either"
    """Where the code stands: the whole `answer`, a fenced `block`, or `either`, the block if there is one."""

    @property
    def expects(self) -> AnswerForm | None:
        """Code in the language, where the answer should hold it."""
        return code_form(self.language, self.where)

    def look(self, answer: str) -> Mark:
        """Return 0 or 1, with the place of the first error."""
        code = extract(answer, self.where, _LABELS[self.language])
        if code is None:
            return Mark(0.0, "has no fenced block")
        complaint = tree_complaint(code, self.language) if code.strip() else "there is no code"
        return Mark(0.0, complaint) if complaint else Mark(1.0)


def python_complaint(code: str) -> str:
    """Return what the compiler has against `code`, empty for nothing. The code is compiled and thrown away."""
    try:
        with _COMPILER:
            _quieten()
            compile(code, _FILE, "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno}: {excerpt(error.msg)}, at '{excerpt(error.text or '')}'"
    except (RecursionError, MemoryError):
        return "is nested too deeply for Python's compiler"
    except (ValueError, OverflowError) as error:
        return excerpt(str(error), width=120)
    return ""


def tree_complaint(code: str, language: str) -> str:
    """Return where tree-sitter finds the first error in `code`, empty for none."""
    from tree_sitter import Parser

    root = Parser(_grammar(language)).parse(code.encode("utf-8", "replace")).root_node
    if not root.has_error:
        return ""
    fault = _first_fault(root)
    line = fault.start_point[0] + 1
    if fault.is_missing:
        return f"line {line}: '{fault.type}' is missing"
    return f"line {line}: cannot be read, at '{excerpt((fault.text or b'').decode('utf-8', 'replace'))}'"


def _quieten() -> None:
    """Keep warnings about answers, say of odd escapes, from being shown, or from counting as syntax errors.

    `catch_warnings` would do it for all threads at once; a filter for this one file name disturbs nobody.
    """
    if not warnings.filters or warnings.filters[0] != _QUIET:
        warnings.filterwarnings("ignore", module=re.escape(_FILE))


@cache
def _grammar(language: str) -> Language:
    from tree_sitter import Language

    if language == "bash":
        import tree_sitter_bash

        return Language(tree_sitter_bash.language())
    import tree_sitter_typescript as grammars

    return Language(grammars.language_tsx() if language == "tsx" else grammars.language_typescript())


def _first_fault(node: Node) -> Node:
    """Return the first node, going down, that is an error or missing."""
    while not (node.is_error or node.is_missing):
        child = next((child for child in node.children if child.has_error), None)
        if child is None:
            break
        node = child
    return node


def python_statements(code: str) -> list[ast.stmt]:
    """Return the statements of Python code, never run; none when it cannot be compiled."""
    if python_complaint(code):
        return []
    try:
        with _COMPILER:
            _quieten()
            return ast.parse(code, _FILE).body
    except (RecursionError, MemoryError):
        return []


def code_way(text: str, language: str) -> str:
    """Return how a text shows code: fenced when it names the language or nothing else, bare when it reads as code.

    Bare Bash cannot be told from prose, and is never found; a single word is no code either.
    """
    labels = (*_LABELS[language], "")
    if any(block.language in labels and block.text.strip() for block in fenced_blocks(text)):
        return _FENCED
    if language == "bash" or not _CODE_SIGNS.search(text):
        return ""
    complaint = python_complaint(text) if language == "python" else tree_complaint(text, language)
    return "" if complaint else _BARE


def code_form(language: str, where: Where) -> AnswerForm | None:
    """Return what a component that scores code looks for; None where it could not be told from prose."""
    if language == "bash" and where != "block":
        return None
    ways = {"answer": (_BARE,), "block": (_FENCED,), "either": ()}
    return AnswerForm(_NAMES[language], ways[where], _WAYS[language])


_FENCED, _BARE = "a fenced block", "bare code"
_CODE_SIGNS = re.compile(r"[=;{(]|^import |^from ", re.MULTILINE)
_NAMES = {"python": "Python", "typescript": "TypeScript", "tsx": "TSX", "bash": "Bash"}
_WAYS = {language: partial(code_way, language=language) for language in _NAMES}
