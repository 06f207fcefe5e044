"""The kind `judge`: a language model's verdict on a rubric. Without a judge an answer is unscored, never 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from probes.evaluation.judging.rubric import SCALE, Rubric
from probes.evaluation.scorers.component import Component
from probes.evaluation.scorers.exchange import Exchange, Mark

if TYPE_CHECKING:
    from probes.evaluation.judging.judge import Judge

_LONGEST_CAUSE = 200


class Judged(Component):
    """The weighted overall of the rubric's components; each of them is recorded as `judge/<component>`."""

    kind: Literal["judge"]
    rubric: str | Rubric = "default"
    """A rubric, or the name of one in `[judge.rubrics]`."""

    @property
    def is_costly(self) -> bool:
        """A mark takes a request."""
        return True

    def rubric_of(self, judge: Judge) -> Rubric | None:
        """Return the rubric, looked up in the session's where it is a name; None where there is none of that name."""
        return judge.rubric(self.rubric) if isinstance(self.rubric, str) else self.rubric

    def mark(self, exchange: Exchange) -> Mark:
        """Return 0 … 1 as the judge's components say, or why there is no verdict."""
        judge: Judge | None = exchange.aids.judge if exchange.aids is not None else None
        if judge is None:
            return Mark(None, "there is no judge; give the session a `[judge]` section")
        rubric = self.rubric_of(judge)
        if rubric is None:
            return Mark(
                None, f"there is no rubric `{self.rubric}`; add `[judge.rubrics.{self.rubric}]`"[:_LONGEST_CAUSE]
            )
        found = judge.judge(rubric, exchange)
        if found.overall is None:
            return Mark(None, f"{found.unscored}"[:_LONGEST_CAUSE])
        worst = min(found.components, key=lambda name: found.components[name])
        cause = "" if found.overall == SCALE else f"{worst} {found.components[worst]:g}"
        reason = found.justifications.get(worst)
        return Mark(
            value=found.overall / SCALE,
            cause=f"{cause}: {' '.join(reason.split())}"[:_LONGEST_CAUSE] if cause and reason else cause,
            parts={name: score / SCALE for name, score in found.components.items()},
            critical=found.critical_failures,
        )
