"""Which categories are named data-bottlenecked: known answers, and how often the rule errs on seeded nights."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from probes.candidate import LaneName
from probes.statistics.bottleneck import LEAST_DF, bottlenecks, movements, pooled
from probes.statistics.earlier import Movement, RawEffect

LANES: tuple[LaneName, ...] = ("hyperparameters", "data_mix", "curriculum")


def effects(values: Sequence[float], error: float = 0.15) -> list[RawEffect]:
    return [RawEffect(lane=LANES[i % 3], effect=v, standard_error=error) for i, v in enumerate(values)]


def named(values: Sequence[float], error: float = 0.15, level: float = 7.8, df: int = 20) -> bool:
    return bool(bottlenecks(movements("facts", effects(values, error), df), {"facts": level}))


def test_a_category_that_six_changes_in_three_lanes_leave_still_is_named() -> None:
    (found,) = bottlenecks(movements("facts", effects([0.1, -0.1, 0.0, 0.05, -0.2, 0.1]), 20), {"facts": 7.8})
    assert (found.still, found.unclear, found.lanes, found.level) == (6, 0, LANES, 7.8)


def test_one_change_that_moves_it_either_way_is_enough_against_it() -> None:
    assert not named([0.1, -0.1, 0.0, 0.05, -0.2, 1.2])
    assert not named([0.1, -0.1, 0.0, 0.05, -0.2, -1.2])


def test_too_few_changes_or_lanes_or_probes_name_nothing() -> None:
    assert not named([0.0, 0.1, 0.0])
    one_lane = [RawEffect(lane="data_mix", effect=0.0, standard_error=0.1)] * 6
    assert not bottlenecks(movements("facts", one_lane, 20), {"facts": 7.8})
    assert not named([0.0] * 6, error=0.6)
    assert not named([0.0] * 6, df=LEAST_DF - 1)
    mixed = [*effects([0.0] * 4), *effects([0.0] * 5, error=0.6)]
    assert not bottlenecks(movements("facts", mixed, 20), {"facts": 7.8}), "more cannot tell than were still"


def test_nothing_is_said_of_a_category_at_its_ceiling_or_without_a_level() -> None:
    assert not named([0.0] * 6, level=9.6)
    assert not bottlenecks(movements("facts", effects([0.0] * 6), 20), {"voice": 5.0})


def test_nights_add_up_and_a_later_move_takes_the_name_back() -> None:
    tonight = movements("facts", effects([0.0, 0.0, 0.1]), 20)
    earlier = movements("facts", effects([0.1, 0.0, -0.1]), 20)
    assert not bottlenecks(tonight, {"facts": 7.8})
    assert bottlenecks([*tonight, *earlier], {"facts": 7.8})
    moved = Movement(category="facts", lane="curriculum", moved=1)
    assert not bottlenecks([*tonight, *earlier, moved], {"facts": 7.8})
    assert sum(each.still for each in pooled([*tonight, *earlier])) == 6


def test_a_category_that_one_change_in_eight_moves_is_seldom_named() -> None:
    chance, wrong, right, nights = Random(5), 0, 0, 400
    for _ in range(nights):
        truth = [0.9] + [0.0] * 7
        wrong += named([chance.gauss(effect, 0.2) for effect in truth], error=0.2)
        right += named([chance.gauss(0.0, 0.2) for _ in truth], error=0.2)
    assert wrong / nights < 0.05
    assert right / nights > 0.8
