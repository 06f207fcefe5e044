"""What `nightlab suite` prints: for people as tables and lines, for machines as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from probes.data.tags import MISSING as UNCLASSIFIED
from probes.evaluation.breaks import ItemBreaks, breaks_per_category
from probes.evaluation.suites.check import SuiteCheck
from probes.evaluation.suites.findings import MOST_COMPONENTS, Findings, Pair, findings_json
from probes.evaluation.suites.results import PromptResult, SuiteResults
from probes.evaluation.suites.stats import SuiteStats
from probes.figures import show
from probes.statistics.power import is_directional
from runner.suite import SplitSide
from runner.tables import View, plain_table

MOST_VALUES = 8
"""Values of a tag that are listed; the rest is summed up."""
CAUSE_WIDTH = 60
Measured = tuple[SuiteResults, Findings]
"""What a probe's folder says: its prompts, and what else was found."""


def check_view(check: SuiteCheck) -> View:
    """Return warnings and the verdict; problems are told on standard error."""
    view: View = [f"warning: {warning}" for warning in check.warnings]
    if not check.problems:
        view.append(f"{_items(check.items)}, version {check.version}: nothing is wrong with this suite.")
    return view


def check_json(check: SuiteCheck) -> dict[str, Any]:
    """Return the check for machines."""
    return {
        "valid": not check.problems,
        "version": check.version,
        "items": check.items,
        "problems": list(check.problems),
        "warnings": list(check.warnings),
    }


def stats_view(stats: SuiteStats, measured: Measured | None, most: int) -> View:
    """Return counts, scorers, lengths and tags of a suite, then how a probe's prompts were answered."""
    table = plain_table(("category", *stats.difficulties, "items"))
    for category, row in stats.counts.items():
        count = sum(row.values())
        cells = (str(row.get(difficulty, 0)) for difficulty in stats.difficulties)
        table.add_row(category, *cells, f"{count}{'*' if is_directional(count) else ''}")
    table.add_section()
    totals = (sum(row.get(difficulty, 0) for row in stats.counts.values()) for difficulty in stats.difficulties)
    table.add_row("all", *map(str, totals), str(stats.items))
    view: View = [f"{_items(stats.items)} in {len(stats.counts)} categories, version {stats.version}", "", table]
    if any(is_directional(sum(row.values())) for row in stats.counts.values()):
        view.append("* fewer than 7 items: a direction, no claim")
    lengths = stats.prompt_characters
    view += [
        "",
        f"scorers: {', '.join(f'{kind} {count}' for kind, count in stats.scorers.items())}",
        f"items with a critical component: {stats.criticals}, with a reference answer: {stats.references}",
        f"prompts: {lengths.shortest} to {lengths.longest} characters, median {lengths.median:g}",
        *(f"tag {name}: {shares_in_words(values, stats.items)}" for name, values in stats.composition.items()),
    ]
    if measured is None:
        return view
    results, findings = measured
    return [*view, "", *results_view(results, most), *findings_view(findings, most)]


def results_view(results: SuiteResults, most: int) -> View:
    """Return best and worst prompts, how many samples were answered, and both forms of judged scores."""
    samples = sum(prompt.samples for prompt in results.prompts)
    answered, scored = (sum(getattr(p, name) for p in results.prompts) for name in ("answered", "scored"))
    view: View = [
        f"a probe of {len(results.prompts)} {results.split.replace('_', '-')} items, version {results.version}: "
        f"answered {answered}/{samples} samples ({show(results.success_rate, 'share')}), scored {scored}/{samples}",
    ]
    shown = min(most, len(results.prompts))
    for title, prompts in (("best", results.best(shown)), ("worst", results.worst(shown))):
        table = plain_table((f"{title} prompts", "category", "difficulty", "answered", "scored", "critical", "score"))
        for prompt in prompts:
            table.add_row(
                prompt.item, prompt.category, prompt.difficulty, *_counts(prompt), show(prompt.score, "score")
            )
        view += ["", table]
    view += [f"why: {p.item}: {_cut(p.cause)}" for p in results.worst(shown) if p.cause]
    view += [f"unscored: {p.item}: {_cut(p.cause or 'no reason was recorded')}" for p in results.unscored]
    if results.judged:
        table = plain_table(("judged", "raw", "corrected"))
        for row in results.judged:
            table.add_row(row.name, _score_or_na(row.raw), _score_or_na(row.corrected))
        legend = "raw: the judge's own overall; corrected: its components by weight. Neither is held against the other."
        view += ["", table, legend]
    return view


