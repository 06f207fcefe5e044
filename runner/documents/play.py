"""Plays documents: runs their commands in order and holds what is printed against what the document shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from runner.documents.blocks import Block, blocks, shown
from runner.documents.stage import Played, Stage

QUICK_LIMIT_S, SLOW_LIMIT_S = 120.0, 3000.0
_MASKS = (
    (r"\b[0-9a-f]{32}\b", "RUN"),
    (r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)([0-9a-f]{12}|[0-9a-f]{16})\b", "DIGEST"),
    (r"(?m)^advice: .*$", "advice"),
    (r"\b[\d,]+ figures\b", "N figures"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(\+\d\d:\d\d)?", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "TIME"),
    (r"\b\d{8}-\d{6}\b", "TIME"),
    (r"\b\d\d:\d\d(:\d\d)?\b", "TIME"),
    (r"\b(\d+(\.\d+)? (ms|s|min|h)\b ?)+", "DURATION "),
    (r"\b(process|pid) +\d+\b", "process N"),
    (r"\b\d+ workers?\b", "N workers"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\$\d+\.\d+", "COST"),
    (r"[ \t─━]+", " "),
)
"""What differs between two runs of one seeded night, advice by what took how long included, and how tables are set."""


class Failed(NamedTuple):
    """A block that did not do what the document says."""

    line: int
    why: str
    ended_otherwise: bool = False
    """Its exit code is another one; else it prints something else."""


class Outcome(NamedTuple):
    """A played document."""

    text: str
    """The document with what was printed this time."""
    failures: tuple[Failed, ...]
    played: int
    """Blocks that were run."""


def play(
    document: str, stage: Stage, is_wanted: Callable[[Block], bool], tell: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Run the wanted blocks of a document in order; what an unwanted one prints stays as it is."""
    found = blocks(document)
    stage.begin(any("git clone" in block.text for block in found if is_wanted(block)))
    new, failures, played = document, list[Failed](), 0
    moved, printed = 0, None
    for block in found:
        if "file" in block.marks:
            stage.put(block.marks["file"], block.text)
        elif block.is_run:
            printed = None
            if is_wanted(block):
                printed, played = (
                    stage.play(block, SLOW_LIMIT_S if "slow" in block.marks else QUICK_LIMIT_S),
                    played + 1,
                )
                tell(f"line {block.line}: exit code {printed.exit_code} after {printed.seconds:.0f} s")
                failures += _ended_otherwise(block, printed)
        elif "prints" in block.marks and printed is not None:
            text = shown(printed.output, block.marks["prints"])
            failures += _differences(block, text)
            start = block.start + moved
            new = new[:start] + text + new[start + len(block.text) :]
            moved += len(text) - len(block.text)
    return Outcome(new, tuple(failures), played)


def masked(text: str) -> str:
    """Return an output without what differs between two runs of one seeded night."""
    for pattern, name in _MASKS:
        text = re.sub(pattern, name, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _ended_otherwise(block: Block, played: Played) -> Iterator[Failed]:
    wanted = int(block.marks.get("exit", "0"))
    if played.exit_code != wanted:
        said = f"{played.output[-1500:]}\n{played.log[-1500:]}"
        yield Failed(block.line, f"exit code {played.exit_code}, not {wanted}:\n{block.text}{said}", True)


def _differences(block: Block, text: str) -> Iterator[Failed]:
    before, now = masked(block.text).splitlines(), masked(text).splitlines()
    for number in range(max(len(before), len(now))):
        there, here = (lines[number] if number < len(lines) else "nothing" for lines in (before, now))
        if there != here:
            yield Failed(block.line + 1 + number, f"the document shows\n  {there}\nand the command prints\n  {here}")
            return
