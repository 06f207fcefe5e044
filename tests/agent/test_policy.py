"""Policy before search: which target, which lanes, and why; first the pure rules, then a night that goes by them."""

from pathlib import Path
from typing import Any

import pytest
from fakes import CATEGORIES, MemoryLedger, SimulatedLauncher
from simulated_nights import faster_helps, folder, make_night, nothing_helps, without_times

from agent.night import run_night
from agent.noise import planned_noise
from agent.opening import standings
from agent.policy import LaneFacts, Standing, base_strength, choose_target, lane_policies, named_target
from agent.targeting import target_choice
from lanes.config import LanesConfig
from probes.outcome import ProbeOutcome
from tracking.events import PolicySet, ProbePlan, SessionStopped
from tracking.policy import BaseStrength, LanePolicy

ALL = ("hyperparameters", "data_mix", "curriculum")
LEVELS = {"facts": Standing(7.8, 1, 0.4), "voice": Standing(4.2, 1, 0.4), "tools": Standing(4.0, 1, 0.4)}
STRONG = BaseStrength(strength="strong", is_sure=True, reason="training clearly makes the model worse")


def levels(**gains: float) -> dict[str, Standing]:
    """Return an untrained base at 5 and what training adds to it, at an sd of .4 over six baselines."""
    return {name: Standing(5.0 + gain, 6, 0.4, base=5.0) for name, gain in gains.items()}


def by_lane(policies: tuple[LanePolicy, ...]) -> dict[str, tuple[str, str]]:
    return {policy.lane: (policy.state, policy.reason) for policy in policies}


def facts(
    opened: tuple[Any, ...] = ALL, configured: tuple[Any, ...] = (), rows: tuple[str, ...] = ("voice",)
) -> LaneFacts:
    return LaneFacts(opened, {}, configured, rows)


def test_the_weakest_category_is_the_target_and_the_reason_says_whether_noise_tells_it_apart() -> None:
    near = choose_target(LEVELS, ())
    assert near.category == "tools"
    assert "4.00, within the noise of the next, voice 4.20" in near.reason
    far = choose_target({**LEVELS, "tools": Standing(1.0, 1, 0.4)}, ())
    assert "1.00, clearly below the next, voice 4.20" in far.reason
    assert near.passed_over == far.passed_over == {}


def test_a_category_that_cannot_move_or_be_claimed_does_not_become_the_target() -> None:
    stuck = {**LEVELS, "tools": Standing(3.3, 1, 0.4, base=3.3, is_constant=True)}
    chosen = choose_target(stuck, ["voice"])
    assert chosen.category == "facts"
    assert list(chosen.passed_over) == ["tools", "voice"]
    assert "score the same" in chosen.passed_over["tools"]
    assert "too few for a claim" in chosen.passed_over["voice"]
    assert choose_target(stuck, ["facts", "voice"]).category == "tools", "with nothing else left, the checks decide"


def test_a_named_target_is_kept_and_told_where_it_stands() -> None:
    assert named_target("tools", LEVELS).reason == "the session names it, and the baseline is weakest there (4.00)"
    strongest = named_target("facts", LEVELS).reason
    assert "the baseline's strongest, with the least to gain; tools is weaker (4.00)" in strongest
    assert "weakest in tools" in named_target("overall", LEVELS).reason


@pytest.mark.parametrize(
    ("gains", "strength", "is_sure"),
    [
        ({"facts": 3.0, "voice": 3.0, "overall": 3.0}, "weak", True),
        ({"facts": -2.0, "voice": 3.0, "overall": 0.5}, "moderate", True),
        ({"facts": 0.1, "voice": -0.1, "overall": 0.0}, "moderate", True),
        ({"facts": -4.5, "voice": 0.5, "overall": -2.0}, "strong", True),
        ({"facts": -0.6, "voice": -0.6, "overall": -0.9}, "strong", False),
    ],
)
def test_the_strength_of_the_base_is_read_off_what_training_does_to_it(
    gains: dict[str, float], strength: str, is_sure: bool
) -> None:
    base = base_strength(levels(**gains))
    assert (base.strength, base.is_sure) == (strength, is_sure)


def test_without_the_untrained_base_nothing_is_said_of_its_strength() -> None:
    base = base_strength({**LEVELS, "overall": Standing(5.3, 1, 0.3)})
    assert base.strength == "unknown"
    assert {state for state, _ in by_lane(lane_policies(facts(), base, ["voice"])).values()} == {"open"}


