from __future__ import annotations

import warnings
from statistics import fmean

import numpy as np
import pytest

from probes.statistics.config import RefereeConfig
from runner.bench.contenders import RULES
from runner.bench.nights import Night, play
from runner.bench.own_night import Design, our_night
from runner.bench.rules import (
    best_of,
    early_stop,
    keep_if_better,
    plackett_burman,
    smoke_and_blocks,
    twice_first_difference,
)
from runner.bench.streams import COLLAPSE

HELPS = (1, 4)
HAND_MADE = [-0.8, 1.2, -0.8, COLLAPSE, 1.2, -0.8, -0.8, -0.8, -0.8, -0.8, -0.8, -0.8]
"""Two changes that clearly help, one that collapses the model, the rest clearly harmful."""
SINGLE = {"best of M", "Optuna successive halving"}
"""Rules that keep one change at most."""
FIXED_BAR = {"gain / MAD >= 2"}
"""Its spread grows with the harm of what was tried, so it may keep nothing."""


def quiet(effects: list[float], probes: float = 104.0, sd: float = 0.01) -> Night:
    return Night(np.array(effects), probes, np.random.default_rng(1), run_sd=sd)


@pytest.mark.parametrize("name", [name for name in RULES if not name.startswith("(")])
def test_with_hardly_any_noise_a_rule_keeps_what_helps_and_nothing_else(name: str) -> None:
    kept = set(RULES[name](quiet(HAND_MADE)))
    assert kept <= set(HELPS)
    if name in FIXED_BAR:
        return
    assert len(kept) == 1 if name in SINGLE else kept == set(HELPS)


@pytest.mark.parametrize("name", [name for name in RULES if not name.startswith("(")])
def test_no_rule_spends_the_probes_of_the_final_test(name: str) -> None:
    night = Night(np.zeros(400), 44, np.random.default_rng(0))
    RULES[name](night)
    assert 0 <= night.left <= 44


def test_keeping_what_is_better_by_chance_keeps_almost_always_on_a_null_night() -> None:
    kept = [bool(keep_if_better(Night(np.zeros(200), 104, np.random.default_rng(n)))) for n in range(100)]
    assert fmean(kept) > 0.9


def test_one_lucky_pair_of_baselines_lets_noise_pass() -> None:
    kept = [bool(twice_first_difference(Night(np.zeros(200), 104, np.random.default_rng(n)))) for n in range(400)]
    assert fmean(kept) == pytest.approx(0.62, abs=0.07)


def test_looks_after_every_run_err_far_above_five_percent() -> None:
    one = [bool(early_stop(Night(np.zeros(1), 15, np.random.default_rng(n)))) for n in range(1000)]
    assert 0.15 < fmean(one) < 0.33


def test_best_of_spreads_its_runs_evenly() -> None:
    night = quiet([0.1] * 30, probes=104)
    best_of(night, candidates=30)
    assert night.left == 104 - 90


def test_the_block_design_is_orthogonal_and_balanced() -> None:
    signs = plackett_burman()
    assert np.array_equal(signs.T @ signs, 12 * np.eye(11))
    assert not signs.sum(axis=0).any()


def test_smoke_runs_keep_a_collapse_out_of_the_block() -> None:
    effects = [COLLAPSE, *HAND_MADE]
    assert 0 not in smoke_and_blocks(quiet(effects, 60))


def test_the_race_reads_every_replicate_and_parks_after_four() -> None:
    night = Night(np.array([0.2]), 104, np.random.default_rng(0), run_sd=0.49)
    our_night(night, RefereeConfig(), "race")
    assert 104 - night.left <= 6 + 4 + 1


@pytest.mark.parametrize("design", ["race", "rows", "blocks"])
def test_without_noise_every_design_of_ours_finds_what_helps(design: Design) -> None:
    assert set(our_night(quiet(HAND_MADE, 44), RefereeConfig(), design)) == set(HELPS)


def test_the_rehearsals_probes_are_kept_once_there_is_something_to_rehearse() -> None:
    night = quiet([1.0] * 30, probes=60)
    our_night(night, RefereeConfig(rehearsals=3), "rows")
    assert 3 <= night.left < 4


class NotedNight(Night):
    """A night that counts its smoke runs, which only blocks have."""

    smoked = 0

    def smoke(self, change: int) -> bool:
        self.smoked += 1
        return super().smoke(change)


def test_a_night_spends_its_probes_as_the_session_says() -> None:
    nights = {name: NotedNight(np.full(60, 0.1), 80, np.random.default_rng(0)) for name in ("race", "blocks")}
    for name, night in nights.items():
        our_night(night, RefereeConfig.model_validate({"design": name}))
    found = our_night(quiet(HAND_MADE, 80), RefereeConfig(design="race"))
    assert found == our_night(quiet(HAND_MADE, 80), RefereeConfig(), "race")
    assert nights["race"].smoked == 0
    assert nights["blocks"].smoked >= 11
    assert nights["race"].left % 1 == 0
    assert nights["blocks"].left < 1 + RefereeConfig().rehearsals


def test_our_night_is_the_same_every_time() -> None:
    results = [play(RULES["nightlab"], "rich", 60, 0, 5) for _ in range(2)]
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["nightlab", "nightlab, race", "keep-if-better, 1 run"])
def test_null_nights_are_claimed_at_the_level_of_the_final_test(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        claims = [play(RULES[name], "null", 60, 0, number).claimed for number in range(200)]
    assert fmean(claims) <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_rows_find_more_than_single_changes_and_these_more_than_best_of() -> None:
    shipped = {
        name: fmean(play(RULES[name], "rich", 120, 0, number).shipped for number in range(40))
        for name in ("nightlab, chosen rows", "nightlab, race", "best of M")
    }
    assert shipped["nightlab, chosen rows"] > shipped["nightlab, race"] + 0.3
    assert shipped["nightlab, race"] > shipped["best of M"] + 0.2
