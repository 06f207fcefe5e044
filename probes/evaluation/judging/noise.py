"""How far a judge disagrees with itself: the same answers judged several times, nothing changed in between.

Temperature 0 does not make a judge repeat itself, and some models take no temperature at all. What is measured here is
part of every score's noise; it is not the judge's bias, which repeats agree on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import fmean

from probes.evaluation.judging.usage import Judgement
from probes.frozen import Frozen
from probes.statistics.noise import sd_interval
from probes.statistics.verdicts import Interval

OVERALL, OWN_OVERALL = "overall", "judge's own overall"
Pick = Callable[[Judgement], float | None]


class RepeatNoise(Frozen):
    """The noise of one of a judge's numbers between judgements of the same answer."""

    metric: str
    """`overall`, `judge's own overall`, or a component."""
    sd: float | None
    """Pooled over answers, in points of 0 … 10; None when no answer has two scores."""
    interval: Interval
    """Chi-square interval of the sd; assumes equal, normal noise on all answers."""
    df: int
    answers: int
    """With at least two scores."""
    agreed: float | None
    """Share of these on which all scores were equal."""
    widest: float | None
    """Largest range on one answer, in points."""

    def sd_of_mean(self, answers: int) -> float | None:
        """Return what this noise alone does to the mean of so many answers, each judged once."""
        return None if self.sd is None else self.sd / sqrt(answers)


class RepeatReport(Frozen):
    """What repeats say of one judge."""

    metrics: tuple[RepeatNoise, ...]
    answers: int
    repeats: int
    """Most judgements of one answer."""
    unscored: int
    """Judgements without a verdict."""
    critical_agreed: float | None
    """Share of the answers with two verdicts or more on which all named the same critical failures."""


def repeat_noise(groups: Sequence[Sequence[Judgement]], level: float = 0.9) -> RepeatReport:
    """Return the noise between judgements of the same answer; `groups` has one entry per answer."""
    components = dict.fromkeys(name for group in groups for one in group for name in one.components)
    picks: dict[str, Pick] = {OVERALL: lambda one: one.overall, OWN_OVERALL: lambda one: one.judge_overall_score}
    picks |= {name: _component(name) for name in components}
    verdicts = [[one for one in group if one.unscored is None] for group in groups]
    named = [{frozenset(one.critical_failures) for one in group} for group in verdicts if len(group) > 1]
    return RepeatReport(
        metrics=tuple(_noise(metric, verdicts, pick, level) for metric, pick in picks.items()),
        answers=len(groups),
        repeats=max(map(len, groups), default=0),
        unscored=sum(map(len, groups)) - sum(map(len, verdicts)),
        critical_agreed=fmean(len(sets) == 1 for sets in named) if named else None,
    )


def _component(name: str) -> Pick:
    return lambda one: one.components.get(name)


def _noise(metric: str, groups: Sequence[Sequence[Judgement]], pick: Pick, level: float) -> RepeatNoise:
    values = [[value for one in group if (value := pick(one)) is not None] for group in groups]
    repeated = [scores for scores in values if len(scores) > 1]
    df = sum(len(scores) - 1 for scores in repeated)
    squares = sum((score - fmean(scores)) ** 2 for scores in repeated for score in scores)
    sd = sqrt(squares / df) if df else None
    return RepeatNoise(
        metric=metric,
        sd=sd,
        # Repeats that all agree bound the noise by no more than their number does.
        interval=sd_interval(sd, df, level) if sd else Interval(low=None, high=None, level=level),
        df=df,
        answers=len(repeated),
        agreed=fmean(len(set(scores)) == 1 for scores in repeated) if repeated else None,
        widest=max((max(scores) - min(scores) for scores in repeated), default=None),
    )
