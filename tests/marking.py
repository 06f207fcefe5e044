"""One component of a kind, and what it says of one answer."""

from __future__ import annotations

from typing import Any

from probes.evaluation.scorers.exchange import Exchange, Mark
from probes.evaluation.scorers.scorer import Scorer


def component(kind: str, **needs: Any) -> Any:
    return Scorer.model_validate({"components": [{"kind": kind, "weight": 1.0, **needs}]}).components[0]


def mark(answer: str | Exchange, kind: str, **needs: Any) -> Mark:
    exchange = Exchange(answer) if isinstance(answer, str) else answer
    return component(kind, **needs).mark(exchange)


def value(answer: str | Exchange, kind: str, **needs: Any) -> float:
    found = mark(answer, kind, **needs).value
    assert found is not None
    return found
