"""Tables and lines for people, on standard output or beside the log. Machines use `--json`."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

View = list[RenderableType]
"""Tables and lines, from top to bottom."""
NO_TERMINAL_WIDTH = 140
_WORDS = (
    "role",
    "lane",
    "knob",
    "change",
    "range",
    "decision",
    "effect",
    "question",
    "ended",
    "category",
    "difficulty",
    "session",
    "target",
    "state",
    "since",
    "by",
    "reason",
    "what it asks",
)
_MAY_WRAP = ("range", "reason", "what it asks")


def show_view(view: View, console: Console | None = None) -> None:
    """Print a view on `console`, by default standard output; only a terminal gets its lines broken.

    Whatever is no terminal can so be searched.
    """
    console = console or Console(highlight=False, markup=False)
    is_terminal, width = console.is_terminal, console.width
    if not is_terminal:
        console.width = NO_TERMINAL_WIDTH
    for part in view:
        if isinstance(part, str):
            console.print(Text(part), soft_wrap=not is_terminal)
        else:
            console.print(part)
    if not is_terminal:  # a terminal's width is never set: it may change
        console.width = width


def plain_table(columns: tuple[str, ...]) -> Table:
    """Return an empty table with these columns; what is not known to be words is set as numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        is_number = index > 0 and name not in _WORDS
        table.add_column(name, justify="right" if is_number else "left", no_wrap=name not in _MAY_WRAP, overflow="fold")
    return table
