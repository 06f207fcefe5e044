"""The tables of what companions are worth: known answers from made-up probes."""

from __future__ import annotations

import numpy as np

from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from probes.statistics.early_stop import FalseStops
from probes.statistics.intervals import wilson
from runner.companions import Measured, companions_table, cost_line
from runner.stopping import pooled, stops_table

RECIPE = Recipe(base_model="m")


def outcome(score: float, likelihood: float, seconds: float = 2.0) -> ProbeOutcome:
    item = ItemScores(item="i", category="voice", difficulty="easy", scores=(score,))
    companions = {"likelihood/voice": likelihood, "reward_margin": 1.0}
    return ProbeOutcome(
        key="k", status=ProbeStatus.COMPLETED, items=(item,), companions=companions, companion_seconds=0.1,
        seconds=seconds,
    )  # fmt: skip


def rows(follows: float) -> list[Measured]:
    """Recipes whose companion follows the score by `follows`, within a recipe and across them."""
    rng = np.random.default_rng(0)
    levels = [5.0, *rng.uniform(2.0, 8.0, 8)]
    return [
        Measured(
            RECIPE,
            [outcome(level + e, follows * (level + e) / 10 + rng.normal(0, 0.01)) for e in rng.normal(0, 0.3, 9)],
        )
        for level in levels
    ]


def cells(text: str, companion: str, metric: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(f"| {companion} | {metric} |")).split(" | ")


def test_a_companion_that_follows_the_score_says_so_in_every_column() -> None:
    text = companions_table(rows(1.0), ["voice", "overall"])
    for metric in ("voice", "overall"):
        _, _, within, across, effects, score, companion = cells(text, "likelihood", metric)
        assert within.startswith("+0.9")
        assert across.startswith("+1.00")
        assert 0.2 < float(score) < 0.4
        assert float(companion.rstrip(" |")) < 0.5 < float(effects)


def test_one_that_goes_the_other_way_is_negative_and_a_constant_one_says_nothing() -> None:
    text = companions_table(rows(-1.0), ["voice"])
    assert cells(text, "likelihood", "voice")[2].startswith("−0.9")
    assert cells(text, "reward_margin", "voice")[2:4] == ["–", "–"]
    assert "| margin |" not in text


def test_the_cost_is_a_share_of_a_probe() -> None:
    assert "0.10 s of 2.00 s a probe, 5.0%" in cost_line([Measured(RECIPE, [outcome(5, 0.5)] * 3)])
    bare = ProbeOutcome(key="k", status=ProbeStatus.COMPLETED)
    assert "No probe" in cost_line([Measured(RECIPE, [bare])])


def test_stops_of_several_nights_are_added_and_a_rule_that_never_armed_says_so() -> None:
    one = FalseStops(
        good=9, good_stopped=1, interval=wilson(1, 9), hopeless=2, hopeless_stopped=1, steps=500, steps_saved=50
    )
    both = pooled([one, one])
    assert both is not None
    assert (both.good, both.good_stopped, both.interval) == (18, 2, wilson(2, 18))
    text = stops_table({0.1: both, 0.2: pooled([]), 0.05: pooled([one.model_copy(update={"good": 0, "hopeless": 0})])})
    lines = text.splitlines()[2:]
    assert lines[0].startswith("| 10% | 2 of 18 [")
    assert "| 2 of 4 | 100 of 1000 (10.0%) |" in lines[0]
    assert all("never armed" in line for line in lines[1:])
