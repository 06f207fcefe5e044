"""Two forms of one judged score: raw, the judge's own overall, and corrected, the rubric's weighted components.

They are different measurements of the same answer, and the judge's own drifts from its components (in published tables
by .0 to .8 points, and by run). So both are shown side by side, what a run lacks is missing and neither form ever
stands in for the other, and a difference is only taken within one form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Literal, NamedTuple

from probes.aggregation import Weights, overall_of
from probes.errors import ComparabilityError
from probes.frozen import Frozen

Form = Literal["raw", "corrected"]


class FormedScore(NamedTuple):
    """A score that knows its form."""

    name: str
    form: Form
    value: float | None
    """None: N/A."""


class ScoreRow(Frozen):
    """One thing that was judged: a run, a category, an answer."""

    name: str
    raw: float | None
    """The judge's own overall, 0 … 10; None: N/A."""
    corrected: float | None
    """The components weighted by the rubric, 0 … 10; None: N/A."""

    def score(self, form: Form) -> FormedScore:
        """Return the score in one form; None where there is none, never the other form's."""
        return FormedScore(self.name, form, self.raw if form == "raw" else self.corrected)


def change(before: FormedScore, after: FormedScore) -> float | None:
    """Return `after` minus `before`, None when either is missing.

    Raises:
        ComparabilityError: one is raw and the other corrected.
    """
    if before.form != after.form:
        raise ComparabilityError(
            f"the {before.form} score of {before.name} and the {after.form} score of {after.name} cannot be compared: "
            "raw is the judge's own overall, corrected the weighted components; compare raw with raw or corrected "
            "with corrected"
        )
    return None if before.value is None or after.value is None else after.value - before.value


def mean_row(name: str, rows: Iterable[ScoreRow]) -> ScoreRow:
    """Return the mean of each form; a form that one row lacks is missing, as means over other rows do not compare."""
    rows = list(rows)
    return ScoreRow(name=name, raw=_mean([row.raw for row in rows]), corrected=_mean([row.corrected for row in rows]))


def overall_row(name: str, rows: Mapping[str, ScoreRow], weights: Weights | None = None) -> ScoreRow:
    """Return the overall of category rows in both forms, each by the same weights."""
    return ScoreRow(
        name=name,
        raw=overall_of({category: row.raw for category, row in rows.items()}, weights),
        corrected=overall_of({category: row.corrected for category, row in rows.items()}, weights),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
