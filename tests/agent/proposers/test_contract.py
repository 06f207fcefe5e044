"""What every proposer owes the night: legal, new, one knob, alike for alike questions, never a closed knob, an end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock, MemoryLedger, SimulatedLauncher
from fakes_proposals import HYBRID, LOCAL, question, scripted, sensible
from recipe_changes import changed_fields
from simulated_nights import BASELINE, LANES, TAGS, faster_helps, folder, make_night, without_times

from agent.config import AgentConfig
from agent.context import NightContext
from agent.night import run_night
from agent.proposers.checking import checked_change
from agent.proposers.open import with_model
from agent.proposers.proposer import Proposer
from agent.proposers.space_filling import SpaceFillingProposer
from agent.proposers.statistical import StatisticalProposer
from agent.proposing import propose
from agent.schedule import live_candidates
from lanes.open import open_lanes
from probes.candidate import Change
from tracking.events import SessionStopped

Opens = Callable[[], Proposer]


def model(proposer: str, *lines: Any) -> Opens:
    extra = {"provider": "openai"} if proposer == "hybrid" else {}
    config = AgentConfig.model_validate({"proposer": proposer, **LOCAL, **extra})
    return lambda: with_model(config, scripted(*lines), FakeClock())


PROPOSERS: dict[str, Opens] = {
    "optuna": lambda: StatisticalProposer("optuna"),
    "gp": lambda: StatisticalProposer("gp"),
    "random": lambda: StatisticalProposer("random"),
    "space_filling": lambda: SpaceFillingProposer(StatisticalProposer("optuna")),
    "anthropic": model("anthropic", sensible),
    "openai": model("openai", sensible),
    "useless model": model("openai", "no idea"),
    "hybrid": model("hybrid", sensible),
}
SLOW = ("gp", "random", "anthropic")
"""Each has a sibling in the default run."""
EACH = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in PROPOSERS]
)


def night_of(name: str, path: Path, ledger: MemoryLedger | None = None, stop_after: int | None = None) -> NightContext:
    context = make_night(path, SimulatedLauncher(faster_helps, stop_after=stop_after), ledger)
    picker = name if name in ("gp", "random") else "optuna"
    context.lanes = open_lanes(LANES, BASELINE, TAGS, picker)  # type: ignore[arg-type]
    context.proposer = PROPOSERS[name]()
    return context


@EACH
def test_every_proposal_of_a_night_is_legal_new_and_changes_one_knob(tmp_path: Path, name: str) -> None:
    context = night_of(name, tmp_path)
    run_night(context)
    found = list(context.night.candidates.values())
    assert len({c.change.key for c in found}) == len(found) >= 8
    assert not context.night.refusals
    parents = {BASELINE.fingerprint: BASELINE}
    for candidate in found:
        parent = parents.get(candidate.parent)
        if parent is not None:
            assert len(changed_fields(parent, candidate.recipe)) == 1


@EACH
def test_a_resumed_night_asks_as_the_uninterrupted_one(tmp_path: Path, name: str) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    run_night(night_of(name, folder(tmp_path, "whole"), whole))
    first = night_of(name, folder(tmp_path, "cut"), ledger, stop_after=17)
    assert run_night(first) == "interrupted"
    ledger.append(SessionStopped(at=first.clock.now(), stop_reason="interrupted"))
    assert run_night(night_of(name, tmp_path / "cut", ledger)) == "finished"
    assert without_times(ledger) == without_times(whole)


@EACH
def test_closed_knobs_are_left_out_and_an_exhausted_space_ends(tmp_path: Path, name: str) -> None:
    context = night_of(name, tmp_path)
    every = [(lane, knob) for lane, of in context.lanes.items() for knob in of.knobs]
    only = every[1]
    for _ in range(20):
        asked = question(context, tuple(at for at in every if at != only))
        proposal, who, turn = context.proposer.ask(asked)
        assert context.proposer.name in (who, "hybrid") or who == "optuna"
        if turn is not None:
            context.record(turn)
        if proposal is None:
            break
        assert (proposal.lane, proposal.knob) == only
        change = checked_change(proposal, asked)
        assert isinstance(change, Change), change
        for event in propose(asked, context.proposer, context.clock):
            context.record(event)
    assert proposal is None
    assert 1 <= len(context.night.candidates) < 20


def test_the_space_filling_start_moves_every_knob_far_once_and_then_hands_over(tmp_path: Path) -> None:
    context = night_of("space_filling", tmp_path)
    for _ in range(8):
        for event in propose(question(context), context.proposer, context.clock):
            context.record(event)
    found = list(context.night.candidates.values())
    knobs = [c.change.knob for c in found]
    start = [c for c in found if c.proposer == "space_filling"]
    assert len({c.change.knob for c in start}) == len(start) == sum(len(lane.knobs) for lane in context.lanes.values())
    assert {c.proposer for c in found[len(start) :]} == {"optuna"}
    rate = next(c.change for c in start if c.change.knob == "learning_rate")
    assert rate.after in (0.0005, 0.002), knobs
    assert len(live_candidates(context.night)) == 8


def test_a_hybrid_night_mixes_both_and_names_who_proposed(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps), probes=90)
    context.proposer = with_model(HYBRID, scripted(sensible), FakeClock())
    run_night(context)
    by = [c.proposer for c in context.night.candidates.values()]
    assert set(by) == {"optuna", "scripted/model"}
    assert by.count("scripted/model") < by.count("optuna")
    assert by.count("scripted/model") == sum(t.outcome == "accepted" for t in context.night.model_turns)
    assert all((c.forecast is not None) == (c.proposer != "optuna") for c in context.night.candidates.values())
