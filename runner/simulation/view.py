"""What `nightlab simulate` prints."""

from __future__ import annotations

from runner.simulation.outlook import Outlook, StreamOutlook
from runner.tables import View, plain_table
from tracking.figures import show


def simulation_view(outlook: Outlook) -> View:
    """Return a line per stream, what its columns mean, and what the budget finds and misses in one sentence."""
    worth = show(outlook.worthwhile, "effect")
    heads = ("stream", "ships", "claims", "claims wrongly", "tries", f"worth {worth}", "finds", "misses")
    table = plain_table(heads)
    for row in outlook.streams:
        table.add_row(
            row.stream,
            _gain(row),
            show(row.claim, "share"),
            show(row.false_claim, "share"),
            f"{row.tried:.1f}",
            f"{row.worthwhile:.1f}",
            f"{row.found:.1f}",
            f"{row.missed:.1f}",
        )
    return [
        table,
        "; ".join(f"{row.stream}: {row.words}" for row in outlook.streams if row.words),
        f"means of {outlook.streams[0].nights:,} nights a stream; ships: true gain where one is claimed, ± of 90 %;",
        "which stream yours is like nobody knows before; none of them hurts a guard",
        "",
        outlook.sentence,
    ]


def _gain(row: StreamOutlook) -> str:
    high = row.shipped_interval.high
    half = "" if high is None else f" ± {show(high - row.shipped, 'margin')}"
    return f"{show(row.shipped, 'effect')}{half}"
