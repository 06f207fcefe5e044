"""Best and worst items with an answer of the baseline and one of the final recipe, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from runner.report.blocks import (
    Answer,
    AnswerPair,
    AnswerPairs,
    Block,
    Paragraph,
    Section,
)
from runner.report.scores import completed_probes, item_means
from runner.report.texts import one_line
from tracking.events import ShownAnswer, ShownItem
from tracking.figures import MISSING, show
from tracking.finished import FinishedProbe
from tracking.night import NightRecord


def answers_section(night: NightRecord) -> Section | None:
    """Return the items that the night kept answers of; None where it kept none."""
    if not night.shown:
        return None
    is_compared = night.shown[0].after is not None
    old = completed_probes(night, "baseline", in_confirmation=is_compared)
    new = completed_probes(night, "final", in_confirmation=True) if is_compared else []
    before, after = item_means(old), item_means(new)
    text = (
        "The held-out items whose means changed most for the better and for the worse, with an answer typical of "
        "either side: its score is nearest the side's mean. Single answers illustrate; the means are what was measured."
        if is_compared
        else "The search items on which the baseline does best and worst, each with a typical answer. Nothing was "
        "confirmed against it, so there is no answer of a final recipe."
    )
    blocks: list[Block] = [Paragraph(text)]
    for place in ("best", "worst"):
        kept = [item for item in night.shown if item.place == place]
        if kept:
            changes = [after[item.item] - before[item.item] for item in kept] if is_compared else []
            blocks.append(AnswerPairs(_title(place, changes), tuple(_pair(item, before, after, old) for item in kept)))
    return Section("answers", "Answers, before and after" if is_compared else "Answers", tuple(blocks))


def _title(place: str, changes: Sequence[float]) -> str:
    """Return what the items of one end have in common: at the lower end even the worst may have gained."""
    if not changes:
        return place.capitalize()
    if place == "best":
        return "Gained most" if max(changes) > 0 else "Lost least"
    return "Lost most" if min(changes) < 0 else "Gained least"


def _pair(
    item: ShownItem, before: dict[str, float], after: dict[str, float], probes: Sequence[FinishedProbe]
) -> AnswerPair:
    old, new = before.get(item.item), after.get(item.item)
    change = new - old if new is not None and old is not None else None
    moved = f"{show(old, 'score')} → {show(new, 'score')} ({show(change, 'effect')})" if after else show(old, "score")
    category = next((one.category for p in probes for one in p.outcome.items if one.item == item.item), MISSING)
    sides = [_answer("Baseline", item.before)]
    sides += [_answer("Final recipe", item.after)] if item.after is not None else []
    return AnswerPair(one_line(item.item, 120), one_line(category, 80), moved, item.prompt, tuple(sides))


def _answer(side: str, answer: ShownAnswer) -> Answer:
    cut = f" … ({show(answer.length, 'count')} characters)" if answer.length > len(answer.text) else ""
    title = f"{side}, #{answer.probe}, score {show(answer.score, 'score')}"
    return Answer(title, (answer.text or "(no text)") + cut)
