"""From a reply's object to a verdict. What was not said, or lies off the scale, is not scored and never made to fit."""

from __future__ import annotations

import math
from typing import Any, cast

from probes.errors import ModelReplyError
from probes.evaluation.judging.rubric import CRITICAL, OVERALL, SCALE, SCORES, Rubric
from probes.frozen import Frozen


class Verdict(Frozen):
    """What a judge said of one answer."""

    overall: float
    """0 … 10: the components weighted by the rubric, whatever the judge's own overall is."""
    components: dict[str, float]
    """Component → 0 … 10."""
    judge_overall_score: float | None
    """The judge's own overall; None when it gave none."""
    critical_failures: tuple[str, ...] = ()
    """As the judge named them, each once."""
    justifications: dict[str, str] = {}
    """Component → the judge's sentence."""

    @property
    def is_overall_computed(self) -> bool:
        """Whether the only overall there is was computed."""
        return self.judge_overall_score is None


def read_verdict(data: dict[str, Any], rubric: Rubric) -> Verdict:
    """Return the verdict in a reply; components that the rubric does not have are left aside.

    Raises:
        ModelReplyError: a component is missing, a score is no number or off the scale, or a critical failure
            is not decided.
    """
    scores: Any = data.get(SCORES)
    if not isinstance(scores, dict):
        raise ModelReplyError(f"`{SCORES}` is not an object")
    components: dict[str, float] = {}
    justifications: dict[str, str] = {}
    for component in rubric.components:
        given: Any = cast("dict[str, Any]", scores).get(component.name)
        if isinstance(given, dict):
            parts = cast("dict[str, Any]", given)
            given, reason = parts.get("score"), parts.get("justification")
            if isinstance(reason, str):
                justifications[component.name] = reason
        if given is None:
            raise ModelReplyError(f"component `{component.name}` is missing")
        components[component.name] = _score(given, f"component `{component.name}`")
    own: Any = data.get(OVERALL)
    return Verdict(
        overall=weighted(components, rubric),
        components=components,
        judge_overall_score=None if own is None else _score(own, f"`{OVERALL}`"),
        critical_failures=_critical(data, rubric),
        justifications=justifications,
    )


def weighted(components: dict[str, float], rubric: Rubric) -> float:
    """Return the rubric's weighted mean, 0 … 10."""
    return math.fsum(each.weight * components[each.name] for each in rubric.components)


def _score(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ModelReplyError(f"{what} is no number: {str(value)[:40]!r}")
    if not 0 <= value <= SCALE:
        raise ModelReplyError(f"{what} is off the scale of 0 to {SCALE}: {str(value)[:40]}")
    return float(value)


def _critical(data: dict[str, Any], rubric: Rubric) -> tuple[str, ...]:
    """Return the failures that are there; a list names just these, as judges without a schema like to write them."""
    if not rubric.critical_failures:
        return ()
    given: Any = data.get(CRITICAL)
    if isinstance(given, list) and all(isinstance(name, str) for name in cast("list[Any]", given)):
        return tuple(dict.fromkeys(cast("list[str]", given)))
    if not isinstance(given, dict):
        raise ModelReplyError(f"`{CRITICAL}` says nothing of each failure")
    said = cast("dict[str, Any]", given)
    for failure in rubric.critical_failures:
        if failure.name not in said:
            raise ModelReplyError(f"critical failure `{failure.name}` is not decided")
    for name, value in said.items():
        if not isinstance(value, bool):
            raise ModelReplyError(f"critical failure `{name}` is neither true nor false: {str(value)[:40]!r}")
    return tuple(name for name, is_there in said.items() if is_there)
