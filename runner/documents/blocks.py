"""The fenced blocks of a Markdown document, and what the comment above each says about running it.

    <!-- slow -->             minutes: run by `make docs` and the slow tests, not by the default ones
    <!-- needs: gpu -->       not run, for the reason in `NEEDS`
    <!-- until: TEXT -->      runs until it has printed TEXT, then gets Ctrl-C
    <!-- exit: 2 -->          ends with that exit code instead of 0
    <!-- prints -->           above a `text` block: what the command block before it prints; also `prints: first 9`
    <!-- file: NAME -->       above a `json` or `toml` block: its content is that file for the commands after it

Several marks share one comment, separated by `;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

NEEDS = {
    "gpu": "a CUDA device",
    "key": "the key of a language model's provider",
    "data": "files of the reader's own",
    "night": "a night of the reader's own; the tutorial runs such commands on its nights",
    "hours": "hours, or half of one",
    "vllm": "vLLM's own environment, some gigabytes",
    "itself": "it runs every test, this one included",
}
"""Why a command block is not run."""
MARKS = ("slow", "needs", "until", "exit", "prints", "file")
COMMANDS = "sh"
_FENCE = re.compile(
    r"^(?:<!-- (?P<marks>[^>]*?) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """One fenced block."""

    line: int
    """Of its fence, counted from 1."""
    language: str
    text: str
    marks: Mapping[str, str]
    """Mark → what stands after its colon."""
    start: int
    """Where its text begins in the document."""

    @property
    def is_run(self) -> bool:
        """Whether its commands are run at all."""
        return self.language == COMMANDS and "needs" not in self.marks

    @property
    def is_quick(self) -> bool:
        """Whether the default tests run it."""
        return self.is_run and "slow" not in self.marks


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    return list(_found(document))


def commands(block: Block) -> list[str]:
    """Return the commands of a block, continued lines joined, comments left out."""
    joined = re.sub(r"\\\n\s*", "", block.text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def shown(output: str, mark: str) -> str:
    """Return the part of an output that a `prints` mark asks for; `…` stands for what is left out.

    Raises:
        ValueError: the mark is neither empty nor `first N` nor `last N`.
    """
    lines = [line.rstrip() for line in output.strip("\n").splitlines()]
    if not mark:
        return "\n".join(lines) + "\n"
    asked = re.fullmatch(r"(first|last) (\d+)", mark)
    if asked is None:
        raise ValueError(f"`prints` takes nothing, `first N` or `last N`, got `{mark}`")
    count = int(asked[2])
    if len(lines) > count:
        lines = [*lines[:count], "…"] if asked[1] == "first" else ["…", *lines[-count:]]
    return "\n".join(lines) + "\n"


def _found(document: str) -> Iterator[Block]:
    for match in _FENCE.finditer(document):
        line = document.count("\n", 0, match.start("language")) + 1
        yield Block(line, match["language"], match["text"], _marks(match["marks"] or ""), match.start("text"))


def _marks(text: str) -> dict[str, str]:
    parts = (part.strip().partition(":") for part in text.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in parts}
