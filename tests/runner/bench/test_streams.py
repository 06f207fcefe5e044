from __future__ import annotations

from math import exp

import numpy as np
import pytest

from runner.bench.contenders import RULES, oracle
from runner.bench.nights import COMPANION, Night, SpentError, play
from runner.bench.rules import keep_if_better
from runner.bench.streams import COLLAPSE, STREAMS, saturated


def quiet(effects: list[float], probes: float = 50.0) -> Night:
    return Night(np.array(effects), probes, np.random.default_rng(0), run_sd=1e-9)


@pytest.mark.parametrize(("stream", "good"), [("rich", 0.15), ("lean", 0.05), ("barren", 0.0), ("null", 0.0)])
def test_streams_have_their_shares(stream: str, good: float) -> None:
    effects = STREAMS[stream].draw(np.random.default_rng(0), 100_000)
    other = {"rich": 0.70 * 0.309, "lean": 0.70 * 0.159}.get(stream, 0.0)
    assert (effects > 0).mean() == pytest.approx(0.96 * (good + other), abs=0.005)
    collapsed = 0.0 if stream == "null" else 0.04
    assert (effects == COLLAPSE).mean() == pytest.approx(collapsed, abs=0.003)


def test_gains_saturate_and_losses_do_not() -> None:
    assert saturated(1.0) == pytest.approx(2 * (1 - exp(-0.5)))
    assert saturated(-3.0) == -3.0
    assert saturated(0.0) == 0.0


def test_a_night_ends_when_its_probes_are_spent() -> None:
    night = quiet([0.5], probes=2)
    assert night.probes((0,), 2) == pytest.approx([5 + saturated(0.5)] * 2)
    with pytest.raises(SpentError):
        night.probe()


def test_a_smoke_run_costs_a_quarter_and_shows_only_collapses() -> None:
    night = quiet([-1.0, COLLAPSE], probes=0.5)
    assert [night.smoke(0), night.smoke(1)] == [False, True]
    assert night.left == 0.0


def test_the_final_test_costs_nothing_of_the_search_and_needs_a_change() -> None:
    night = Night(np.array([2.0]), 5, np.random.default_rng(0))
    assert night.is_claimed((0,))
    assert not night.is_claimed(())
    assert night.left == 5


def test_a_final_recipe_that_changes_nothing_is_claimed_at_the_stated_rate() -> None:
    claims = [Night(np.zeros(1), 0, np.random.default_rng(n)).is_claimed((0,)) for n in range(4000)]
    assert np.mean(claims) == pytest.approx(0.05, abs=0.01)


def test_the_reported_interval_covers_the_truth_as_often_as_it_says() -> None:
    covered = [play(lambda night: (0,), "rich", 60, 0, number).covered for number in range(1500)]
    assert np.mean([bool(value) for value in covered]) == pytest.approx(0.90, abs=0.025)
    assert play(lambda night: (), "rich", 60, 0, 0).covered is None


def test_a_variant_offers_the_candidates_of_its_stream() -> None:
    seen: dict[str, list[float]] = {}
    for stream in STREAMS:

        def watched(night: Night, stream: str = stream) -> tuple[int, ...]:
            seen[stream] = [*night.effects[:5], night.probe((0, 1))]
            return ()

        play(watched, stream, 60, 0, 3)
    assert seen["rich, companion .6"] == seen["rich"]
    assert seen["rich, interactions .10"][:5] == seen["rich"][:5]
    assert seen["rich, interactions .10"][5] != seen["rich"][5]


def test_interactions_belong_to_pairs_and_have_their_size() -> None:
    night = Night(np.full(60, -1.0), 9, np.random.default_rng(0), stream=STREAMS["rich, interactions .10"])
    assert night.gain((3,)) == -1.0
    assert night.gain((3, 7)) == night.gain((7, 3))
    assert night.gain((3, 7)) != night.gain((3, 8))
    pairs = [night.gain((a, b)) + 2.0 for a in range(60) for b in range(a)]
    assert np.std(pairs) == pytest.approx(0.10, rel=0.1)
    assert night.gain((1, 2, 3)) + 3 == pytest.approx(sum(night.gain(p) + 2 for p in ((1, 2), (1, 3), (2, 3))))


@pytest.mark.parametrize(
    ("stream", "moves"), [("rich, companion .6", False), ("rich, companion .6 with effects", True)]
)
def test_a_companion_moves_with_the_noise_and_only_with_changes_where_told(stream: str, moves: bool) -> None:
    night = Night(np.zeros(3), 4000, np.random.default_rng(0), stream=STREAMS[stream])
    base, changed = ([night.measure(changes) for _ in range(2000)] for changes in ((), (0, 1)))
    both = np.array([[m.score, m.companions[COMPANION]] for m in base])
    assert np.corrcoef(both.T)[0, 1] == pytest.approx(0.6, abs=0.04)
    shift = np.mean([m.companions[COMPANION] for m in changed]) - both[:, 1].mean()
    assert (abs(float(shift)) > 0.1) is moves


def test_a_plain_night_has_no_companion() -> None:
    assert not quiet([0.5]).measure().companions


def test_a_night_is_the_same_every_time_and_candidates_do_not_depend_on_the_rule() -> None:
    assert play(keep_if_better, "rich", 60, 3, 7) == play(keep_if_better, "rich", 60, 3, 7)
    assert play(keep_if_better, "rich", 60, 3, 7) != play(keep_if_better, "rich", 60, 3, 8)
    seen: list[float] = []
    for rule in (oracle, keep_if_better):

        def watched(night: Night, rule: object = rule) -> tuple[int, ...]:
            seen.append(float(night.effects.sum()))
            return ()

        play(watched, "lean", 60, 0, 0)
    assert seen[0] == seen[1]


def test_the_oracle_bounds_every_rule() -> None:
    night = quiet([0.3, -0.2, 0.0, 0.4, 0.5], probes=4)
    assert oracle(night) == (0, 3)
    assert "(oracle after one probe)" in RULES
