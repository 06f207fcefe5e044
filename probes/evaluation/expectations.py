"""Holds the form that scorers expect against the form that training shows, before anything is trained. Pure.

A probe trained on one form and scored on another measures the form: calls written as `<tools>` in training and asked as
`<tool_call>` score 0 whatever the model has learnt. Each component says by itself what it looks for (`expects`), so
there is no list of kinds here. What a row's `rejected` answer or its earlier turns show does not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from probes.data.rows import Row
from probes.evaluation.scorers.answer_form import AnswerForm
from probes.evaluation.suite import Item


def form_warnings(rows: Sequence[Row], items: Sequence[Item]) -> tuple[str, ...]:
    """Return a warning for each form that items score and training never or mostly otherwise shows, most items first.

    Without rows there is nothing to hold against the suite, and no warning.
    """
    if not rows:
        return ()
    asking = Counter(form for item in items for form in dict.fromkeys(_forms(item)))
    shown = {way: Counter(map(way, (row.chosen for row in rows))) for way in {form.way for form in asking}}
    warnings = (_warning(form, count, len(items), shown[form.way], len(rows)) for form, count in asking.most_common())
    return tuple(warning for warning in warnings if warning)


def _forms(item: Item) -> list[AnswerForm]:
    return [part.expects for part in item.scorer.components if part.expects is not None]


def _warning(form: AnswerForm, asking: int, items: int, shown: Counter[str], rows: int) -> str:
    """Return the warning about one form; empty when most of what training shows is as the scorers ask."""
    ways = {way: count for way, count in shown.most_common() if way}
    right = sum(count for way, count in ways.items() if not form.accepted or way in form.accepted)
    wrong = sum(ways.values()) - right
    asked = f"{form.what} as {' or '.join(form.accepted)}" if form.accepted else form.what
    scored = f"{asking} of {items} items score {asked}"
    cure = "rewrite the training answers, or " + (form.cure or "score the form they have")
    if not ways:
        return f"{scored}, 0 of {rows} training answers show it: add such rows to `[data] train`, or drop those items"
    if right > wrong:
        return ""
    others = ", ".join(f"{count} as {way}" for way, count in ways.items() if form.accepted and way not in form.accepted)
    return f"{scored}, {right} of {rows} training answers show it so and {wrong} otherwise ({others}): {cure}"
