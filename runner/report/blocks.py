"""What a report is made of: plain text in sections, tables and charts, before it becomes Markdown or HTML.

Every text here is plain: the writers escape it. Every number in it has already been written by `tracking.figures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tracking.events import Arm

Outcome = Literal["confirmed", "not confirmed", "unfinished", "stopped"]
"""`stopped`: a check of the measurements ended the night."""
Tone = Literal["plain", "good", "bad", "open", "muted", "strong"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone = "plain"
    is_foreign: bool = False
    """Written by a model or a data file: its direction is its own."""
    heat: float | None = None
    """−1 … 1: how strongly the ground is tinted, as a cell of a heat map; the text says the same in figures."""


@dataclass(frozen=True)
class Column:
    """One column; numbers are set flush right in figures of equal width."""

    title: str
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """A table that scrolls sideways where it is too wide."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    has_total: bool = False
    """The last row sums the others."""

    @property
    def stacks(self) -> bool:
        """Whether its rows stand one below the other on a phone: words in several columns need the width."""
        return len(self.columns) > 2 and not any(column.is_number for column in self.columns)


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of plain text."""

    text: str
    is_foreign: bool = False
    """Written by a model."""


@dataclass(frozen=True)
class Commands:
    """Shell commands, one per line."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class ForestRow:
    """One candidate's effect in the forest plot."""

    label: str
    effect: float
    low: float
    high: float
    shown: str
    tone: Tone


@dataclass(frozen=True)
class Forest:
    """Effects with intervals around zero."""

    caption: str
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True)
class ScorePoint:
    """One probe in the score chart."""

    number: int
    score: float | None
    """None: the probe failed."""
    arm: Arm
    is_confirmation: bool
    label: str


@dataclass(frozen=True)
class ScoreChart:
    """The target by probe, the level of the working recipe, and the band that noise alone fills."""

    caption: str
    points: tuple[ScorePoint, ...]
    levels: tuple[tuple[int, float | None], ...]
    """Probe number from which on the working recipe had this mean; None: it was never trained by itself."""
    band: tuple[float, float] | None
    """Baseline mean plus and minus two standard deviations."""


@dataclass(frozen=True)
class KnobPoint:
    """One value of a knob in its chart."""

    value: str
    level: float
    """Change of the target against the baseline, step by step."""
    low: float | None
    high: float | None
    tone: Tone
    is_safe: bool
    """Whether it lies in the safe band."""
    shown: str


@dataclass(frozen=True)
class KnobChart:
    """How the target follows one knob."""

    title: str
    points: tuple[KnobPoint, ...]


@dataclass(frozen=True)
class KnobCharts:
    """Small charts of equal scale, one per knob."""

    caption: str
    charts: tuple[KnobChart, ...]
    note: str


@dataclass(frozen=True)
class Part:
    """One part of a whole."""

    label: str
    share: float
    shown: str


@dataclass(frozen=True)
class Shares:
    """Parts of a whole, as one bar."""

    caption: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Answer:
    """One answer of a model, its line ends kept."""

    title: str
    text: str


@dataclass(frozen=True)
class AnswerPair:
    """An item with the answers to it, side by side."""

    item: str
    category: str
    moved: str
    """Its mean before and after."""
    prompt: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class AnswerPairs:
    """Items with their answers."""

    caption: str
    pairs: tuple[AnswerPair, ...]


Block = Table | Paragraph | Commands | Forest | ScoreChart | KnobCharts | Shares | AnswerPairs


@dataclass(frozen=True)
class Section:
    """A headed part of the report."""

    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """A whole report."""

    title: str
    headline: str
    lede: tuple[str, ...]
    """Sentences below the headline: what the night took, what to do next."""
    outcome: Outcome
    facts: tuple[tuple[str, str], ...]
    """Label and value of what must be seen first."""
    beside: tuple[tuple[str, str], ...]
    """Words and file name of what lies in the same folder."""
    sections: tuple[Section, ...]
