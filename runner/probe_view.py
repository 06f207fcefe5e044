"""How a probe is shown: its scores per category, and one adapter's scores in several serving modes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from probes.aggregation import Weights, aggregation_in_words
from probes.outcome import ItemScores, ProbeOutcome
from runner.tables import View, plain_table
from tracking.figures import MISSING, show, show_effect

if TYPE_CHECKING:
    from runner.measure import Comparison, ModeResult


def scores_view(outcome: ProbeOutcome, weights: Weights | None = None) -> View:
    """Return a probe's scores per category, and beside them how many answers came at all: that is no score."""
    table = plain_table(("category", "items", "answered", "score"))
    means = outcome.category_means()
    for category, mean in means.items():
        items = [item for item in outcome.items if item.category == category]
        table.add_row(category, str(len(items)), answered_in_words(items), show(mean, "score"))
    table.add_section()
    overall = show(outcome.overall(weights), "score")
    table.add_row("overall", str(len(outcome.items)), answered_in_words(outcome.items), overall)
    words = f"overall: {aggregation_in_words(weights)}; " if weights is not None else ""
    words += f"{outcome.critical_failures()} critical failures, {show(outcome.seconds, 'duration')}"
    if outcome.training is not None:
        loss, margin = outcome.training.final_loss, outcome.training.reward_margin
        words += f", final loss {_number(loss)}, reward margin {_number(margin)}"
    return [table, "", words]


def answered_in_words(items: Iterable[ItemScores]) -> str:
    """Return how many of the wanted answers came, `23/24`; a dash where the record does not say."""
    items = tuple(items)
    known = [item.answered for item in items if item.answered is not None]
    return f"{sum(known)}/{sum(len(item.scores) for item in items)}" if len(known) == len(items) else MISSING


def comparison_view(comparison: Comparison) -> View:
    """Return an adapter's scores in each mode, and the difference of each from the first."""
    first, *others = comparison.results
    table = plain_table(("category", "items", first.mode, *(other.mode for other in others)))
    counts = Counter(item.category for item in first.outcome.items)
    for name, mean in first.outcome.category_means().items():
        cells = [_against(comparison, other, name) for other in others]
        table.add_row(name, str(counts[name]), show(mean, "score"), *cells)
    table.add_section()
    items, overall = str(len(first.outcome.items)), first.overall
    changed = [_changed(other.overall, overall) for other in others]
    table.add_row("overall", items, show(overall, "score"), *changed)
    failures = [result.outcome.critical_failures() for result in comparison.results]
    changes = [f"{count} ({count - failures[0]:+d})".replace("-", "\N{MINUS SIGN}") for count in failures[1:]]
    table.add_row("critical failures", items, str(failures[0]), *changes)
    adapter = comparison.adapter
    words = f"adapter {adapter.digest}, rank {adapter.rank}, {show(adapter.size_mib, 'size_mib')}"
    legend = f"in brackets: difference from {first.mode} on the same items, with its 90 % interval over items"
    return [table, "", *([legend] if others else []), words]


def _against(comparison: Comparison, result: ModeResult, category: str) -> str:
    found = comparison.difference(result, category)
    return f"{show(result.outcome.category_means()[category], 'score')} ({show_effect(*found) if found else MISSING})"


def _changed(mean: float | None, before: float | None) -> str:
    difference = None if mean is None or before is None else mean - before
    return f"{show(mean, 'score')} ({show(difference, 'effect')})"


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"
