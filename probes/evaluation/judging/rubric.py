"""A rubric: the components a judge scores on 0 … 10, their weights, and the failures it has to name."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from probes.frozen import Frozen

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
SCALE = 10
"""Scores are 0 … 10."""
SCORES, OVERALL, CRITICAL = "scores", "overall_score", "critical_failures"
"""Keys of a judge's reply."""


class RubricComponent(Frozen):
    """One thing the judge scores."""

    name: Name
    """What it is called in the judge's reply and in the scores."""
    weight: float = Field(gt=0.0, le=1.0)
    """Share of the overall score; a rubric's weights sum to 1."""
    description: str = Field(min_length=1)
    """What 10 looks like, and what costs points."""


class CriticalFailure(Frozen):
    """A failure that is counted apart from the score."""

    name: Name
    """What it is called in the judge's reply and in the counts."""
    description: str = Field(min_length=1)
    """When it is there."""


class Rubric(Frozen):
    """What a judge is asked."""

    context: str = ""
    """What the judge has to know: who is to speak, to whom, what is true."""
    components: Annotated[tuple[RubricComponent, ...], Field(min_length=1)]
    critical_failures: tuple[CriticalFailure, ...] = ()
    """Failures the judge names when they are there; none: it is not asked for any."""
    justify: bool = True
    """Ask for one sentence per component before its score: better scores, about three times the tokens."""

    @model_validator(mode="after")
    def _weights_and_names(self) -> Self:
        total = sum(component.weight for component in self.components)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"component weights must sum to 1, got {total:.6g}")
        for kind, given in (("component", self.components), ("critical failure", self.critical_failures)):
            names = [each.name for each in given]
            if len(set(names)) != len(names):
                raise ValueError(f"{kind} names must be unique, got {names}")
        return self

    @property
    def required(self) -> tuple[str, ...]:
        """Keys that a reply cannot do without."""
        return (SCORES, CRITICAL) if self.critical_failures else (SCORES,)

    def reply_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a reply, in the part of JSON schema that every provider enforces.

        Ranges and longest lists are not in that part, lists of values are: where the schema holds, no score lies off
        the scale, every critical failure is decided, and without justifications no reply goes on for ever.
        """
        score: dict[str, Any] = {"type": "integer", "enum": list(range(SCALE + 1))}
        each = _object({"justification": {"type": "string"}, "score": score}) if self.justify else score
        fields: dict[str, Any] = {SCORES: _object({component.name: each for component in self.components})}
        if self.critical_failures:
            fields[CRITICAL] = _object({failure.name: {"type": "boolean"} for failure in self.critical_failures})
        fields[OVERALL] = {"type": "number", "enum": [tenth / 10 for tenth in range(10 * SCALE + 1)]}
        return _object(fields)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


PERSONA = Rubric(
    context="The answer should be given in the voice of the person that the conversation is with.",
    components=(
        RubricComponent(
            name="voice",
            weight=0.25,
            description="Register, vocabulary and sentence rhythm are that person's own throughout.",
        ),
        RubricComponent(
            name="rhetoric",
            weight=0.20,
            description="The argument is built as that person builds arguments, not as a list of talking points.",
        ),
        RubricComponent(
            name="history",
            weight=0.20,
            description="Facts, names, dates and what could be known at the time are right.",
        ),
        RubricComponent(
            name="position",
            weight=0.20,
            description="The views are that person's documented ones, with their reasons and reservations.",
        ),
        RubricComponent(
            name="integrity",
            weight=0.15,
            description="The answer stays in character and in the first person from beginning to end.",
        ),
    ),
    critical_failures=(
        CriticalFailure(name="character_break", description="The answer speaks as an assistant or a language model."),
        CriticalFailure(name="anachronism", description="It knows what that person could not have known."),
        CriticalFailure(name="fabrication", description="It invents a quotation, a document or an event."),
        CriticalFailure(name="reversed_position", description="It argues for what that person argued against."),
    ),
)
"""The rubric `default`, for a persona: voice 25, rhetoric 20, history 20, position 20, integrity 15."""
