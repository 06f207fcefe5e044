"""An item's scorer: weighted components, each 0 … 1, combined into a score of 0 … 10."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from probes.evaluation.scorers.character import CharacterBreak
from probes.evaluation.scorers.diff import DiffApplies, DiffParses
from probes.evaluation.scorers.exchange import Exchange, Mark, Scored
from probes.evaluation.scorers.form import CleanStop, Format
from probes.evaluation.scorers.json_text import Json
from probes.evaluation.scorers.judge import Judged
from probes.evaluation.scorers.match import Exact, Normalized
from probes.evaluation.scorers.python_tests import PythonTests
from probes.evaluation.scorers.repetition import Repetition
from probes.evaluation.scorers.secrets import Secrets
from probes.evaluation.scorers.syntax import PythonSyntax, Syntax
from probes.evaluation.scorers.tool_calls import ToolCalls
from probes.evaluation.scorers.words import Contractions, Forbidden, Keywords, Opening, Regex
from probes.frozen import Frozen

AnyComponent = Annotated[
    Keywords
    | Regex
    | Forbidden
    | Opening
    | Contractions
    | Exact
    | Normalized
    | Json
    | PythonSyntax
    | PythonTests
    | Syntax
    | CleanStop
    | Format
    | Repetition
    | Secrets
    | CharacterBreak
    | ToolCalls
    | DiffParses
    | DiffApplies
    | Judged,
    Field(discriminator="kind"),
]
KINDS = (
    "keywords",
    "regex",
    "forbidden",
    "opening",
    "contractions",
    "exact",
    "normalized",
    "json",
    "python_syntax",
    "python_tests",
    "syntax",
    "clean_stop",
    "format",
    "repetition",
    "secrets",
    "character_break",
    "tool_calls",
    "diff_parses",
    "diff_applies",
    "judge",
)
"""Every `kind` a component may have."""


class Scorer(Frozen):
    """What an item's `scorer` holds."""

    components: Annotated[tuple[AnyComponent, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _weights_and_names(self) -> Self:
        total = sum(component.weight for component in self.components)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"component weights must sum to 1, got {total:.6g}")
        given = [component.name for component in self.components if component.name is not None]
        if len(set(given)) != len(given):
            raise ValueError(f"component names must be unique, got {given}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The components' names: their own, else their kind, numbered from the second of a kind on."""
        names: list[str] = []
        for component in self.components:
            name, number = component.name or component.kind, 2
            while name in names:
                name, number = f"{component.name or component.kind}-{number}", number + 1
            names.append(name)
        return tuple(names)

    @property
    def is_costly(self) -> bool:
        """Whether scoring takes processes or requests."""
        return any(component.is_costly for component in self.components)

    def score(self, exchange: Exchange) -> Scored:
        """Return the score of one answer; one component that cannot be marked leaves the answer unscored."""
        if exchange.stop_reason == "error":
            return Scored(None, {}, (), unscored=f"no answer: {exchange.text or 'the backend failed'}")
        marks = {name: part.mark(exchange) for name, part in zip(self.names, self.components, strict=True)}
        known = {name: mark.value for name, mark in marks.items() if mark.value is not None}
        critical = tuple(
            failure
            for name, part in zip(self.names, self.components, strict=True)
            for failure in (
                *((name,) if part.critical and known.get(name) == 0 else ()),
                *(f"{name}/{each}" for each in marks[name].critical),
            )
        )
        recorded = known | {
            f"{name}/{part}": value for name, mark in marks.items() for part, value in mark.parts.items()
        }
        causes = {name: mark.cause for name, mark in marks.items() if mark.cause}
        if len(known) < len(marks):
            return Scored(None, recorded, critical, _why_unscored(marks), causes)
        total = sum(part.weight * value for part, value in zip(self.components, known.values(), strict=True))
        if total == 0 and not causes:
            causes = {next(iter(marks)): _why_nothing(exchange)}
        return Scored(min(10.0, max(0.0, 10.0 * total)), recorded, critical, causes=causes)


def _why_nothing(exchange: Exchange) -> str:
    """Return the cause of a score of 0 that no component explains."""
    if not exchange.text.strip() and not exchange.tool_calls:
        return "the answer is empty"
    return "the answer was cut at `max_new_tokens`" if exchange.stop_reason == "length" else "no rule is met"


def _why_unscored(marks: dict[str, Mark]) -> str:
    missing = (f"{name}: {mark.cause or 'no value'}" for name, mark in marks.items() if mark.value is None)
    return "; ".join(missing)
