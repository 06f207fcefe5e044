"""Nights of one project: what an earlier one measured as harmful comes last, and nothing is proposed twice."""

from __future__ import annotations

from pathlib import Path

from fakes import MemoryLedger, SimulatedLauncher
from simulated_nights import LANES, faster_breaks_a_guard, folder, make_night, nothing_helps, without_times

from agent.context import NightContext
from agent.night import run_night
from agent.proposing import known_harm
from lanes.config import LanesConfig
from probes.candidate import Change
from probes.statistics.earlier import ClaimLevel
from tracking.events import EarlierNightsRead
from tracking.memory.known import EarlierNights
from tracking.memory.moves import EarlierMove, Outcome
from tracking.memory.outcomes import moves_of

CLAIM = ClaimLevel(number=1, level=0.05, session_level=0.05, fdr=0.15, past=())
HARMFUL = Change(lane="hyperparameters", knob="rank", before=8, after=16)
SMALL = LanesConfig.model_validate({**LANES.model_dump(), "closed": ["data_mix", "curriculum"]})


def move(change: Change, outcome: Outcome = "collapsed", *harmed: str) -> EarlierMove:
    return EarlierMove(session="before", change=change, outcome=outcome, harmed=harmed)


def night_after(
    at: Path, *moves: EarlierMove, ledger: MemoryLedger | None = None, lanes: LanesConfig = SMALL, probes: int = 80
) -> NightContext:
    """Run a night that knows `moves` of earlier ones."""
    context = make_night(at, SimulatedLauncher(nothing_helps), ledger, probes, lanes, design="race")
    earlier = EarlierNights(project="p", conditions="c", claim=CLAIM, moves=moves)
    if context.night.earlier is None:
        context.record(EarlierNightsRead(at=context.clock.now(), earlier=earlier))
    run_night(context)
    return context


def proposed(context: NightContext) -> list[str]:
    return [str(candidate.change) for candidate in context.night.candidates.values()]


def test_a_move_that_did_harm_before_is_asked_after_all_others(tmp_path: Path) -> None:
    plain = proposed(night_after(folder(tmp_path, "plain")))
    knowing = proposed(night_after(folder(tmp_path, "knowing"), move(HARMFUL)))
    last = knowing.index(str(HARMFUL))
    assert last > plain.index(str(HARMFUL))
    assert all("rank 16" in later for later in knowing[last + 1 :]), "it is tried after all, when nothing else is left"
    assert sorted(set(knowing)) == sorted(knowing)


def test_harm_to_what_is_neither_target_nor_guard_tonight_changes_nothing(tmp_path: Path) -> None:
    plain, knowing = MemoryLedger(), MemoryLedger()
    night_after(folder(tmp_path, "plain"), ledger=plain)
    night_after(folder(tmp_path, "knowing"), move(HARMFUL, "harmful", "somewhere_else"), ledger=knowing)
    assert without_times(plain)[2:] == without_times(knowing)[2:]


def test_over_three_nights_nothing_is_proposed_twice_in_a_night_and_known_harm_waits(tmp_path: Path) -> None:
    known: list[EarlierMove] = []
    for number in range(3):
        at = folder(tmp_path, str(number))
        context = make_night(at, SimulatedLauncher(faster_breaks_a_guard), probes=60)
        earlier = EarlierNights(project="p", conditions="c", claim=CLAIM, moves=tuple(known), series=number)
        context.record(EarlierNightsRead(at=context.clock.now(), earlier=earlier))
        run_night(context)
        keys = [candidate.change.key for candidate in context.night.candidates.values()]
        assert len(set(keys)) == len(keys) > 5
        harm = {change.key for change in known_harm(context)}
        first = keys[: len(keys) // 2]
        assert not harm & set(first), "what harmed in an earlier night is not among the first moves"
        known += [EarlierMove(session=str(number), **dict(each)) for each in moves_of(context.night)]
    assert any(each.outcome in ("harmful", "collapsed") for each in known)
