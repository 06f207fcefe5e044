"""What a probe's scores say beyond their means: character breaks, where scorers disagree, forms of tool calls.

Every part is there only where the items have the components for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from probes.errors import ConfigError
from probes.evaluation.breaks import ItemBreaks, breaks_per_item
from probes.evaluation.call_forms import CallCounts, count_call_forms, expect_calls
from probes.evaluation.disagreement import Disagreement, disagreements
from probes.evaluation.responses import read_responses
from probes.evaluation.scorers.character import CharacterBreak
from probes.evaluation.suites.item import Item
from probes.evaluation.suites.results import probe_folder, read_scores
from probes.outcome import SampleScore

MOST_COMPONENTS = 3
"""Components up to which every pair is compared unasked; of many, most pairs were never meant to agree."""


class Pair(NamedTuple):
    """Two components that marked the same samples."""

    one: str
    other: str
    items: int
    """Items that both marked."""
    apart: tuple[Disagreement, ...]
    """Those on which they are apart, the furthest first."""


class Findings(NamedTuple):
    """What was found in one probe."""

    breaks: dict[str, tuple[ItemBreaks, ...]]
    """Component of kind `character_break` → breaks of each of its items."""
    pairs: tuple[Pair, ...]
    components: tuple[str, ...]
    """All components that marked something; a judge's parts are `judge/<part>`."""
    calls: dict[str, CallCounts]
    """Category → forms in which its answers called tools."""


def read_findings(folder: Path, items: Sequence[Item], against: tuple[str, str] | None = None) -> Findings:
    """Return what a probe's folder says about `items`; `against` names the two components that are compared.

    Raises:
        ConfigError: one of them marked nothing, or no sample was marked by both.
        DataError: the folder is no probe's, or lacks its scores or answers.
    """
    folder = probe_folder(folder)
    scores = read_scores(folder)
    components = tuple(sorted({name for score in scores for name in score.components}))
    calls = count_call_forms(items, read_responses(folder)) if expect_calls(items) else {}
    return Findings(_breaks(items, scores), _pairs(scores, components, against), components, calls)


def findings_json(findings: Findings) -> dict[str, Any]:
    """Return the findings for machines."""
    return {
        "breaks": {name: [one._asdict() for one in rows] for name, rows in findings.breaks.items()},
        "disagreements": [
            {**pair._asdict(), "apart": [one._asdict() for one in pair.apart]} for pair in findings.pairs
        ],
        "components": list(findings.components),
        "tool_calls": {name: counts._asdict() for name, counts in findings.calls.items()},
    }


def _breaks(items: Sequence[Item], scores: Sequence[SampleScore]) -> dict[str, tuple[ItemBreaks, ...]]:
    """Return the breaks by component; a name counts only on the items where it is of the kind."""
    owners: dict[str, set[str]] = {}
    for item in items:
        for name, part in zip(item.scorer.names, item.scorer.components, strict=True):
            if isinstance(part, CharacterBreak):
                owners.setdefault(name, set()).add(item.id)
    found = {name: breaks_per_item([s for s in scores if s.item in own], name) for name, own in sorted(owners.items())}
    return {name: rows for name, rows in found.items() if rows}


def _pairs(
    scores: Sequence[SampleScore], components: Sequence[str], against: tuple[str, str] | None
) -> tuple[Pair, ...]:
    if against is not None:
        pair = _pair(scores, *against)
        if not pair.items or against[0] == against[1]:
            raise ConfigError(
                f"`--against {' '.join(against)}` must name two components that marked the same samples; this probe's "
                f"are {', '.join(components) or 'none'}"
            )
        return (pair,)
    whole = [name for name in components if "/" not in name]
    if len(whole) > MOST_COMPONENTS:
        return ()
    return tuple(pair for one, other in combinations(whole, 2) if (pair := _pair(scores, one, other)).items)


def _pair(scores: Sequence[SampleScore], one: str, other: str) -> Pair:
    shared = {score.item for score in scores if one in score.components and other in score.components}
    return Pair(one, other, len(shared), disagreements(scores, one, other))
