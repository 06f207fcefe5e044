"""Which moves of a long night an ask hears of, so that one at probe 10,000 takes no longer than one at probe 1,000."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from heapq import merge
from itertools import accumulate, islice
from random import Random
from typing import NamedTuple

from lanes.moves import OpenKnob
from lanes.past import Known

MOST_HEARD = 64
"""Moves that Optuna is told of; nights of 600 to 1,100 probes end no better with twice as many (`results/LOG.md`)."""
MOST_BEST = 7
"""How many of them are the best: of so many moves TPE counts one in ten among its best."""


class Heard(NamedTuple):
    """A move that an ask is told of."""

    knob: OpenKnob
    number: int
    """Of the value in the knob's past."""

    @property
    def known(self) -> Known:
        """What the history says of it."""
        return self.knob.past[self.number]


def heard(knobs: Sequence[OpenKnob], chance: Random) -> list[Heard]:
    """Return all moves of the knobs in order, or when that is much the best and a fair sample of the others.

    TPE holds the density of its best trials, `MOST_BEST` at most, against that of all others: the first stays as it
    is, the second is estimated from fewer. What it takes grows with the knobs, not with their moves.
    """
    ends = list(accumulate(len(knob.past) for knob in knobs))
    if not ends or ends[-1] <= MOST_HEARD:
        return [Heard(knob, number) for knob in knobs for number in range(len(knob.past))]
    starts = [0, *ends[:-1]]
    leading = (
        [(rank, start + number) for rank, number in knob.past.ranks[:MOST_BEST]]
        for knob, start in zip(knobs, starts, strict=True)
    )
    best = sorted(number for _, number in islice(merge(*leading), MOST_BEST))
    others = chance.sample(range(ends[-1] - MOST_BEST), MOST_HEARD - MOST_BEST)
    skipped = [number - i for i, number in enumerate(best)]  # what a number among the others has to pass
    numbers = sorted((*best, *(other + bisect_right(skipped, other) for other in others)))
    return [Heard(knobs[at], number - starts[at]) for number in numbers for at in [bisect_right(ends, number)]]
