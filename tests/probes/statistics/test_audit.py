from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from probes.statistics.audit import (
    Trial,
    by_config,
    comparisons,
    judge,
    judge_wins,
    repeat_noise,
    runs_to_know,
    undecided_discards,
)
from probes.statistics.power import resolvable_difference


def loop(*steps: tuple[str, float | None, str | None, bool]) -> list[Trial]:
    return [Trial(config, config, value, reference, kept) for config, value, reference, kept in steps]


RATCHET = loop(
    ("base", 5.0, None, True),
    ("base", 5.4, "base", False),
    ("base", 5.2, "base", False),
    ("a", 8.0, "base", True),
    ("b", 8.1, "a", True),
    ("c", 7.9, "b", False),
    ("d", None, "b", False),
)


def test_three_repeats_give_the_textbook_sd() -> None:
    noise = repeat_noise(RATCHET)
    assert noise.sd == pytest.approx(0.2)
    assert (noise.degrees_of_freedom, noise.repeated_configs) == (2, 1)


def test_a_single_pair_is_its_difference_over_root_two_with_a_very_wide_interval() -> None:
    noise = repeat_noise(loop(("a", 1.0, None, True), ("a", 1.3, "a", False)))
    assert noise.sd == pytest.approx(0.3 / sqrt(2))
    assert noise.degrees_of_freedom == 1
    assert noise.interval.low is not None
    assert noise.interval.high is not None
    assert noise.interval.high / noise.interval.low == pytest.approx(
        sqrt(stats.chi2.ppf(0.95, 1) / stats.chi2.ppf(0.05, 1))
    )


def test_the_verdict_is_the_t_test_by_hand() -> None:
    noise = repeat_noise(RATCHET)
    win = judge_wins(RATCHET, noise, "max")[0]
    assert win.gain == pytest.approx(8.0 - 5.2)
    assert win.p_value == pytest.approx(stats.t.sf(2.8 / (0.2 * sqrt(1 + 1 / 3)), 2))
    assert (win.runs, win.reference_runs, win.verdict) == (1, 3, "survives")


def test_a_small_gain_is_within_noise_and_a_missing_score_is_no_comparison() -> None:
    noise = repeat_noise(RATCHET)
    assert [win.verdict for win in judge_wins(RATCHET, noise, "max")] == ["survives", "within noise"]
    assert comparisons(RATCHET) == [("a", "base"), ("b", "a"), ("c", "b")]
    assert undecided_discards(RATCHET, noise) == 1


def test_adding_a_constant_changes_no_verdict() -> None:
    moved = [replace(t, value=None if t.value is None else t.value + 100.0) for t in RATCHET]
    for first, second in zip(
        judge_wins(RATCHET, repeat_noise(RATCHET), "max"), judge_wins(moved, repeat_noise(moved), "max"), strict=True
    ):
        assert first.verdict == second.verdict
        assert first.p_value == pytest.approx(second.p_value)
        assert first.runs_a_side == second.runs_a_side


def test_a_negated_metric_with_the_other_direction_gives_the_same_wins() -> None:
    negated = [replace(t, value=None if t.value is None else -t.value) for t in RATCHET]
    assert judge_wins(RATCHET, repeat_noise(RATCHET), "max") == judge_wins(negated, repeat_noise(negated), "min")


def test_swapping_the_arms_negates_the_gain() -> None:
    noise, configs = repeat_noise(RATCHET), by_config(RATCHET)
    forward = judge("", "a", "base", configs, noise, "max")
    backward = judge("", "base", "a", configs, noise, "max")
    assert forward.gain == -(backward.gain or 0.0)
    assert (backward.verdict, backward.runs_a_side) == ("within noise", None)


def test_without_repeats_no_win_can_be_judged() -> None:
    trials = loop(("base", 5.0, None, True), ("a", 9.0, "base", True))
    noise = repeat_noise(trials)
    assert noise.sd is None
    assert "nothing was run twice" in noise.reason
    win = judge_wins(trials, noise, "max")[0]
    assert (win.verdict, win.p_value, win.runs_a_side, win.interval.low) == ("unknown", None, None, None)
    assert win.largest_noise == pytest.approx(4.0 / (1.6449 * sqrt(2)), rel=1e-3)
    assert undecided_discards(trials, noise) is None


def test_identical_repeats_are_a_fault_of_measurement() -> None:
    noise = repeat_noise(loop(("a", 1.0, None, True), ("a", 1.0, "a", False)))
    assert noise.sd is None
    assert "fault of measurement" in noise.reason


def test_runs_of_other_conditions_are_not_comparable() -> None:
    trials = [*RATCHET, Trial("e", "e", 9.0, "b", kept=True, conditions="steps 900")]
    assert judge_wins(trials, repeat_noise(trials), "max")[-1].verdict == "not comparable"


def test_a_kept_row_that_only_changed_the_seed_is_no_win() -> None:
    trials = [*RATCHET, Trial("seed 2", "b", 8.3, "b", kept=True)]
    assert judge_wins(trials, repeat_noise(trials), "max")[-1].verdict == "same recipe"


def test_a_reference_that_was_never_scored_leaves_the_win_unknown() -> None:
    trials = [*RATCHET, Trial("e", "e", 9.0, "d", kept=True)]
    win = judge_wins(trials, repeat_noise(trials), "max")[-1]
    assert (win.verdict, win.gain) == ("unknown", None)


@pytest.mark.parametrize(("gain", "sd"), [(1.0, 1.0), (0.3, 1.0), (5.0, 1.0), (2.0, 1.5)])
def test_runs_a_side_are_the_fewest_that_resolve_the_gain(gain: float, sd: float) -> None:
    runs = runs_to_know(gain, sd)
    assert runs is not None
    if runs <= 100:
        assert resolvable_difference(sd, runs, 0.05) <= gain
        assert runs == 2 or resolvable_difference(sd, runs - 1, 0.05) > gain
    else:
        assert resolvable_difference(sd, runs, 0.05) == pytest.approx(gain, rel=0.01)


def test_no_gain_needs_no_runs() -> None:
    assert runs_to_know(0.0, 1.0) is None
    assert runs_to_know(-1.0, 1.0) is None


def test_wins_of_a_loop_in_which_nothing_works_survive_at_the_stated_rate() -> None:
    rng = np.random.default_rng(3)
    survived = 0
    for _ in range(2000):
        values = rng.normal(size=6)
        trials = [Trial("base", "base", float(v), None) for v in values[:5]]
        trials.append(Trial("a", "a", float(values[5]), "base", kept=True))
        survived += judge_wins(trials, repeat_noise(trials), "max")[0].verdict == "survives"
    assert survived / 2000 == pytest.approx(0.05, abs=0.015)
