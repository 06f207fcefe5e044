"""Unified diffs: whether an answer is one, and whether it turns given files into the expected ones.

The first fenced block that says `diff` or `patch` is taken, else the first fenced block, else the whole answer.
unidiff is the judge of form, `git apply` of application (see `diff_apply`). Because hunks that a model cut short can
apply and be wrong, the result is compared with what is expected, file by file; without `expected`, it is not.
"""

from __future__ import annotations

import re
import shutil
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from probes.evaluation.scorers.answer_form import AnswerForm
from probes.evaluation.scorers.component import MAX_SCORED_CHARACTERS, AnswerComponent, Component
from probes.evaluation.scorers.diff_apply import apply_diff, path_problem
from probes.evaluation.scorers.excerpt import CAUSE_CHARACTERS, excerpt
from probes.evaluation.scorers.exchange import Exchange, Mark

if TYPE_CHECKING:
    from unidiff.patch import PatchedFile

_FENCE = re.compile(r"^```[ \t]*([\w-]*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


class DiffParses(AnswerComponent):
    """1 when the answer is a unified diff that changes something, as unidiff reads it."""

    kind: Literal["diff_parses"]

    @property
    def expects(self) -> AnswerForm | None:
        """A diff."""
        return AnswerForm("a unified diff", (), _way)

    def look(self, answer: str) -> Mark:
        """Return 0 or 1, with what is wrong."""
        problem = diff_problem(diff_in(answer))
        return Mark(float(not problem), _cause(problem))


class DiffApplies(Component):
    """1 when the answer's diff applies to `files` and leaves what is `expected`."""

    kind: Literal["diff_applies"]
    files: dict[str, str]
    """Path → content before; empty where the diff only adds files."""
    expected: dict[str, str | None] | None = None
    """Path → content after, null where the file must be gone; files not named must stay as they were, and no other may
    be there. Not given: the diff must apply and change something."""

    @model_validator(mode="after")
    def _paths_stay_inside(self) -> Self:
        for path in (*self.files, *(self.expected or {})):
            if problem := path_problem(path):
                raise ValueError(f"the path {path!r} {problem}; name files relative to one folder")
        folders = {str(folder) for path in self.files for folder in PurePosixPath(path).parents}
        if clash := sorted(folders & self.files.keys()):
            raise ValueError(f"the path {clash[0]!r} is a file and the folder of another")
        return self

    @property
    def is_costly(self) -> bool:
        """A mark starts git."""
        return True

    @property
    def expects(self) -> AnswerForm | None:
        """A diff."""
        return AnswerForm("a unified diff", (), _way)

    def mark(self, exchange: Exchange) -> Mark:
        """Return 0 or 1, or no value where git is missing or hangs."""
        git = shutil.which("git")
        if git is None:
            return Mark(None, "git is not installed: install it, or drop `diff_applies` from the item's scorer")
        diff = diff_in(exchange.text[:MAX_SCORED_CHARACTERS])
        try:
            applied = apply_diff(git, diff, self.files)
        except TimeoutError as error:
            return Mark(None, str(error))
        problem = applied.problem or self._difference(applied.files)
        return Mark(float(not problem), _cause(problem))

    def _difference(self, after: dict[str, str]) -> str:
        if self.expected is None:
            return "" if after != self.files else "the diff applies and changes nothing"
        wanted = {path: text for path, text in {**self.files, **self.expected}.items() if text is not None}
        for path in sorted(wanted.keys() | after.keys()):
            if path not in after:
                return f"applied, `{path}` is missing"
            if path not in wanted:
                return f"applied, `{path}` should not be there"
            if wanted[path] != after[path]:
                return (
                    f"applied, `{path}` differs from what is expected in {_first_difference(wanted[path], after[path])}"
                )
        return ""


def diff_in(answer: str) -> str:
    """Return the part of an answer that should be a diff, its last line ended."""
    fences = [(language.lower(), body) for language, body in _FENCE.findall(answer)]
    marked = [body for language, body in fences if language in ("diff", "patch")]
    # Not `fences.extract`, which ends lines as Python does: a diff's carriage returns belong to its lines.
    text = marked[0] if marked else fences[0][1] if fences else answer
    return text if text.endswith("\n") or not text else text + "\n"


def diff_problem(diff: str) -> str:
    """Return why `diff` is no unified diff, empty when it is one."""
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        files = PatchSet.from_string(diff)
    except (UnidiffParseError, ValueError) as error:
        return f"not a valid diff: {error}"
    except (UnboundLocalError, TypeError):  # unidiff 1.0 trips over headers that lack their other half
        return "not a valid diff: a file header lacks its other half"
    if not files:
        return "not a diff: it names no file"
    return "" if any(map(_changes_something, files)) else "not a diff: it changes nothing"


def _changes_something(file: PatchedFile) -> bool:
    return (
        len(file) > 0
        or file.is_binary_file
        or file.is_added_file
        or file.is_removed_file
        or file.is_rename
        or file.source_mode != file.target_mode
    )


def _first_difference(wanted: str, found: str) -> str:
    pairs = zip_longest(wanted.split("\n"), found.split("\n"))
    return next((f"line {number}" for number, (one, other) in enumerate(pairs, 1) if one != other), "its end")


def _way(text: str) -> str:
    if diff_problem(diff_in(text)):
        return ""
    return "a fenced diff" if _FENCE.search(text) else "a bare diff"


def _cause(reason: str) -> str:
    return excerpt(reason, width=CAUSE_CHARACTERS)
