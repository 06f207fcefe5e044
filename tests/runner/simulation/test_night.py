from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from agent.plan import NightPlan
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL
from probes.statistics.verdicts import EarlierNoise
from runner.simulation.night import Played, Setting, play_night, setting_of

ITEMS = dict.fromkeys("abc", 10)


def plan(**changes: object) -> NightPlan:
    values: dict[str, object] = {
        "session": "s",
        "seed": 5,
        "baseline": Recipe(base_model="m"),
        "target": "a",
        "guards": {"b": 1.5, "c": 1.5},
        "referee": RefereeConfig(calibration_runs=4),
        "budget_probes": 60,
        "confirm_probes": 16,
        "max_attempts": 2,
        "search_items": ITEMS,
        "held_out_items": ITEMS,
        "samples": 3,
    }
    return NightPlan(**{**values, **changes})  # type: ignore[arg-type]


def play(setting: Setting, stream: str, nights: int) -> list[Played]:
    return [play_night(setting, stream, number) for number in range(nights)]


QUIET = replace(
    setting_of(plan()),
    rules=RefereeConfig(calibration_runs=4, noise_sd=0.15),
    search_sd=0.15,
    held_out_sd=dict.fromkeys("abc", 0.15),
    shared_sd=0.05,
)


def test_the_sessions_own_noise_levels_and_guards_enter() -> None:
    few, many = setting_of(plan(held_out_items=dict.fromkeys("abc", 7))), setting_of(plan(samples=30))
    assert few.held_out_sd["a"] > setting_of(plan()).held_out_sd["a"] > many.held_out_sd["a"]
    earlier = EarlierNoise(nights=2, degrees_of_freedom=20, metric_sd={"a": 0.21})
    known = setting_of(plan(earlier_noise=earlier, claim_level=0.01, guards={"b": 0.7, CRITICAL_FAILURES: 2.0}))
    assert known.search_sd == known.rules.noise_sd == 0.21
    assert known.level == 0.01
    assert known.guards == {"b": 0.7}


def test_equal_arguments_give_equal_nights_and_numbers_give_other_ones() -> None:
    setting = setting_of(plan())
    assert play_night(setting, "rich", 3) == play_night(setting, "rich", 3)
    assert len({play_night(QUIET, "rich", number).gain for number in range(4)}) > 1


def test_the_confirmation_grows_until_guards_that_nothing_moved_pass() -> None:
    tight = replace(QUIET, guards={"b": 0.2, "c": 1.5})
    assert [night.confirmation for night in (QUIET, replace(QUIET, guards={}), tight)] == [16, 16, 20]
    assert replace(tight, probes=100, confirm_probes=6).confirmation == 18

    def claims(setting: Setting) -> float:
        return fmean(night.claimed for night in play(setting, "rich", 30))

    assert claims(replace(tight, probes=150)) > claims(tight)


def found_share(nights: list[Played]) -> float:
    return sum(night.found for night in nights) / sum(night.worthwhile for night in nights)


def test_little_noise_claims_what_there_is_and_finds_more_of_it() -> None:
    quiet, loud = play(QUIET, "rich", 12), play(setting_of(plan(samples=1)), "rich", 12)
    assert fmean(night.claimed for night in quiet) > 0.8
    assert found_share(quiet) > found_share(loud) + 0.15
    assert fmean(night.shipped for night in quiet) > fmean(night.shipped for night in loud)
    assert all(night.found <= night.worthwhile <= night.tried for night in quiet + loud)
    assert all(night.shipped in (0.0, night.gain) for night in quiet + loud)


def test_nothing_is_found_where_nothing_is() -> None:
    nights = play(QUIET, "null", 12)
    assert all(night.gain == night.worthwhile == night.found == 0 for night in nights)
    assert sum(night.claimed for night in nights) <= 3


def test_a_guard_that_cannot_pass_lets_no_night_claim() -> None:
    blind = replace(QUIET, guards={"b": 0.001})
    assert not any(night.claimed for night in play(blind, "rich", 5))


def test_a_directional_target_claims_nothing_however_clear() -> None:
    assert setting_of(plan(held_out_items={"a": 6, "b": 10, "c": 10})).is_directional
    assert not setting_of(plan()).is_directional
    assert not any(night.claimed for night in play(replace(QUIET, is_directional=True), "rich", 5))


def test_the_mean_of_all_categories_can_be_the_target() -> None:
    overall = setting_of(plan(target=OVERALL, guards={"b": 1.5}))
    assert overall.search_sd < min(overall.held_out_sd.values())
    quiet = replace(QUIET, target=OVERALL, search_sd=0.1)
    assert any(night.claimed for night in play(quiet, "rich", 4))


@pytest.mark.parametrize("probes", [24, 60])
def test_the_budget_limits_what_is_tried(probes: int) -> None:
    night = play_night(setting_of(plan(budget_probes=probes)), "rich", 0)
    assert 0 < night.tried <= probes - 16 - 4
