"""Which moves an ask hears of: what a walk over all moves would choose, without the walk."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from math import inf
from random import Random

import pytest

from lanes.config import ChoiceKnob
from lanes.heard import MOST_BEST, MOST_HEARD, heard
from lanes.moves import OpenKnob
from lanes.past import Known, Past
from lanes.tried import Tried
from probes.candidate import Change
from probes.statistics.verdicts import Decision

VALUES = tuple(range(200))


def knob_of(name: str, tried: Sequence[Tried]) -> OpenKnob:
    knob = ChoiceKnob(values=VALUES)
    return OpenKnob(name, knob, 0, dict(enumerate(VALUES)), Past(knob, 0, tried))


def random_knob(name: str, moves: int, chance: Random) -> OpenKnob:
    """A knob whose moves were accepted, rejected, are still out or failed, with many equal effects among them."""
    tried: list[Tried] = []
    for value in chance.sample(VALUES[1:], moves):
        decision: Decision | None = chance.choice(["accept", "reject", "reject", "park", None])
        effect = None if decision is None or chance.random() < 0.1 else chance.randrange(-6, 4) / 10
        change = Change(lane="hyperparameters", knob=name, before=0, after=value)
        tried.append(Tried(change=change, decision=decision, effect=effect))
    return knob_of(name, tried)


def walked(knobs: Sequence[OpenKnob], chance: Random) -> list[Known]:
    """The best moves of all and a sample of the others, by a walk over every one."""
    levels = [knob.past[place] for knob in knobs for place in range(len(knob.past))]
    if len(levels) <= MOST_HEARD:
        return levels
    places = range(len(levels))
    best = nsmallest(MOST_BEST, places, key=lambda i: inf if (worth := levels[i].worth) is None else -worth)
    others = chance.sample([i for i in places if i not in best], MOST_HEARD - MOST_BEST)
    return [levels[i] for i in sorted((*best, *others))]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("most", [4, 20, 90])
def test_what_is_heard_is_what_a_walk_over_all_moves_chooses(seed: int, most: int) -> None:
    chance = Random(seed)
    knobs = [random_knob(f"k{i}", chance.randrange(1, most), chance) for i in range(40)]
    found, wanted = heard(knobs, Random(seed)), walked(knobs, Random(seed))
    assert [move.known for move in found] == wanted
    assert len({(move.knob.name, move.number) for move in found}) == len(found) <= MOST_HEARD


def test_no_move_means_nothing_to_hear() -> None:
    assert heard([], Random(0)) == []
    assert heard([knob_of("k", ())], Random(0)) == []
