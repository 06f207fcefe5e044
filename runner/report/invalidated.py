"""What was marked as invalid: how many probes, since when, why, and what that means for the figures."""

from __future__ import annotations

from runner.report.blocks import Cell, Paragraph, Section, Table
from runner.report.texts import foreign_cell, number_columns, text_columns
from tracking.figures import show, show_count
from tracking.invalidation import Invalidation, in_words
from tracking.night import NightRecord


def invalidated_section(night: NightRecord) -> Section | None:
    """Return the marks; None when everything that was measured counts."""
    if not night.invalidations:
        return None
    rows = tuple(_row(mark) for mark in night.invalidations)
    columns = (*text_columns("Marked", "Since"), *number_columns("Probes"), *text_columns("Which", "Claim", "Why"))
    note = "Nothing is deleted: the ledger, results.tsv and the folders probes/….invalidated-… keep what was measured."
    table = Table("Marked with “nightlab invalidate”", columns, rows, note)
    return Section("invalidated", "Invalidated measurements", (Paragraph(_meaning(night)), table))


def _meaning(night: NightRecord) -> str:
    probes = show_count(len(night.invalidated), "probe")
    were = "was" if len(night.invalidated) == 1 else "were"
    text = (
        f"{probes} {were} marked as invalid, and nothing here rests on them: the night went back to where it stood "
        "before, and what came after is measured and decided anew or missing."
    )
    if night.is_set_back:
        return f"{text} Nothing has been measured since the latest mark; “nightlab resume” does that."
    return f"{text} They do not count against the budget of probes; time and cost count against hours and dollars."


def _row(mark: Invalidation) -> tuple[Cell, ...]:
    return (
        Cell(in_words(mark.event.at)),
        Cell(in_words(mark.event.since)),
        Cell(show(len(mark.numbers), "count")),
        Cell(mark.which),
        Cell("withdrawn", "bad") if mark.claim is not None else Cell("none yet", "muted"),
        foreign_cell(mark.event.reason),
    )
