"""Hold what lies in a session folder against its ledger, figure by figure.

Every file that a reader opens is a function of the ledger. All of them are computed again and compared line by line;
a difference is told by its place - heading, table, row - with what the file has and what the ledger says.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from runner.report.build import rebuilt
from tracking.commands import command
from tracking.figures import show, show_count

FIGURE = re.compile(r"[+−-]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)")
_GENERATED = re.compile(r"Generated \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC from ledger\.jsonl by nightlab\.")
_TAG = re.compile(r"<[^>]*>")
_CELL_END = re.compile(r"</t[dh]>")
_LONGEST = 60
MOST_TOLD = 20
"""Mismatches that are named; the others are counted."""


class Mismatch(NamedTuple):
    """One place where a file does not say what its ledger says."""

    file: str
    line: int
    """In the file, from 1."""
    place: str
    """The figure's heading, table and row, as the ledger has them."""
    found: str
    expected: str
    """Empty: the ledger says nothing there."""

    @property
    def sentence(self) -> str:
        """What differs, where."""
        ours = f"the ledger says `{self.expected}`" if self.expected else "the ledger has nothing there"
        theirs = f"has `{self.found}`" if self.found else "has nothing"
        return f"{self.file} line {self.line}, {self.place}: the file {theirs}, {ours}"


class Verified(NamedTuple):
    """What a verification found."""

    files: tuple[str, ...]
    figures: int
    """Figures in the report that were computed again."""
    mismatches: tuple[Mismatch, ...]


def verify_report(folder: Path) -> Verified:
    """Compute everything again from the ledger and compare.

    Raises:
        LedgerError: there is no readable ledger.
    """
    files = rebuilt(folder, "")
    mismatches: list[Mismatch] = []
    for name, text in files.items():
        path = folder / name
        if not path.is_file():
            mismatches.append(Mismatch(name, 1, "the whole file", "", show_count(len(text.encode()), "byte")))
            continue
        mismatches += compare(name, path.read_bytes().decode("utf-8", "replace"), text)
    report = (_plain(line) for name in ("report.md", "report.html") for line in files[name].split("\n"))
    return Verified(tuple(files), sum(len(FIGURE.findall(line)) for line in report), tuple(mismatches))


def verified_in_words(found: Verified, folder: Path) -> str:
    """Return what a verification found, a line per mismatch, with the cure."""
    if not found.mismatches:
        return f"{', '.join(found.files)}: {show_count(found.figures, 'figure')}, all as the ledger has them"
    told = [each.sentence for each in found.mismatches[:MOST_TOLD]]
    left = len(found.mismatches) - len(told)
    more = [f"… and {show(left, 'count')} more"] if left else []
    cure = (
        f"`{command('report', folder)}` writes them anew from the ledger; somebody has edited them, or the ledger grew"
    )
    return "\n".join([*told, *more, cure])


def compare(name: str, has: str, wants: str) -> Iterator[Mismatch]:
    """Yield the lines in which a file's text is not what its ledger wants; when the report was made is left out."""
    there, ours = has.split("\n"), wants.split("\n")
    if name.startswith("report."):
        made = next((i for i, line in enumerate(there) if _GENERATED.search(line)), None)
        there = [_GENERATED.sub("", line) if i == made else line for i, line in enumerate(there)]
    if len(there) == len(ours):
        for index, (theirs, own) in enumerate(zip(there, ours, strict=True)):
            if theirs != own:
                yield _mismatch(name, index, theirs, own, ours, index)
        return
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, there, ours, autojunk=False).get_opcodes():
        for step in range(max(i2 - i1, j2 - j1)) if kind != "equal" else ():
            theirs = there[i1 + step] if i1 + step < i2 else ""
            own = ours[j1 + step] if j1 + step < j2 else ""
            yield _mismatch(name, min(i1 + step, len(there) - 1), theirs, own, ours, min(j1 + step, len(ours) - 1))


def _mismatch(name: str, line: int, has: str, wants: str, ours: Sequence[str], place: int) -> Mismatch:
    found, expected = _difference(_plain(has), _plain(wants))
    if found == expected:
        found, expected = _difference(has, wants)
    pairs = zip(_cells(has), _cells(wants), strict=False)
    column = next((i for i, (theirs, own) in enumerate(pairs) if theirs != own), 0)
    return Mismatch(name, line + 1, _place(ours, place, column), found, expected)


def _difference(has: str, wants: str) -> tuple[str, str]:
    """Return the first words that differ, with all figures of each whole."""
    theirs, ours = has.split(), wants.split()
    start = next((i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), min(len(theirs), len(ours)))
    end = 0
    while end < min(len(theirs), len(ours)) - start and theirs[-1 - end] == ours[-1 - end]:
        end += 1
    cut = (" ".join(words[start : len(words) - end]) for words in (theirs, ours))
    found, expected = (_cut(text) for text in cut)
    return found, expected


def _place(lines: Sequence[str], index: int, column: int) -> str:
    """Return the heading, table, row and column of a cell in words; the nearest heading for any other line."""
    heading = caption = ""
    titles: list[str] = []
    for line in reversed(lines[: index + 1]):
        if not caption and ("<thead>" in line or line.startswith("|")):
            titles = _cells(line)
        if not caption and (line.startswith("**") or "<h3" in line):
            caption = _plain(line).strip("* ")
        if line.startswith(("# ", "## ")) or "<h2" in line or "<h1" in line:
            heading = "the headline" if "<h1" in line or line.startswith("# ") else f"“{_plain(line).strip('# ')}”"
            break
    cells = _cells(lines[index])
    row = next((cell for cell in cells if cell and not FIGURE.fullmatch(cell)), "") if len(cells) > 1 else ""
    title = titles[column] if row and column < len(titles) else ""
    named = [heading, f"“{_cut(caption)}”" if caption else "", f"row {_cut(row)}" if row else ""]
    return ", ".join(part for part in (*named, f"column {title}" if title else "") if part) or "its text"


def _cells(line: str) -> list[str]:
    """Return the cells of a row of a table; the whole line where it is none."""
    if "</t" in line:
        return [_plain(cell).strip() for cell in _CELL_END.split(line)[:-1]]
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else [_plain(line)]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _plain(line: str) -> str:
    """Return a line's words without marks of HTML."""
    return html.unescape(_TAG.sub(" ", line)) if "<" in line or "&" in line else line
