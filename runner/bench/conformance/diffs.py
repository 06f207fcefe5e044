"""The diffs that python-unidiff is tested with (MIT): 24 in several dialects, judged and applied.

Form: our verdict must be unidiff's own. Application: a diff's hunks say what stood at their places, so files are
rebuilt from them, with made-up lines in the gaps, and what the hunks make of those files is spliced together here; the
scorer must accept that result and refuse it with a line more. Diffs that should not apply, by the scorer's rules or
git's (links, binary patches, names outside), must be refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchedFile, PatchSet

from probes.errors import DataError
from probes.evaluation.scorers.diff import DiffApplies, DiffParses
from probes.evaluation.scorers.exchange import Exchange
from runner.bench.conformance.row import Row, name_some

FOLDER = Path("diffs") / "unidiff"
_NO_FILE = "/dev/null"


class Case(NamedTuple):
    """A diff that can be applied, and what it does."""

    name: str
    diff: str
    before: dict[str, str]
    after: dict[str, str | None]


def diff_rows(folder: Path) -> list[Row]:
    """Return the rows of form, application and refusal.

    Raises:
        DataError: there are no diffs.
    """
    started = perf_counter()
    paths = sorted((folder / FOLDER).glob("*.diff"))
    if not paths:
        raise DataError(f"{folder / FOLDER} holds no diffs; name the folder of cases with `--data`")
    diffs = {path.name: path.read_bytes().decode() for path in paths}
    judged = {name: _judge(diff) for name, diff in diffs.items()}
    wrong = [name for name, files in judged.items() if _parses(diffs[name]) != bool(files)]
    note = f"unidiff reads {sum(map(bool, judged.values()))} of them"
    rows = [_row("diffs judged", len(diffs), wrong, started, note)]
    started = perf_counter()
    rules = {name: _rule(diffs[name], files) for name, files in judged.items()}
    cases = [rebuild(name, diffs[name], files) for name, files in judged.items() if files and not rules[name]]
    wrong = [case.name for case in cases if not _is_judged_by_its_result(case)]
    rows.append(_row("diffs applied", len(cases), wrong, started, "content as spliced, and refused with a line more"))
    started = perf_counter()
    refused = {name: rule for name, rule in rules.items() if rule}
    wrong = [name for name in refused if _applies_to_its_files(rebuild(name, diffs[name], judged[name]))]
    note = ", ".join(f"{name} ({rule})" for name, rule in refused.items())
    return [*rows, _row("diffs refused", len(refused), wrong, started, note)]


def rebuild(name: str, diff: str, files: Sequence[PatchedFile]) -> Case:
    """Return the files before and after, spliced from the hunks alone; binary files that only differ stay away."""
    before: dict[str, str] = {}
    after: dict[str, str | None] = {}
    for file in files:
        if file.is_binary_file:
            continue
        old, new = _splice(file) if file else ("filler\n", "filler\n")
        if not _adds(file):
            before[_path(file.source_file)] = old
            after[_path(file.source_file)] = None
        if not _removes(file):
            after[_path(file.target_file)] = new
    return Case(name, diff, before, after)


def _splice(file: Sequence[Hunk]) -> tuple[str, str]:
    """Return a file's text before and after its hunks; gaps are filled, and the text ends with the last hunk."""
    old: list[str] = []
    new: list[str] = []
    for hunk in file:
        start = hunk.source_start if hunk.source else hunk.source_start + 1  # what takes nothing away stands after it
        gap = [f"filler {number}\n" for number in range(len(old) + 1, start)]
        old += gap
        new += gap
        last: list[list[str]] = []
        for line in hunk:
            if line.line_type == "\\":
                for side in last:
                    side[-1] = side[-1].removesuffix("\n")
                continue
            last = [side for side, kinds in ((old, " -"), (new, " +")) if line.line_type in kinds and line.line_type]
            for side in last:
                side.append(line.value)
    return "".join(old), "".join(new)


def _adds(file: PatchedFile) -> bool:
    """Return whether nothing stood there before, which not every dialect says in the header."""
    return file.source_file == _NO_FILE or (len(file) == 1 and file[0].source_start == 0)


def _removes(file: PatchedFile) -> bool:
    """Return whether the file goes; without the null file or the epoch as its time, it is only emptied."""
    return file.target_file == _NO_FILE or "1970" in (file.target_timestamp or "")


def _path(name: str) -> str:
    """Return a header's name as it is on disk."""
    if name.startswith('"'):
        name = name[1:-1].encode().decode("unicode_escape").encode("latin-1").decode()
    return name[2:] if name.startswith(("a/", "b/")) else name


def _rule(diff: str, files: Sequence[PatchedFile]) -> str:
    """Return why the scorer should refuse a diff, by its own rules or git's; empty when it should apply."""
    names = [name for file in files if not file.is_binary_file for name in (file.source_file, file.target_file)]
    moves = [(file, info) for file in files for info in file.patch_info or () if info.startswith("rename from ")]
    reasons = {
        "a link": any(file.target_mode == "120000" for file in files),
        "binary": not any(len(file) for file in files),
        "a path outside": any((name.startswith("/") or "//" in name) and name != _NO_FILE for name in names),
        "a line without its sign": "\n\r\n" in diff,
        "names that disagree": any(info.split()[-1] != _path(file.source_file) for file, info in moves),
    }
    return next((reason for reason, holds in reasons.items() if holds), "") if files else ""


def _judge(diff: str) -> list[PatchedFile]:
    """Return the files that unidiff reads; none when it refuses the diff."""
    try:
        return list(PatchSet.from_string(diff))
    except UnidiffParseError:
        return []


def _parses(diff: str) -> bool:
    return DiffParses(kind="diff_parses", weight=1.0).mark(Exchange(diff)).value == 1.0


def _applies(diff: str, files: dict[str, str], expected: dict[str, str | None] | None) -> bool:
    component = DiffApplies(kind="diff_applies", weight=1.0, files=files, expected=expected)
    return component.mark(Exchange(diff)).value == 1.0


def _applies_to_its_files(case: Case) -> bool:
    inside = {name: text for name, text in case.before.items() if not name.startswith("/")}
    return _applies(case.diff, inside, None)


def _is_judged_by_its_result(case: Case) -> bool:
    """Return whether the spliced result is accepted and one with a line more refused."""
    name, text = next(iter(case.after.items()))
    other = case.after | {name: (text or "") + "one more\n"}
    return _applies(case.diff, case.before, case.after) and not _applies(case.diff, case.before, other)


def _row(suite: str, total: int, wrong: Sequence[str], started: float, note: str) -> Row:
    """Return a row in which every case must pass."""
    said = f"{note}; wrong: {name_some(list(wrong))}" if wrong else note
    seconds = perf_counter() - started
    return Row(suite=suite, passed=total - len(wrong), total=total, required=total, seconds=seconds, note=said)
