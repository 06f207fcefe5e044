"""Code that an answer holds between fences, as CommonMark (section 4.5) reads them.

One departure: a fence may be indented at will, since answers put code into list items, and its indentation is taken
off the code. A fence that never closes runs to the end of the answer.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Where = Literal["answer", "block", "either"]
"""What is looked at: the whole answer, its block (an answer without one fails), or the block if there is one."""

_OPENING = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?P<info>.*)")


class Block(NamedTuple):
    """What stands between two fences."""

    language: str
    """The first word after the opening fence, in lower case; empty where there is none."""
    text: str
    is_closed: bool


def fenced_blocks(answer: str) -> list[Block]:
    """Return the answer's blocks in order; what looks like a fence inside a block belongs to the block."""
    blocks: list[Block] = []
    opening: re.Match[str] | None = None
    lines: list[str] = []
    for line in answer.splitlines():
        if opening is None:
            opening, lines = _OPENING.fullmatch(line), []
        elif _closes(line, opening["fence"]):
            blocks.append(_block(opening, lines, is_closed=True))
            opening = None
        else:
            lines.append(line)
    if opening is not None:
        blocks.append(_block(opening, lines, is_closed=False))
    return blocks


def extract(answer: str, where: Where, languages: tuple[str, ...]) -> str | None:
    """Return the text to look at, None for a block that is not there.

    Of several blocks it is the first in one of the `languages`, else the first that names none, else the first: models
    label code oddly, and a wrong label is not wrong code.
    """
    if where == "answer":
        return answer
    blocks = fenced_blocks(answer)
    if not blocks:
        return answer if where == "either" else None
    for wanted in (languages, ("",)):
        for block in blocks:
            if block.language in wanted:
                return block.text
    return blocks[0].text


def _closes(line: str, fence: str) -> bool:
    bare = line.strip(" \t")
    return len(bare) >= len(fence) and set(bare) == {fence[0]}


def _block(opening: re.Match[str], lines: list[str], is_closed: bool) -> Block:
    words = opening["info"].split()
    language = words[0].strip("{}.").lower() if words else ""
    indent = len(opening["indent"])
    return Block(language, "".join(_dedented(line, indent) + "\n" for line in lines), is_closed)


def _dedented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" \t"))) :]
