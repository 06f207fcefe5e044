from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from pydantic import ValidationError

from probes.outcome import TrainingPoint
from probes.statistics.early_stop import (
    Checkpoint,
    FinishedCurve,
    StopRule,
    false_stops,
    replayed,
    stop_rule,
)
from probes.statistics.intervals import wilson

FLOOR = 4.0
POINTS = 20


def curve(
    recipe: str, loss: float, margin: float | None = 1.0, score: float = 5.0, beta: float = 0.1, points: int = POINTS
) -> FinishedCurve:
    """A training whose loss falls to `loss` and whose margin, in log-probability, rises to `margin`."""
    own = tuple(
        TrainingPoint(
            step=2 * i,
            loss=loss + 1.0 - i / points,
            reward_margin=None if margin is None else beta * margin * i / points,
        )
        for i in range(1, points + 1)
    )
    return FinishedCurve(recipe, own, beta, score)


def good_ones(rng: np.random.Generator, count: int) -> list[FinishedCurve]:
    return [curve(f"g{i}", *rng.normal((1.0, 2.0), 0.2)) for i in range(count)]


def test_too_few_good_recipes_give_no_rule() -> None:
    good = good_ones(np.random.default_rng(1), 28)
    assert stop_rule(good, 0.1, FLOOR) is not None
    assert stop_rule(good[:27], 0.1, FLOOR) is None
    assert stop_rule(good, 0.05, FLOOR) is None
    hopeless = [curve(f"h{i}", 1.0, score=1.0) for i in range(30)]
    assert stop_rule([*good[:27], *hopeless], 0.1, FLOOR) is None
    assert stop_rule([], 0.1, FLOOR) is None


def test_replicates_are_one_recipe() -> None:
    good = good_ones(np.random.default_rng(0), 27)
    assert stop_rule([*good, *(curve("g0", 1.0) for _ in range(50))], 0.1, FLOOR) is None


def test_a_destroyed_training_is_stopped_at_the_first_look_and_a_usual_one_runs_to_its_end() -> None:
    rule = stop_rule(good_ones(np.random.default_rng(1), 28), 0.1, FLOOR)
    assert rule is not None
    usual, destroyed = curve("new", 1.0, 2.0), curve("new", 9.0, 2.0)
    assert all(rule.stops(usual.points[:count], 0.1) is None for count in range(POINTS + 1))
    reasons = [rule.stops(destroyed.points[:count], 0.1) for count in range(6)]
    assert reasons[:5] == [None] * 5
    assert reasons[5] is not None
    assert "at step 10 its loss was 9.75, above" in reasons[5]
    assert "false-stop rate 10%" in reasons[5]


def test_a_margin_that_does_not_rise_is_stopped_whatever_beta_scales_it_by() -> None:
    rule = stop_rule(good_ones(np.random.default_rng(1), 28), 0.1, FLOOR)
    assert rule is not None
    for beta in (0.1, 0.5):
        flat, usual = curve("new", 1.0, -3.0, beta=beta), curve("new", 1.0, 2.0, beta=beta)
        assert "reward margin" in str(rule.stops(flat.points[:15], beta))
        assert rule.stops(usual.points[:15], beta) is None


def test_sft_has_no_margin_and_is_judged_by_its_loss() -> None:
    rng = np.random.default_rng(2)
    rule = stop_rule([curve(f"g{i}", rng.normal(1.0, 0.2), None) for i in range(28)], 0.1, FLOOR)
    assert rule is not None
    assert {look.least_reward_margin for look in rule.checkpoints} == {None}
    assert rule.stops(curve("new", 9.0, None).points[:10], 0.1) is not None


def test_the_rate_holds_for_good_recipes_over_all_looks_together() -> None:
    rng = np.random.default_rng(3)
    for rate in (0.1, 0.2):
        armed: list[bool] = []
        stopped: list[bool] = []
        for _ in range(150):
            rule = stop_rule(good_ones(rng, 28), rate, FLOOR)
            armed.append(rule is not None)
            new = good_ones(rng, 5) if rule else []
            stopped += [any(rule.stops(c.points[:n], c.beta) for n in range(POINTS)) for c in new if rule]
        assert fmean(armed) > 0.6, rate
        # Bounds that pass the check on the ledger are rather too wide than too tight.
        assert rate / 3 < fmean(stopped) < rate + 0.02, rate


