"""From a language model's reply to a typed proposal, or the rule that the reply breaks.

The reply is looked at from the outside in: how it ended, how long it is, one JSON object (bare, in a fence, or between
the outermost braces), its keys, its types, its names. Nothing is mended: a reply that was cut off is not read at all,
and one that breaks a rule is asked for again with the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from agent.proposers.names import KnobNames, known_value
from agent.proposers.prompt import MOST_EFFECT
from agent.proposers.proposer import Proposal, Question
from probes.candidate import MOST_WORDS, Forecast, LaneName
from probes.errors import ModelReplyError
from probes.evaluation.scorers.json_text import parse_strict
from probes.frozen import Frozen
from probes.language_models.model import Reply, StopReason

MOST_CHARACTERS = 20_000
"""Of a reply; a longer one is not parsed."""
MOST_REASON = 300
_FENCE = re.compile(r"^[ \t]*```[a-zA-Z]*[ \t]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_ENDINGS: dict[StopReason, str] = {
    "length": "the reply was cut off at its token limit; answer with less",
    "refusal": "the model declined to answer",
    "other": "the reply did not end by itself",
}


class _Stated(Frozen):
    """The reply's object, by type alone."""

    lane: StrictStr = Field(max_length=100)
    knob: StrictStr = Field(max_length=100)
    value: StrictFloat | StrictInt | StrictBool | StrictStr
    hypothesis: StrictStr = Field(pattern=r"\S", max_length=MOST_WORDS)
    effect: float = Field(ge=-MOST_EFFECT, le=MOST_EFFECT, strict=True)
    low: float = Field(ge=-MOST_EFFECT, le=MOST_EFFECT, strict=True)
    high: float = Field(ge=-MOST_EFFECT, le=MOST_EFFECT, strict=True)
    confidence: float = Field(ge=0.0, le=1.0, strict=True)
    refuted_by: StrictStr = Field(max_length=MOST_WORDS)


def read_proposal(reply: Reply, question: Question, names: KnobNames) -> Proposal:
    """Return the one proposal in a reply.

    Raises:
        ModelReplyError: there is none; the message is the rule that the reply breaks.
    """
    if reply.stop_reason in _ENDINGS:
        raise ModelReplyError(_ENDINGS[reply.stop_reason])
    try:
        stated = _Stated.model_validate(_object_in(reply.text))
        forecast = Forecast(
            effect=stated.effect,
            low=stated.low,
            high=stated.high,
            confidence=stated.confidence,
            refuted_by=_one_line(stated.refuted_by),
        )
    except ValidationError as error:
        raise ModelReplyError(_first_rule(error)) from error
    if stated.lane not in question.lanes:
        raise ModelReplyError(f"lane `{stated.lane}` is not searched tonight; open are {', '.join(question.lanes)}")
    lane = cast("LaneName", stated.lane)
    knob, value = names.knob(lane, stated.knob), stated.value
    if isinstance(value, str) and len(value) > MOST_WORDS:
        raise ModelReplyError(f"`value` must be a number or one of the knob's words, got {len(value)} characters")
    if (lane, knob) in question.moves:
        value = known_value(question.moves[lane, knob].knob, value)
    return Proposal(lane=lane, knob=knob, value=value, hypothesis=_one_line(stated.hypothesis), forecast=forecast)


def short_reason(reason: str) -> str:
    """Return a rule in one line of bounded length."""
    text = " ".join(reason.split())
    return text if len(text) <= MOST_REASON else text[: MOST_REASON - 1] + "…"


def _object_in(text: str) -> object:
    """Return the one JSON object of a text."""
    if len(text) > MOST_CHARACTERS:
        raise ModelReplyError(
            f"the reply has {len(text)} characters, at most {MOST_CHARACTERS} are read; answer with less"
        )
    why = "it is empty"
    for part in _candidates(text):
        try:
            value = parse_strict(part, unique_keys=True)
        except ValueError as error:
            why = str(error)
            continue
        if isinstance(value, list):
            raise ModelReplyError("the reply is a list; propose exactly one change of one knob, as one object")
        if isinstance(value, dict):
            return cast("object", value)
    raise ModelReplyError(f"the reply is not one JSON object: {why}")


def _candidates(text: str) -> Iterator[str]:
    yield text.strip()
    fences = _FENCE.findall(text)
    if len(fences) == 1:
        yield fences[0].strip()
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        yield text[start : end + 1]


def _first_rule(error: ValidationError) -> str:
    """Return the first broken rule without the value that broke it, and the rule of one change where several came."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"][:1])[:60]
    if first["type"] == "extra_forbidden":
        return f"`{where}` is no key of an answer; propose exactly one change, with the keys given"
    if where in ("lane", "knob", "value"):
        return f"`{where}`: {first['msg']}; propose exactly one change of one knob"
    return f"`{where}`: {first['msg']}" if where else first["msg"].removeprefix("Value error, ")


def _one_line(text: str) -> str:
    return " ".join(text.split())
