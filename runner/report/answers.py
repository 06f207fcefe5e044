"""What came of the questions: how many answers there were, how many scores, why some got nothing, what judging took.

Whether there was an answer is kept apart from how good it was: a model may answer everything and get all of it wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from probes.evaluation.judging.usage import JudgeUsage
from probes.outcome import ItemScores
from runner.report.blocks import Block, Cell, Column, Table
from runner.report.texts import foreign_cell, number_columns, text_columns
from tracking.figures import MISSING, show
from tracking.night import NightRecord
from tracking.summary import judge_spend

MOST_CAUSES = 12


class AnswerCounts(NamedTuple):
    """Answers of a category, in all probes of full length."""

    asked: int
    answered: int | None
    """Those that are text or a tool call; None where some of them were never counted."""
    scored: int

    @property
    def success_rate(self) -> float | None:
        """Share that was answered at all; no score."""
        return None if self.answered is None or not self.asked else self.answered / self.asked


def answers_blocks(night: NightRecord) -> list[Block]:
    """Return the answers by category, why some got nothing, and what the judge took."""
    return [*_answers(night), *_causes(night), *_judging(night)]


def answers_summary(night: NightRecord) -> dict[str, object]:
    """Return what `summary.json` holds of it: the answers of each category, and the judge's sums."""
    judged = judge_spend(night)
    rows = {
        name: {**counts._asdict(), "unscored": counts.asked - counts.scored, "success_rate": counts.success_rate}
        for name, counts in count_answers(night).items()
    }
    return {"answers": rows, "judge": judged.model_dump(mode="json") if judged else None}


def count_answers(night: NightRecord) -> dict[str, AnswerCounts]:
    """Return category → its answers over all probes of full length."""
    items: dict[str, list[ItemScores]] = {}
    for item in _whole_items(night):
        items.setdefault(item.category, []).append(item)
    return {name: _count(own) for name, own in sorted(items.items())}


def _whole_items(night: NightRecord) -> Iterable[ItemScores]:
    return (item for probe in night.probes if probe.plan.is_whole for item in probe.outcome.items)


def _count(items: Iterable[ItemScores]) -> AnswerCounts:
    asked = scored = 0
    answered: int | None = 0
    for item in items:
        asked, scored = asked + len(item.scores), scored + sum(score is not None for score in item.scores)
        answered = None if answered is None or item.answered is None else answered + item.answered
    return AnswerCounts(asked, answered, scored)


def _answers(night: NightRecord) -> list[Block]:
    counts = count_answers(night)
    if not counts:
        return []
    rows = [_answer_row(name, own) for name, own in (*counts.items(), ("all", _count(_whole_items(night))))]
    columns = (Column("Category"), *number_columns("Asked", "Answered", "Share", "Scored"))
    note = "In whole probes. Answered is text or a tool call, whatever its score; the others are empty or never came."
    return [Table("Answers", columns, tuple(rows), note, has_total=True)]


def _answer_row(name: str, counts: AnswerCounts) -> tuple[Cell, ...]:
    return (
        Cell(name),
        Cell(show(counts.asked, "count")),
        Cell(show(counts.answered, "count")),
        Cell(show(counts.success_rate, "share")),
        Cell(show(counts.scored, "count")),
    )


def _causes(night: NightRecord) -> list[Block]:
    """Return why answers got nothing, by category; items that never lost a point have no row."""
    zeros: dict[str, Counter[str]] = {}
    for item in _whole_items(night):
        lost = sum(not score for score in item.scores)
        if lost and item.cause:
            zeros.setdefault(item.category, Counter())[item.cause] += lost
    rows = [
        (Cell(category), foreign_cell(cause), Cell(show(count, "count")))
        for category, causes in sorted(zeros.items())
        for cause, count in causes.most_common(2)
    ]
    if not rows:
        return []
    note = "Answers without a point or without a score, over all probes of full length; per item the commonest cause."
    columns = (Column("Category"), Column("Commonest cause"), *number_columns("Answers"))
    return [Table("Why answers got nothing", columns, tuple(rows[:MOST_CAUSES]), note)]


def _judging(night: NightRecord) -> list[Block]:
    judged = judge_spend(night)
    if judged is None:
        return []
    rows = tuple((Cell(name), foreign_cell(value)) for name, value in _judge_rows(judged))
    note = (
        "Over all probes that left scores, controls and smoke runs among them; what a failed probe's judging took is "
    )
    return [Table("The judge", text_columns("What", "Value"), rows, note + "in no sum.")]


def _judge_rows(judged: JudgeUsage) -> list[tuple[str, str]]:
    tokens = judged.usage
    counts = {
        "answers judged": judged.answers,
        "without a verdict": judged.unscored,
        "replies that were no verdict": judged.parse_failures,
        "asked about again, the reply being cut off": judged.rejudged,
        "requests repeated": judged.retries,
    }
    used = (
        f"{show(tokens.input_tokens, 'count')} read, {show(tokens.cache_read_tokens, 'count')} from the cache, "
        f"{show(tokens.cache_write_tokens, 'count')} into it, {show(tokens.output_tokens, 'count')} written"
        if tokens is not None
        else MISSING
    )
    return [
        ("models that answered", ", ".join(judged.models) or "none"),
        *((name, show(count, "count")) for name, count in counts.items()),
        ("how replies were read", ", ".join(f"{name} {show(n, 'count')}" for name, n in judged.strategies.items())),
        ("tokens", used),
        ("cost", show(judged.cost_usd, "usd")),
    ]
