"""What a language model is told of the night: a bounded digest made by code from the record.

Numbers, plain words and typed hypotheses, as one JSON object; never a log, an answer of the trained model or anything
else that somebody wrote freely. It grows with nothing: what does not fit is left out, the least telling first. Equal
records give equal digests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.proposers.names import KnobNames, shown, shown_value
from agent.proposers.proposer import Question
from agent.schedule import live_candidates, probes_used
from lanes.config import NumericKnob
from lanes.knobs import Knob
from lanes.moves import OpenKnob
from probes.candidate import Candidate, Change, KnobValue, LaneName
from tracking.night import NightRecord

Moves = Mapping[tuple[LaneName, str], OpenKnob]
Proposed = dict[tuple[LaneName, str], list[Candidate]]


class Detail(NamedTuple):
    """How much is told."""

    knobs: int
    tried: int
    """Latest moves of each knob."""
    hypotheses: int
    guards: int
    values: int
    """Open values of a knob with a list."""


DETAILS = (
    Detail(60, 8, 8, 30, 20),
    Detail(40, 5, 6, 20, 20),
    Detail(30, 3, 4, 12, 16),
    Detail(20, 2, 2, 8, 12),
    Detail(10, 2, 1, 6, 8),
    Detail(5, 1, 0, 3, 6),
    Detail(3, 0, 0, 1, 4),
)
"""From the most that is told to the least, which fits into the smallest bound that a session can set."""


def digest(question: Question, names: KnobNames, most_tokens: int) -> str:
    """Return the night as JSON in at most `most_tokens` by `token_bound`, with the most detail that fits.

    Args:
        question: What is asked.
        names: What stands for the knobs.
        most_tokens: The bound.
    """
    proposed = _by_knob(question.night)
    for detail in DETAILS:
        text = _written(_facts(question, names, detail, proposed))
        if token_bound(text) <= most_tokens:
            return text
    raise AssertionError(f"the least digest has more than {most_tokens} tokens")


def token_bound(text: str) -> int:
    """Return a number of tokens that no usual tokenizer goes beyond: a token each for two letters or one other byte."""
    letters = sum(character.isascii() and character.isalpha() for character in text)
    return (letters + 1) // 2 + len(text.encode()) - letters


def _written(facts: dict[str, Any]) -> str:
    """Return compact JSON in plain ASCII that no text inside can end: angle brackets are escaped."""
    text = json.dumps(facts, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _by_knob(night: NightRecord) -> Proposed:
    found: Proposed = {}
    for candidate in night.candidates.values():
        found.setdefault((candidate.change.lane, candidate.change.knob), []).append(candidate)
    return found


def _facts(question: Question, names: KnobNames, detail: Detail, proposed: Proposed) -> dict[str, Any]:
    night, plan, moves = question.night, question.plan, question.moves
    chosen = sorted(moves.items(), key=lambda item: len(item[1].tried))[: detail.knobs]
    guards = shown(plan.guards, "guard")
    target = shown([plan.target], "the_target")[plan.target]
    return {
        "target": target,
        "run_to_run_sd": _short(night.noise.target_sd if night.noise else plan.referee.assumed_sd),
        "worthwhile_effect": _short(plan.referee.worthwhile),
        "guards": [
            {"guard": guards[name], "margin": _short(margin), "harmed_by": _harm(question, name, names)}
            for name, margin in list(plan.guards.items())[: detail.guards]
        ],
        "probes": {
            "total": plan.budget_probes,
            "used": probes_used(night),
            "kept_for_confirmation": plan.confirm_probes,
        },
        "knobs": [
            _knob(at[0], knob, names, detail) | {"tried": _tried(night, proposed.get(at, []), knob, detail.tried)}
            for at, knob in chosen
        ],
        "knobs_left_out": len(moves) - len(chosen),
        "knobs_that_cannot_move": _settled(question, names, detail.knobs),
        "open_hypotheses": _hypotheses(question, names, detail.hypotheses),
    }


def _knob(lane: LaneName, knob: OpenKnob, names: KnobNames, detail: Detail) -> dict[str, Any]:
    """Return a knob's working value, bounds, step limit, what is open now, and where it collapsed."""
    facts: dict[str, Any] = {
        "lane": lane,
        "knob": names.handle(lane, knob.name),
        "working": _value(knob.knob, knob.working),
    }
    spec = knob.knob
    if isinstance(spec, NumericKnob):
        facts |= {"low": _short(spec.low), "high": _short(spec.high), "scale": spec.scale}
        facts["open"] = {"from": _value(spec, knob.values[0]), "to": _value(spec, knob.values[-1])}
    else:
        facts["open"] = [_value(spec, value) for value in knob.values[: detail.values]]
    limits = {"max_factor": spec.max_factor, "max_step": spec.max_step}
    facts |= {name: _short(limit) for name, limit in limits.items() if limit is not None}
    fragile = [_value(spec, move.change.after) for move in knob.tried if move.collapsed is not None]
    return facts | ({"collapsed_at": fragile[-4:]} if fragile else {})


def _settled(question: Question, names: KnobNames, most: int) -> list[dict[str, Any]]:
    """Return the working values of searched knobs that have no open move."""
    found: list[dict[str, Any]] = []
    for at, lane in question.lanes.items():
        for knob in lane.knobs:
            if (at, knob) not in question.moves:
                working = _value(lane.ranges[knob], lane.value(question.working, knob))
                found.append({"lane": at, "knob": names.handle(at, knob), "working": working})
    return found[:most]


def _tried(night: NightRecord, proposed: Sequence[Candidate], knob: OpenKnob, most: int) -> list[dict[str, Any]]:
    """Return the latest moves of a knob and what was measured of each."""
    found: list[dict[str, Any]] = []
    for candidate in proposed[-most:] if most else ():
        change, reading = candidate.change, night.reading(candidate.id)
        facts: dict[str, Any] = {"from": _value(knob.knob, change.before), "to": _value(knob.knob, change.after)}
        if reading is not None:
            effect = [_short(x) for x in (reading.interval.low, reading.effect, reading.interval.high)]
            facts |= {"effect_low_mean_high": effect, "decision": reading.decision, "probes": reading.replicates}
        found.append(facts)
    return found


def _harm(question: Question, guard: str, names: KnobNames) -> list[dict[str, Any]]:
    """Return the latest changes that harmed a guard."""
    found: list[dict[str, Any]] = []
    for name, readings in reversed(question.night.readings.items()):
        reading, change = readings[-1].guards.get(guard), question.night.candidates[name].change
        if reading is not None and reading.state == "harmful":
            found.append(_move(question, change, names))
        if len(found) == 2:
            break
    return found


def _hypotheses(question: Question, names: KnobNames, most: int) -> list[dict[str, Any]]:
    """Return what live candidates claim, the latest last."""
    night = question.night
    live = [night.candidates[name] for name in live_candidates(night)]
    stated = [candidate for candidate in live if candidate.hypothesis][-most:] if most else []
    return [_move(question, c.change, names) | {"hypothesis": c.hypothesis} for c in stated]


def _move(question: Question, change: Change, names: KnobNames) -> dict[str, Any]:
    to = _value(question.lanes[change.lane].ranges[change.knob], change.after)
    return {"knob": names.handle(change.lane, change.knob), "to": to}


def _value(knob: Knob, value: KnobValue | None) -> KnobValue | None:
    seen = shown_value(knob, value)
    return _short(seen) if isinstance(seen, float) else seen


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
