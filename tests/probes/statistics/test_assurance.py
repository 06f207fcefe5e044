from __future__ import annotations

import numpy as np
import pytest

from probes.statistics.assurance import chance_of_passing, largest_confirmation
from probes.statistics.confirmation import confirm
from probes.statistics.effects import Posterior
from probes.statistics.power import POWER, resolvable_difference
from probes.statistics.runs import Run

SURE = 1e-6
"""Sd of a belief that leaves nothing open."""


@pytest.mark.parametrize("runs", [6, 8, 16, 50])
def test_of_a_known_effect_it_is_the_power_of_the_test(runs: int) -> None:
    effect = resolvable_difference(0.5, runs, 0.05)
    assert chance_of_passing(Posterior(effect, SURE), 0.0, 0.5, runs, 0.05) == pytest.approx(POWER, abs=0.02)


def test_of_a_known_effect_of_nothing_it_is_about_the_level() -> None:
    assert chance_of_passing(Posterior(0.0, SURE), 0.0, 0.5, 100, 0.05) == pytest.approx(0.05, abs=0.002)


def test_a_guard_at_its_margin_passes_as_rarely_as_nothing_is_claimed() -> None:
    at_margin = chance_of_passing(Posterior(-1.5, 0.2), -1.5, 0.5, 8, 0.05)
    assert at_margin == pytest.approx(chance_of_passing(Posterior(0.0, 0.2), 0.0, 0.5, 8, 0.05))
    assert at_margin < 0.15


def test_more_runs_help_only_what_is_believed_to_be_above_the_bar() -> None:
    above = [chance_of_passing(Posterior(0.4, 0.2), 0.0, 0.5, runs, 0.05) for runs in (3, 8, 16, 100)]
    below = [chance_of_passing(Posterior(-0.4, 0.2), 0.0, 0.5, runs, 0.05) for runs in (3, 8, 16, 100)]
    assert above == sorted(above)
    assert max(below) < 0.05


@pytest.mark.parametrize("runs", [0, 1])
def test_with_under_two_runs_a_side_nothing_passes(runs: int) -> None:
    assert chance_of_passing(Posterior(9.0, 0.1), 0.0, 0.5, runs, 0.05) == 0.0


@pytest.mark.parametrize(("mean", "sd", "runs"), [(0.5, 0.2, 8), (0.3, 0.4, 8), (0.5, 0.1, 16), (0.8, 0.3, 4)])
def test_it_is_the_share_of_confirmations_that_pass_when_effects_are_drawn_from_the_belief(
    mean: float, sd: float, runs: int
) -> None:
    rng, passed, tries = np.random.default_rng(7), 0, 3000
    for effect in rng.normal(mean, sd, tries):
        baseline = [Run(frozenset(), i, {"t": score}) for i, score in enumerate(rng.normal(5.0, 0.5, runs))]
        final = [Run(frozenset({"c"}), i, {"t": score}) for i, score in enumerate(rng.normal(5.0 + effect, 0.5, runs))]
        passed += confirm(baseline, final, "t", {}, 0.05).confirmed
    expected = chance_of_passing(Posterior(mean, sd), 0.0, 0.5, runs, 0.05)
    assert passed / tries == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("own", "budget", "most"), [(16, 50, 16), (16, 60, 20), (16, 100, 32), (16, 1000, 48), (7, 1000, 21), (6, 23, 6)]
)
def test_a_confirmation_grows_to_three_times_the_sessions_and_a_third_of_the_budget(
    own: int, budget: int, most: int
) -> None:
    assert largest_confirmation(own, budget) == most
