"""How a suite's prompts were answered in one probe, from the files it left: best, worst, answered, judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import ValidationError

from probes.comparability import CURES
from probes.errors import ComparabilityError, DataError
from probes.evaluation.score_forms import ScoreRow, mean_row, overall_row
from probes.evaluation.suites.digest import suite_digest
from probes.evaluation.suites.item import Item
from probes.frozen import Frozen
from probes.outcome import SampleScore
from probes.request import REQUEST_NAME, ProbeRequest

SCORES_NAME, JUDGEMENTS_NAME = "scores.jsonl", "judgements.jsonl"


class PromptResult(Frozen):
    """One prompt's samples in one probe."""

    item: str
    category: str
    difficulty: str
    score: float | None
    """Mean of the scored samples, 0 … 10."""
    samples: int
    scored: int
    """Samples with a score; the others are unscored, not 0."""
    answered: int
    """Samples with an answer at all."""
    critical: int
    """Samples with a critical failure."""
    cause: str = ""
    """Why a sample with the fewest points has no more, where the scorer said so."""


class SuiteResults(Frozen):
    """A probe's results prompt by prompt."""

    version: str
    """Digest of the items that were scored."""
    split: str
    prompts: tuple[PromptResult, ...]
    """Best first; unscored prompts last."""
    judged: tuple[ScoreRow, ...] = ()
    """Category → raw and corrected score, `overall` last; empty without a judge."""

    @property
    def success_rate(self) -> float:
        """Share of the samples that were answered at all; apart from any score."""
        return sum(prompt.answered for prompt in self.prompts) / sum(prompt.samples for prompt in self.prompts)

    def best(self, count: int) -> tuple[PromptResult, ...]:
        """Return the prompts with the highest scores, best first."""
        return tuple(prompt for prompt in self.prompts if prompt.score is not None)[:count]

    def worst(self, count: int) -> tuple[PromptResult, ...]:
        """Return the prompts with the lowest scores, worst first."""
        return tuple(prompt for prompt in reversed(self.prompts) if prompt.score is not None)[:count]

    @property
    def unscored(self) -> tuple[PromptResult, ...]:
        """The prompts none of whose samples has a score."""
        return tuple(prompt for prompt in self.prompts if prompt.score is None)


def read_results(folder: Path, items: Sequence[Item]) -> SuiteResults:
    """Return what a probe's folder says about the prompts of `items`.

    Raises:
        ComparabilityError: the probe was scored on another version of the suite.
        DataError: the folder is no probe's, or has no scores.
    """
    folder = probe_folder(folder)
    request = _read_request(folder)
    scores = read_scores(folder)
    by_id: dict[str, list[SampleScore]] = {}
    for score in scores:
        by_id.setdefault(score.item, []).append(score)
    _require_version(folder, items, set(by_id), request)
    prompts = [_result(item, by_id[item.id]) for item in items if item.id in by_id]
    prompts.sort(key=lambda prompt: (prompt.score is None, -(prompt.score or 0.0), prompt.item))
    categories = {item.id: item.category for item in items}
    return SuiteResults(
        version=request.suite.digest,
        split=request.split,
        prompts=tuple(prompts),
        judged=_judged(folder / JUDGEMENTS_NAME, categories, request),
    )


def _result(item: Item, samples: Sequence[SampleScore]) -> PromptResult:
    known = [sample.score for sample in samples if sample.score is not None]
    weakest = min(samples, key=lambda sample: -1.0 if sample.score is None else sample.score)
    return PromptResult(
        item=item.id,
        category=item.category,
        difficulty=item.difficulty,
        score=fmean(known) if known else None,
        samples=len(samples),
        scored=len(known),
        answered=sum(sample.answered for sample in samples),
        critical=sum(bool(sample.critical_failures) for sample in samples),
        cause=weakest.unscored or next(iter(weakest.causes.values()), ""),
    )


def probe_folder(folder: Path) -> Path:
    """Return the probe's own folder where `folder` is what `nightlab probe --out` wrote."""
    inside = [path.parent for path in (folder / "probes").glob(f"*/{REQUEST_NAME}")]
    return inside[0] if len(inside) == 1 else folder


def _require_version(folder: Path, items: Sequence[Item], scored: set[str], request: ProbeRequest) -> None:
    unknown = sorted(scored - {item.id for item in items})
    asked = [item for item in items if item.id in scored]
    found = suite_digest(asked)
    if unknown or found != request.suite.digest:
        gone = f"; {len(unknown)} of its items are not in these files, the first is `{unknown[0]}`" if unknown else ""
        raise ComparabilityError(
            f"the probe in `{folder}` was scored on version {request.suite.digest} of the suite, these files are "
            f"version {found} for the same items{gone}; {CURES['suite']}"
        )


def _read_request(folder: Path) -> ProbeRequest:
    path = folder / REQUEST_NAME
    try:
        return ProbeRequest.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"`{folder}` is no probe's folder: `{REQUEST_NAME}` cannot be read ({error.strerror}); name a folder such "
            "as `results/<session>/probes/<key>`, or what `nightlab probe --out` wrote"
        ) from error
    except ValidationError as error:
        raise DataError(
            f"`{path}` is not a request of this version of nightlab ({error.error_count()} keys); measure again"
        ) from error


def read_scores(folder: Path) -> list[SampleScore]:
    """Return the scores of every sample, as a probe's folder has them.

    Raises:
        DataError: there are none, or they are not of this version.
    """
    path = folder / SCORES_NAME
    rows = _read_rows(path)
    if not rows:
        raise DataError(f"`{path}` has no scores: the probe did not get as far as its evaluation")
    try:
        return [SampleScore.model_validate(row) for row in rows]
    except ValidationError as error:
        raise DataError(f"`{path}` does not hold scores of this version of nightlab; measure again") from error


def _judged(path: Path, categories: dict[str, str], request: ProbeRequest) -> tuple[ScoreRow, ...]:
    """Return raw and corrected score of each category and overall, as the judge's own record has them."""
    by_category: dict[str, list[ScoreRow]] = {}
    for row in _read_rows(path) if path.exists() else []:
        answer = ScoreRow(name=row["item"], raw=row.get("judge_overall_score"), corrected=row.get("overall"))
        by_category.setdefault(categories[answer.name], []).append(answer)
    rows = {name: mean_row(name, answers) for name, answers in sorted(by_category.items())}
    return (*rows.values(), overall_row("overall", rows, request.weights)) if rows else ()


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"`{path}` cannot be read: {error}; measure again") from error