def test_a_strong_base_closes_the_lanes_that_only_choose_rows() -> None:
    lanes = by_lane(lane_policies(facts(), STRONG, ["voice"]))
    assert [lanes[name][0] for name in ALL] == ["open", "closed", "closed"]
    assert "system prompt" in lanes["hyperparameters"][1]
    doubtful = by_lane(lane_policies(facts(), STRONG.model_copy(update={"is_sure": False}), ["voice"]))
    assert doubtful["data_mix"][0] == "advised"
    assert "not certain" in doubtful["data_mix"][1]


def test_a_lane_whose_knobs_the_session_names_is_never_closed() -> None:
    lanes = by_lane(lane_policies(facts(configured=("data_mix",), rows=("letters",)), STRONG, ["voice"]))
    assert lanes["data_mix"][0] == "advised"
    assert lanes["data_mix"][1].endswith("it stays open: the session names its knobs")


def test_rows_without_a_category_of_the_items_close_the_default_mix() -> None:
    base = base_strength(levels(voice=3.0, overall=3.0))
    lanes = by_lane(lane_policies(facts(rows=("letters", "talk")), base, ["voice", "facts"]))
    assert lanes["data_mix"][0] == "closed"
    assert "rows are tagged letters, talk, items facts, voice" in lanes["data_mix"][1]
    assert by_lane(lane_policies(facts(rows=("Voice",)), base, ["voice"]))["data_mix"] == (
        "open",
        "rows are tagged voice",
    )


def test_the_last_lane_stays_open() -> None:
    lanes = by_lane(lane_policies(facts(opened=("data_mix", "curriculum")), STRONG, ["voice"]))
    assert lanes["data_mix"][0] == lanes["curriculum"][0] == "advised"
    assert lanes["hyperparameters"] == ("closed", "it has nothing to vary")


class StrongBase(SimulatedLauncher):
    """An untrained base that is better than everything that was trained."""

    def outcome(self, plan: ProbePlan) -> ProbeOutcome:
        found = super().outcome(plan)
        if plan.request.control != "base":
            return found
        items = tuple(item.model_copy(update={"scores": (9.0,)}) for item in found.items)
        return found.model_copy(update={"items": items})


def test_a_night_on_a_strong_base_asks_only_the_lane_that_stays_open(tmp_path: Path) -> None:
    context = make_night(tmp_path, StrongBase(nothing_helps), controls=True)
    run_night(context)
    policy = context.night.policy
    assert policy is not None
    assert policy.base.strength == "strong"
    assert policy.closed == {"data_mix", "curriculum"}
    assert {candidate.change.lane for candidate in context.night.candidates.values()} == {"hyperparameters"}


def test_a_weak_base_leaves_every_lane_open(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps, noise_sd=0.1), controls=True)
    run_night(context)
    policy = context.night.policy
    assert policy is not None
    assert policy.base.strength == "weak"
    assert not policy.closed
    assert {c.change.lane for c in context.night.candidates.values()} == set(ALL)


def test_the_policy_is_set_once_and_an_interrupted_night_goes_by_it(tmp_path: Path) -> None:
    whole, ledger = MemoryLedger(), MemoryLedger()
    run_night(make_night(folder(tmp_path, "whole"), StrongBase(nothing_helps), whole, controls=True))
    for stop_after in (2, 9, 20):
        ledger = MemoryLedger()
        at = folder(tmp_path, str(stop_after))
        first = make_night(at, StrongBase(nothing_helps, stop_after=stop_after), ledger, controls=True)
        run_night(first)
        ledger.append(SessionStopped(at=first.clock.now(), stop_reason="interrupted"))
        run_night(make_night(at, StrongBase(nothing_helps), ledger, controls=True))
        assert without_times(ledger) == without_times(whole)
    kinds = [type(event) for event in whole.written]
    assert kinds.count(PolicySet) == 1


def test_standings_pool_planned_and_measured_noise(tmp_path: Path) -> None:
    context = make_night(tmp_path, SimulatedLauncher(faster_helps), controls=True)
    run_night(context)
    noise = context.night.noise
    assert noise is not None
    found, planned = standings(context.night, context.plan), planned_noise(context.plan).search.categories
    assert set(found) == {*CATEGORIES, "overall"}
    for name in CATEGORIES:
        low, high = sorted((noise.category_sd[name] or 0.0, planned[name]))
        assert low < found[name].sd < high
    chosen = target_choice(context.night, context.plan)
    assert chosen is not None
    assert chosen.category == min(CATEGORIES, key=lambda name: found[name].baseline)


def test_a_night_with_one_lane_left_by_the_session_says_why_the_others_are_closed(tmp_path: Path) -> None:
    lanes = LanesConfig(closed=("data_mix", "curriculum"))
    context = make_night(tmp_path, SimulatedLauncher(nothing_helps), lanes=lanes, probes=40)
    run_night(context)
    assert context.night.policy is not None
    assert context.night.policy.closed == {"data_mix", "curriculum"}
