"""Asking the lanes for candidates: which lane is next, and the check that a proposal is exactly one allowed change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from agent.plan import NightPlan
from lanes.lane import Lane, Tried
from probes.candidate import Candidate, Change, LaneName
from tracking.collapses import collapses
from tracking.night import NightRecord

TURNS: tuple[LaneName, ...] = ("hyperparameters", "data_mix", "hyperparameters", "curriculum")
"""Lanes take turns; the lane with the most knobs comes twice."""


def propose(
    night: NightRecord,
    plan: NightPlan,
    lanes: Mapping[LaneName, Lane],
    proposer: str,
    closed: Collection[tuple[str, str]] = (),
) -> Candidate | tuple[Change, str] | None:
    """Return the next candidate; a change with the reason it was refused; None when every lane is exhausted.

    Knobs in `closed`, each with its lane, are left out.
    """
    assert night.working_recipe is not None
    working, asked = night.working_recipe, len(night.candidates) + len(night.refusals)
    tried = tried_moves(night)
    for name in lanes_in_turn(asked, lanes):
        lane = lanes[name]
        change = lane.ask(working, tried, plan.ask_seed(asked), [knob for at, knob in closed if at == name])
        if change is None:
            continue
        refusal = lane.refusal(change, working, tried)
        if refusal is not None:
            return change, refusal
        return Candidate(
            id=f"c{len(night.candidates) + 1:02d}",
            change=change,
            parent=working.fingerprint,
            recipe=lane.apply(change, working),
            proposer=proposer,
        )
    return None


def tried_moves(night: NightRecord) -> list[Tried]:
    """Return every move of the night with what became of it, in order of proposal."""
    moves, ruined = list[Tried](), collapses(night)
    for name, candidate in night.candidates.items():
        reading = night.reading(name)
        decision, effect = (reading.decision, reading.effect) if reading else (None, None)
        moves.append(Tried(change=candidate.change, decision=decision, effect=effect, collapsed=ruined.get(name)))
    return moves


def lanes_in_turn(asked: int, lanes: Mapping[LaneName, Lane]) -> Iterator[LaneName]:
    """Yield open lanes, the one whose turn it is first, each once."""
    seen: set[LaneName] = set()
    for offset in range(len(TURNS)):
        name = TURNS[(asked + offset) % len(TURNS)]
        if name in lanes and name not in seen:
            seen.add(name)
            yield name
