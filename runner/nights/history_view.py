"""The cumulative table on a terminal: it fits 80 columns, categories are headed by their initials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.table import Table
from rich.text import Text

from runner.nights.compare import MOST_CHANGES, claim_in_words
from runner.nights.history import History, Project, Ranking
from runner.nights.history_markdown import BEHIND, categories_of, ranking_title, title_of
from runner.report.texts import one_line
from runner.tables import View, plain_table
from tracking.figures import MISSING, show, show_effect
from tracking.headline import changes_in_words


def history_view(history: History) -> View:
    """Return the history for a terminal."""
    view: View = []
    for project in history.projects:
        heads = initials({name for ranking in project.rankings for name in categories_of(ranking)})
        view += [Text(one_line(title_of(project)), style="bold"), "", _nights(project)]
        view += [f"{one_line(night)}: {one_line(changes)}" for night, changes in _accepted(project)]
        for ranking in project.rankings:
            view += ["", Text(ranking_title(ranking), style="bold"), _ranking(ranking, heads)]
        if heads:
            view += ["", ", ".join(f"{head} {one_line(name)}" for name, head in heads.items()), BEHIND]
        view.append("")
    view += [f"warning: not read, {one_line(words)}" for words in history.unread]
    return view[:-1] if view and view[-1] == "" else view


def initials(names: Iterable[str]) -> dict[str, str]:
    """Return name → a short head: `private_voice` → `PV`; names with the same initials are told apart by a number."""
    heads: dict[str, str] = {}
    for name in sorted(names):
        words = name.replace("-", "_").replace(" ", "_").split("_")
        plain = "".join(word[:1] for word in words).upper() if len(words) > 1 else name[:3].upper()
        head, number = plain, 2
        while head in heads.values():
            head, number = f"{plain}{number}", number + 1
        heads[name] = head
    return heads


def _nights(project: Project) -> Table:
    table = plain_table(("began", "session", "claim", "effect", "time", "cost"))
    for one in project.nights:
        claim = one.night.claim
        table.add_row(
            one.night.first_at[:10],
            one_line(one.name),
            "running" if one.state == "running" else claim_in_words(one),
            show_effect(claim.effect, claim.interval) if claim is not None else MISSING,
            show(one.night.active_s, "duration"),
            show(one.night.bill.usd, "usd"),
        )
    return table


def _accepted(project: Project) -> list[tuple[str, str]]:
    """Return for each night that accepted something what that was."""
    return [(one.name, changes_in_words(one.night, MOST_CHANGES)) for one in project.nights if one.night.accepted]


def _ranking(ranking: Ranking, heads: Mapping[str, str]) -> Table:
    categories = categories_of(ranking)
    table = plain_table(("recipe", "runs", "overall", *(heads[name] for name in categories)))
    for index, recipe in enumerate(ranking.recipes):
        means = (recipe.categories[name].value if name in recipe.categories else None for name in categories)
        state = "" if recipe.kind == "baseline" else f", {recipe.state}"
        table.add_row(
            one_line(f"{recipe.label}{state}"),
            str(recipe.runs),
            recipe.overall.words,
            *(show(mean, "score") for mean in means),
            style="bold" if index == 0 else "",
        )
    return table