def findings_view(findings: Findings, most: int) -> View:
    """Return character breaks, disagreements of scorers and forms of tool calls, of each what there is."""
    view: View = []
    for name, rows in findings.breaks.items():
        view += _breaks_view(name, rows, most)
    for pair in findings.pairs:
        view += _pair_view(pair, most)
    if not findings.pairs and sum("/" not in name for name in findings.components) > MOST_COMPONENTS:
        view += ["", f"name two scorers with `--against ONE OTHER` to compare them: {', '.join(findings.components)}"]
    if findings.calls:
        table = plain_table(("tool calls", "structured", "as text", "none"))
        for category, counts in sorted(findings.calls.items()):
            table.add_row(category, *map(str, counts))
        view += ["", table]
    return view


def _breaks_view(name: str, rows: Sequence[ItemBreaks], most: int) -> View:
    """Return the prompts that broke most often, and the sums by category."""
    sums = ", ".join(f"{category} {n}/{of}" for category, (n, of) in sorted(breaks_per_category(rows).items()))
    broke = sorted((row for row in rows if row.breaks), key=lambda row: (-row.breaks / row.samples, row.item))[:most]
    if not broke:
        return ["", f"{name}, breaks/samples: {sums}"]
    table = plain_table((f"{name}, most breaks", "category", "breaks"))
    for row in broke:
        table.add_row(row.item, row.category, f"{row.breaks}/{row.samples}")
    return ["", table, f"by category: {sums}", *(f"why: {row.item}: {_cut(row.cause)}" for row in broke if row.cause)]


def _pair_view(pair: Pair, most: int) -> View:
    """Return the prompts on which two scorers are furthest apart."""
    one, other = pair.one, pair.other
    told = f"{one} and {other} differ on {len(pair.apart)} of {_items(pair.items)}"
    if not pair.apart:
        return ["", told]
    table = plain_table((f"{one} against {other}", "category", one, other, "apart"))
    for row in pair.apart[:most]:
        table.add_row(row.item, row.category, *(show(value, "score") for value in (row.one, row.other, row.distance)))
    return ["", table, told, *(f"why: {row.item}: {_cut(row.cause)}" for row in pair.apart[:most] if row.cause)]


def stats_json(stats: SuiteStats, measured: Measured | None) -> dict[str, Any]:
    """Return the statistics for machines."""
    found = stats.model_dump(mode="json")
    if measured is None:
        return found
    results, findings = measured
    scores = {**results.model_dump(mode="json"), "success_rate": results.success_rate, **findings_json(findings)}
    return {**found, "scores": scores}


def split_view(sides: Sequence[SplitSide]) -> View:
    """Return items per category and side, and where they lie."""
    table = plain_table(("category", *(side.path.stem for side in sides)))
    for name in sorted({name for side in sides for name in side.counts}):
        counts = (side.counts.get(name, 0) for side in sides)
        table.add_row(name, *(f"{count}{'*' if is_directional(count) else ''}" for count in counts))
    view: View = [table]
    if any(is_directional(count) for side in sides for count in side.counts.values()):
        view.append("* fewer than 7 items: a direction, no claim")
    return [*view, "", *(f"{side.path}: {_items(len(side.items))}, version {side.version}" for side in sides)]


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"


def _counts(prompt: PromptResult) -> tuple[str, ...]:
    return tuple(f"{count}/{prompt.samples}" for count in (prompt.answered, prompt.scored, prompt.critical))


def shares_in_words(values: dict[str, int], items: int) -> str:
    """Return a tag's values with their shares, the unclassified ones last and always."""
    named = [(value, count) for value, count in values.items() if value != UNCLASSIFIED]
    listed, rest = named[:MOST_VALUES], named[MOST_VALUES:]
    parts = [f"{value} {count} ({count / items:.0%})" for value, count in listed]
    if rest:
        parts.append(f"{len(rest)} more values {sum(count for _, count in rest)}")
    unclassified = values.get(UNCLASSIFIED, 0)
    return ", ".join([*parts, f"unclassified {unclassified} ({unclassified / items:.0%})"])


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= CAUSE_WIDTH else f"{line[: CAUSE_WIDTH - 1]}…"


def _score_or_na(value: float | None) -> str:
    return "N/A" if value is None else show(value, "score")
