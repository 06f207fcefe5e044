"""What the hybrid's share follows: gain per probe, legal turns, and forecasts that hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import SimulatedLauncher
from simulated_nights import BASELINE, faster_helps, make_night

from agent.proposers.earnings import LEAST_SHARE, MOST_SHARE, earned, share_now
from probes.candidate import Candidate, Change, Forecast
from probes.statistics.verdicts import CandidateReading, Decision, Interval
from tracking import events as ev
from tracking.night import NightRecord

AT = "2026-01-01T00:00:00Z"
Row = tuple[str, Decision, float, int]


def told(tmp_path: Path, rows: list[Row], turns: str = "", half: float = 1.0) -> NightRecord:
    """A night of changes: by whom, decision, effect, probes; `half` is half the width of the model's intervals."""
    night = make_night(tmp_path, SimulatedLauncher(faster_helps)).night
    accepted: tuple[str, ...] = ()
    for number, (who, decision, effect, probes) in enumerate(rows):
        forecast = Forecast(effect=0.0, low=-half, high=half, confidence=0.5) if who == "model" else None
        change = Change(lane="data_mix", knob="private_voice", before=1, after=2 + number)
        candidate = Candidate(id=f"c{number}", change=change, parent="p", recipe=BASELINE, proposer=who,
                              forecast=forecast)  # fmt: skip
        night.apply(ev.CandidateProposed(at=AT, candidate=candidate))
        night.seen[candidate.id] += probes
        reading = CandidateReading(
            decision=decision, verdict="inconclusive", replicates=probes, effect=effect,
            interval=Interval(low=None, high=None), better_probability=None, worthwhile_probability=None, guards={},
            reason="",
        )  # fmt: skip
        night.apply(ev.CandidateDecided(at=AT, candidate=candidate.id, reading=reading))
        if decision == "accept":
            accepted = (*accepted, candidate.id)
    night.apply(ev.WorkingRecipeMoved(at=AT, accepted=accepted, recipe=BASELINE))
    outcomes = {"a": "accepted", "r": "refused", "f": "failed"}
    for number, turn in enumerate(turns):
        night.apply(ev.ModelTurn.model_validate(
            {"at": AT, "question": number, "proposer": "model", "outcome": outcomes[turn]}))  # fmt: skip
    return night


def test_counts_are_those_of_each_side(tmp_path: Path) -> None:
    night = told(tmp_path, [("model", "accept", 0.8, 6), ("optuna", "reject", -0.2, 4), ("optuna", "more", 0.1, 1)])
    assert earned(night, by_model=True) == (1, 1, 1, 6, pytest.approx(0.8))
    assert earned(night, by_model=False) == (2, 1, 0, 5, 0.0)


def test_nothing_earned_on_either_side_leaves_the_share(tmp_path: Path) -> None:
    night = told(tmp_path, [("model", "reject", -0.5, 3)] + [("optuna", "reject", -0.1, 4)] * 5, "a")
    assert share_now(night, 0.3).share == pytest.approx(0.3)


def test_the_share_follows_gain_per_probe_and_stays_a_minority(tmp_path: Path) -> None:
    rows = [("model", "accept", 1.0, 5), ("optuna", "reject", 0.0, 30)]
    earning: list[Row] = [*rows]  # type: ignore[list-item]
    turned: list[Row] = [("model", "reject", 0.0, 30), ("optuna", "accept", 1.0, 5)]
    assert 0.3 < share_now(told(tmp_path, earning), 0.3).share <= MOST_SHARE
    assert LEAST_SHARE <= share_now(told(tmp_path, turned), 0.3).share < 0.2
    much: list[Row] = [("model", "accept", 9.0, 1), ("optuna", "reject", 0.0, 500)]
    assert share_now(told(tmp_path, much), 0.3).share == MOST_SHARE
    assert share_now(told(tmp_path, turned), 1.0).share == 1.0, "a session may give the model every turn"


def test_useless_turns_cost_share_and_failures_of_the_provider_do_not(tmp_path: Path) -> None:
    shares = [share_now(told(tmp_path, [], turns), 0.3).share for turns in ("", "fff", "ra", "rrrr", "r" * 200)]
    assert shares[0] == shares[1] == pytest.approx(0.3)
    assert shares[0] > shares[2] > shares[3] > shares[4] == LEAST_SHARE


def test_intervals_that_do_not_hold_cost_share_once_there_are_enough(tmp_path: Path) -> None:
    few = told(tmp_path, [("model", "reject", -0.5, 2)] * 7, half=0.1)
    many = told(tmp_path, [("model", "reject", -0.5, 2)] * 8, half=0.1)
    honest = told(tmp_path, [("model", "reject", -0.5, 2)] * 8, half=1.0)
    assert share_now(few, 0.3).coverage is None
    assert share_now(many, 0.3).coverage == 0.0
    assert share_now(many, 0.3).share < share_now(few, 0.3).share == share_now(honest, 0.3).share
