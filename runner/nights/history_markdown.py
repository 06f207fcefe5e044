"""The cumulative table as Markdown, `history.md`: the same ledgers give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.nights.compare import MOST_CHANGES, claim_in_words
from runner.nights.history import History, Project, Ranking, data_of
from runner.report.blocks import (
    Block,
    Paragraph,
    Report,
    Section,
    Table,
)
from runner.report.markdown import to_markdown
from runner.report.texts import foreign_cell, number_columns, text_cell, text_columns
from tracking.atomic import replace_text
from tracking.figures import show, show_count, show_effect
from tracking.headline import changes_in_words

FILE = "history.md"
_MADE_BY = "Made from the ledgers by nightlab history; run it again after a night."
BEHIND = "Behind ±: the standard error over runs."
_SPLITS = {"search": "Search items", "held_out": "Held-out items"}
_SAID = ("step budget", "samples", "suite", "category weights")
"""Conditions that are worth a word above a table."""


def write_history(history: History, results: Path) -> Path:
    """Write `history.md`; the same ledgers give the same bytes.

    Raises:
        LedgerError: the folder cannot be written.
    """
    path = results / FILE
    replace_text(path, history_markdown(history))
    return path


def history_markdown(history: History) -> str:
    """Return the history as Markdown."""
    nights = sum(len(project.nights) for project in history.projects)
    sections = [
        Section(f"project-{index}", title_of(project), tuple(_blocks(project)))
        for index, project in enumerate(history.projects)
    ]
    if history.unread:
        sections.append(Section("unread", "Not read", tuple(Paragraph(words) for words in history.unread)))
    title = "What the nights found"
    headline = f"{show_count(nights, 'night')} in {show_count(len(history.projects), 'project')}"
    return to_markdown(Report(title, headline, (), "unfinished", (), (), tuple(sections)), _MADE_BY)


def title_of(project: Project) -> str:
    """Return what a project is called."""
    return f"{project.base_model} (project {project.key})"


def _blocks(project: Project) -> list[Block]:
    return [_nights(project), *(_ranking(ranking) for ranking in project.rankings)]


def _nights(project: Project) -> Table:
    columns = (*text_columns("began", "session", "data"), *number_columns("rows"), *text_columns("target"))
    columns = (*columns, *number_columns("effect"), *text_columns("claim", "changes"))
    columns = (*columns, *number_columns("probes", "time", "cost"))
    rows = tuple(
        (
            text_cell(one.night.first_at[:10]),
            foreign_cell(one.name),
            foreign_cell(data_of(one)[0]),
            text_cell(show(data_of(one)[1], "count")),
            foreign_cell(one.night.target),
            text_cell(show_effect(one.night.claim.effect, one.night.claim.interval) if one.night.claim else ""),
            text_cell(claim_in_words(one) if one.state != "running" else "running"),
            foreign_cell(changes_in_words(one.night, MOST_CHANGES) if one.night.accepted else ""),
            text_cell(show(len(one.night.ended), "count")),
            text_cell(show(one.night.active_s, "duration")),
            text_cell(show(one.night.bill.usd, "usd")),
        )
        for one in project.nights
    )
    return Table(
        "Nights",
        columns,
        rows,
        "Rows: of the baseline's mix. Effect: of the final recipe on fresh seeds and held-out items.",
    )


def _ranking(ranking: Ranking) -> Table:
    categories = categories_of(ranking)
    columns = (*text_columns("recipe", "state"), *number_columns("runs", "overall"))
    columns = (*columns, *number_columns(*categories), *text_columns("since"))
    rows = tuple(
        (
            foreign_cell(recipe.label),
            text_cell(recipe.state),
            text_cell(str(recipe.runs)),
            text_cell(recipe.overall.words, "strong" if index == 0 else "plain"),
            *(text_cell(show(recipe.categories[name].value if name in recipe.categories else None, "score"))
              for name in categories),
            text_cell(recipe.since),
        )
        for index, recipe in enumerate(ranking.recipes)
    )  # fmt: skip
    return Table(ranking_title(ranking), columns, rows, BEHIND)


def ranking_title(ranking: Ranking) -> str:
    """Return what all scores of a ranking have in common."""
    said = [f"{name} {ranking.conditions[name]}" for name in _SAID if name in ranking.conditions]
    return f"{_SPLITS[ranking.split]}: {', '.join(said)}"


def categories_of(ranking: Ranking) -> Sequence[str]:
    """Return the categories that any recipe of a ranking has scores of."""
    return sorted({name for recipe in ranking.recipes for name in recipe.categories})
