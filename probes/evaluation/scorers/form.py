"""The form of an answer: that it ended by itself, and that it is shaped and sized as asked. Each passes or fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from probes.evaluation.scorers.answer_form import AnswerForm
from probes.evaluation.scorers.component import AnswerComponent, Component
from probes.evaluation.scorers.excerpt import excerpt
from probes.evaluation.scorers.exchange import Exchange, Mark
from probes.evaluation.scorers.fences import fenced_blocks
from probes.evaluation.scorers.json_text import json_way, parse_strict

_LEFTOVERS = re.compile(
    r"<[|｜][^\s<>|｜]{1,40}[|｜]>"  # ChatML, Llama 3, Phi, DeepSeek
    r"|</?(?:start_of_turn|end_of_turn)>"  # Gemma
    r"|\[/?INST\]|<</?SYS>>|</s>\s*\Z|\A\s*<s>"  # Llama 2, Mistral
    r"|<(?:unk|pad|eos|bos)>|\[(?:PAD|UNK|CLS|SEP)\]"
)
_TURNS = re.compile(
    r"^[ \t>*#]{0,8}(?:User|Human|Assistant)\**[ \t]?:|^#{1,6} ?(?:Instruction|Response|User|Human|Assistant)\b",
    re.IGNORECASE | re.MULTILINE,
)
_ITEM = re.compile(r"[ \t]*(?:[-*+•–]|\d{1,3}[.)]|[a-zA-Z][.)])[ \t]+\S")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|\Z)|[。！？]")

Count = Annotated[int, Field(ge=1)]
Shape = Literal["paragraph", "list", "code", "json"]


class CleanStop(Component):
    """1 when the answer ended by itself and holds no token of a chat template and no turn written for somebody.

    An answer that quotes a dialogue with `User:` at the start of a line looks like such a turn: do not ask for one.
    """

    kind: Literal["clean_stop"]

    def mark(self, exchange: Exchange) -> Mark:
        """Return 0 or 1, with what was left over."""
        text = exchange.text
        if not text.strip() and not exchange.tool_calls:
            return Mark(0.0, "the answer is empty")
        if exchange.stop_reason == "length":
            return Mark(0.0, f"was cut off after '{excerpt(text[-60:])}'")
        for pattern, name in ((_LEFTOVERS, "a template's token"), (_TURNS, "a turn of its own making")):
            if found := pattern.search(text):
                return Mark(0.0, f"holds {name}: '{excerpt(text, found.start())}'")
        return Mark(1.0)


class Format(AnswerComponent):
    """1 when the answer keeps to every limit that is given."""

    kind: Literal["format"]
    shape: Shape | None = None
    """`paragraph`: one, without list, heading or code; `list`: every line is an item or continues one; `code`: one
    closed fenced block and nothing else; `json`: strict JSON and nothing else."""
    min_words: Count | None = None
    """Fewest words."""
    max_words: Count | None = None
    """Most words."""
    max_sentences: Count | None = None
    """Counted by their closing signs; "e.g." in the middle of a line counts as one too many."""
    max_lines: Count | None = None
    """Lines that are not blank."""
    min_items: Count | None = None
    """List items, wherever they stand."""
    max_items: Count | None = None
    """Most list items."""

    @property
    def expects(self) -> AnswerForm | None:
        """JSON or a fenced block where the answer must be nothing else."""
        if self.shape == "json":
            return AnswerForm("JSON", ("bare JSON",), json_way)
        return AnswerForm("code in a fence", (), _fence_way) if self.shape == "code" else None

    @model_validator(mode="after")
    def _has_limits(self) -> Self:
        limits = self.model_fields_set - {"kind", "weight", "critical", "name"}
        if not any(getattr(self, name) is not None for name in limits):
            raise ValueError("needs a `shape` or at least one limit")
        for least, most in ((self.min_words, self.max_words), (self.min_items, self.max_items)):
            if least is not None and most is not None and least > most:
                raise ValueError(f"has a minimum of {least} above its maximum of {most}")
        return self

    def look(self, answer: str) -> Mark:
        """Return 0 or 1, with the first limit that was broken."""
        fault = next(self._faults(answer), None)
        return Mark(1.0) if fault is None else Mark(0.0, f"{fault}: '{excerpt(answer)}'")

    def _faults(self, answer: str) -> Iterator[str]:
        if self.shape is not None and (fault := _shape_fault(answer, self.shape)):
            yield fault
        items = sum(_ITEM.match(line) is not None for line in answer.splitlines())
        lines = sum(bool(line.strip()) for line in answer.splitlines())
        for count, least, most, what in (
            (len(answer.split()), self.min_words, self.max_words, "words"),
            (_sentences(answer), None, self.max_sentences, "sentences"),
            (lines, None, self.max_lines, "lines"),
            (items, self.min_items, self.max_items, "list items"),
        ):
            if least is not None and count < least:
                yield f"has {count} {what}, {least} at least were asked for"
            if most is not None and count > most:
                yield f"has {count} {what}, {most} at most were asked for"


def _shape_fault(answer: str, shape: Shape) -> str:
    lines = answer.strip().splitlines()
    if shape == "paragraph":
        has_signs = any(_ITEM.match(line) or line.lstrip().startswith(("#", "```", "~~~", "|")) for line in lines)
        return "is not one paragraph" if has_signs or not all(line.strip() for line in lines) else ""
    if shape == "list":
        is_list = _ITEM.match(lines[0]) and all(_belongs_to_a_list(line) for line in lines)
        return "" if is_list else "is not a list and nothing else"
    if shape == "code":
        blocks = fenced_blocks(answer.strip())
        is_alone = len(blocks) == 1 and blocks[0].is_closed and len(lines) == blocks[0].text.count("\n") + 2
        return "" if is_alone and blocks[0].text.strip() else "is not one fenced block and nothing else"
    try:
        parse_strict(answer)
    except ValueError:
        return "is not JSON and nothing else"
    return ""


def _belongs_to_a_list(line: str) -> bool:
    return not line.strip() or line.startswith((" ", "\t")) or _ITEM.match(line) is not None


def _sentences(answer: str) -> int:
    """Return how many sentences there are; words after the last closing sign are one more."""
    ends = list(_SENTENCE_END.finditer(answer))
    rest = answer[ends[-1].end() :] if ends else answer
    return len(ends) + bool(re.search(r"\w", rest))


def _fence_way(text: str) -> str:
    return "a fenced block" if fenced_blocks(text) else ""