def test_a_rule_that_the_ledger_contradicts_is_never_armed() -> None:
    rng = np.random.default_rng(10)
    early = good_ones(rng, 18)
    moved = [curve(f"m{i}", *rng.normal((2.5, 2.0), 0.2)) for i in range(30)]
    assert stop_rule([*early, *moved], 0.1, FLOOR) is None
    assert replayed([*early, *moved], 0.1, FLOOR).good == 0
    assert stop_rule([*early, *good_ones(rng, 30)[18:], *moved], 0.1, FLOOR) is not None


def test_shifting_and_stretching_all_curves_stops_the_same_ones() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal((1.0, 2.0), 0.3, (40, 2))
    plain = [curve(f"g{i}", loss, margin) for i, (loss, margin) in enumerate(values)]
    moved = [curve(f"g{i}", 3.0 + loss, margin * 7.0) for i, (loss, margin) in enumerate(values)]
    one, other = (replayed(curves, 0.2, FLOOR) for curves in (plain, moved))
    assert one == other
    assert one.good == 27


def test_only_the_first_good_recipes_make_the_rule() -> None:
    good = good_ones(np.random.default_rng(5), 40)
    assert stop_rule(good[:28], 0.1, FLOOR) is not None
    assert stop_rule(good, 0.1, FLOOR) == stop_rule(good[:28], 0.1, FLOOR)
    later = iter(good)
    stop_rule(later, 0.1, FLOOR)
    assert list(later) == good[28:], "what comes later is not even asked for"
    assert stop_rule([curve("h", 50.0, score=0.0), *good], 0.1, FLOOR) == stop_rule(good, 0.1, FLOOR)


def test_curves_of_another_step_budget_are_left_out() -> None:
    good = good_ones(np.random.default_rng(6), 28)
    smoke = [curve(f"s{i}", 1.0, points=5) for i in range(18)]
    assert stop_rule([*good, *smoke], 0.1, FLOOR) == stop_rule(good, 0.1, FLOOR)


def test_curves_that_never_vary_give_bounds_that_stop_nothing_usual() -> None:
    rule = stop_rule([curve(f"g{i}", 1.0) for i in range(28)], 0.1, FLOOR)
    assert rule is not None
    assert rule.checkpoints == ()
    assert rule.stops(curve("new", 9.0).points[:5], 0.1) is None


def test_a_ledger_is_replayed_in_order_and_counts_what_was_saved() -> None:
    good = good_ones(np.random.default_rng(7), 28)
    finished = [*good, curve("bad", 9.0, 2.0, score=1.0), curve("bad", 9.0, score=1.0), curve("fine", 1.0, 2.0)]
    counts = replayed(finished, 0.1, FLOOR)
    assert (counts.good, counts.good_stopped, counts.hopeless, counts.hopeless_stopped) == (1, 0, 1, 1)
    assert (counts.steps, counts.steps_saved) == (30 * 40, 30)
    assert replayed(finished[:28], 0.1, FLOOR).interval.low is None


def test_leaving_one_out_tries_every_recipe_against_the_others() -> None:
    odd = curve("odd", 9.0, score=5.0)
    finished = [odd, *good_ones(np.random.default_rng(8), 40), *(curve(f"h{i}", 9.0, score=1.0) for i in range(3))]
    rule = stop_rule(finished[1:], 0.1, FLOOR)
    assert rule is not None
    without, counts = false_stops(finished[1:], rule), false_stops(finished, rule)
    assert (without.hopeless, without.hopeless_stopped) == (3, 3)
    assert 35 <= without.good <= 40
    assert counts.good_stopped >= 1
    assert counts.interval == wilson(counts.good_stopped, counts.good)


def test_a_rule_survives_json() -> None:
    rule = stop_rule(good_ones(np.random.default_rng(9), 28), 0.1, FLOOR)
    assert rule is not None
    assert StopRule.model_validate_json(rule.model_dump_json()) == rule


def test_a_rate_beyond_a_fifth_is_refused() -> None:
    look = Checkpoint(points=5, step=10, most_loss=2.0)
    with pytest.raises(ValidationError):
        StopRule(rate=0.3, floor=1.0, recipes=9, checkpoints=(look,))
