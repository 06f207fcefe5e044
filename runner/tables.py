"""Tables and lines for people, on standard output or beside the log. Machines use `--json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Text

from probes.words import printable

View = list[RenderableType]
"""Tables and lines, from top to bottom."""
NO_TERMINAL_WIDTH = 140
GAP = 2
"""What stands between two columns of a table."""
LEAST_WORDS = 8
"""Width down to which a word is broken before a figure gives way."""
_WORDS = (
    "role",
    "lane",
    "knob",
    "change",
    "range",
    "decision",
    "question",
    "category",
    "difficulty",
    "session",
    "claim",
    "target",
    "state",
    "by",
    "reason",
    "verdict",
    "what it asks",
)
_FIGURES_SET_LEFT = ("effect", "ended", "since")


def show_view(view: View, console: Console | None = None) -> None:
    """Print a view on `console`, by default standard output; only a terminal gets its lines broken.

    Whatever is no terminal can so be searched. Names and words of data and models give no terminal any order.
    """
    console = console or Console(highlight=False, markup=False)
    is_terminal, width = console.is_terminal, console.width
    if not is_terminal:
        console.width = NO_TERMINAL_WIDTH
    for part in view:
        if isinstance(part, str):
            console.print(Text(printable(part)), soft_wrap=not is_terminal)
        else:
            console.print(part)
    if not is_terminal:  # a terminal's width is never set: it may change
        console.width = width


def plain_table(columns: Sequence[str]) -> Table:
    """Return an empty table with these columns; what is not known to be words is set as figures.

    However narrow the terminal, no character is lost: words give way first, figures as the last resort.
    """
    return _FoldingTable(columns)


class _FoldingTable(Table):
    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(box=None, pad_edge=False, header_style="bold")
        self._are_words = [index == 0 or name in _WORDS for index, name in enumerate(columns)]
        for name, is_words in zip(columns, self._are_words, strict=True):
            is_left = is_words or name in _FIGURES_SET_LEFT
            self.add_column(name, justify="left" if is_left else "right", overflow="fold")

    def add_row(self, *cells: RenderableType | None, style: StyleType | None = None, end_section: bool = False) -> None:
        shown = (printable(cell) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*shown, style=style, end_section=end_section)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needs = [_needs(column, is_words) for column, is_words in zip(self.columns, self._are_words, strict=True)]
        natural, *ways = zip(*needs, strict=True)
        room = options.max_width - GAP * (len(needs) - 1)
        for column, width in zip(self.columns, fitted(natural, ways, room), strict=True):
            column.width = width
        yield from super().__rich_console__(console, options)


def fitted(natural: Sequence[int], ways: Iterable[Sequence[int]], room: int) -> list[int]:
    """Return widths that fit into `room`, taken from the widest columns first.

    Args:
        natural: How wide each column would be.
        ways: How narrow each may become, the way that does least harm first; the first one that fits is taken.
        room: Their sum at most; without a way that fits, a column may become one character wide.
    """
    least = next((way for way in ways if sum(way) <= room), [1] * len(natural))
    widths = list(natural)
    while sum(widths) > room and (wider := [i for i, width in enumerate(widths) if width > least[i]]):
        widths[max(wider, key=lambda i: widths[i])] -= 1
    return widths


def _needs(column: Column, is_words: bool) -> tuple[int, ...]:
    """Return how wide a column is on one line, and then how narrow it may become, each way worse than the one before.

    The ways: broken between words, figures whole; long words broken as well; figures broken between their parts, words
    whole; both. A head may always be broken between its words.
    """
    head, cells = str(column.header), [str(cell) for cell in column.cells]
    head_word, cell = _longest(head.split()), _longest(cells)
    word = max(head_word, _longest(part for text in cells for part in text.split()))
    natural, whole, broken = max(cell_len(head), cell), max(head_word, cell), min(LEAST_WORDS, word)
    return (natural, word, broken, word, broken) if is_words else (natural, whole, whole, word, word)


def _longest(texts: Iterable[str]) -> int:
    return max((cell_len(text) for text in texts), default=0)
