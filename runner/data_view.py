"""What `nightlab data` prints: rows, tags, mix, and what sets chosen answers apart from rejected ones."""

from __future__ import annotations

import tomli_w

from probes.data.composition import Composition
from probes.data.contrast import Contrast
from probes.data.stats import Authors, DataStats
from probes.data.tags import MISSING
from probes.figures import show
from probes.recipe import DataMix
from runner.data import DataSource
from runner.suite_view import shares_in_words
from runner.tables import View, plain_table

STRIKING = 1.0
"""Contractions per answer by which the two sides differ so much that a model learns that first."""


def data_view(source: DataSource, stats: DataStats) -> View:
    """Return counts by tag, what the mix asked for and got, the surface contrast, and who wrote the answers."""
    kind = "rows" if source.objective == "sft" else "pairs"
    view: View = [f"{file}: {count} {kind}" for file, count in stats.files.items()]
    view += ["", *_tags(stats.plain, stats.mix.rows)]
    if source.mix != DataMix():
        view += ["", *_mix(stats), *_tags(stats.mixed, stats.mix.achieved)]
    view += ["", _contrast(stats.contrast), *_authors(stats.authors)]
    return [*view, *(f"warning: {warning}" for warning in stats.warnings)]


def mix_toml(mix: DataMix) -> str:
    """Return a mix as the block of a session file."""
    return tomli_w.dumps({"recipe": {"mix": mix.model_dump(mode="json", exclude_defaults=True)}})


def _tags(tags: Composition, rows: int) -> View:
    return [f"tag {name}: {shares_in_words(values, rows)}" for name, values in tags.items()] or ["no tags"]


def _mix(stats: DataStats) -> View:
    """Return the rules with the copies they asked for beside those they got, and the gap."""
    mix = stats.mix
    view: View = []
    if mix.rules:
        table = plain_table(("rule", "matches", "copies asked", "in the mix"))
        for rule in mix.rules:
            table.add_row(rule.rule, str(rule.matched), f"{rule.asked:g}", str(rule.achieved))
        view = [table, ""]
    gap = "as asked" if not mix.gap else f"{mix.gap:+.2g} against what was asked, fractions of a copy rounded"
    return [*view, f"mix: {mix.achieved} rows from {mix.rows}, {gap}"]


def _contrast(contrast: Contrast) -> str:
    """Return the contractions of both sides, and what a large difference means."""
    if contrast.chosen is None or contrast.rejected is None:
        return f"contractions per answer: {show(contrast.chosen, 'score')}"
    told = f"contractions per answer: {contrast.chosen:.1f} chosen, {contrast.rejected:.1f} rejected"
    if abs(contrast.chosen - contrast.rejected) < STRIKING:
        return told
    return f"{told}; so far apart on the surface, a rising reward margin may say no more than that this was learnt"


def _authors(authors: Authors) -> View:
    if set(authors.shares) <= {MISSING}:
        return [f"no row says in a tag `{authors.tag}` who wrote its answers (name another with --generator)"]
    listed = ", ".join(
        f"{'not said' if name == MISSING else name} {share:.0%}" for name, share in authors.shares.items()
    )
    view: View = [f"answers by `{authors.tag}`: {listed}"]
    if authors.on_policy is not None:
        view.append(f"on policy: {authors.on_policy:.0%} of the rows that say who wrote them")
    return view
