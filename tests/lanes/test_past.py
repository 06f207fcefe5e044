"""What a knob's moves say: a look that goes on from the last one says what a first look says."""

from __future__ import annotations

from random import Random

import pytest

from lanes.config import ChoiceKnob, NumericKnob
from lanes.history import History
from lanes.knobs import Knob, reachable
from lanes.moves import see_knob
from lanes.past import Past
from lanes.tried import Tried
from probes.candidate import Change, KnobValue

RANGE = NumericKnob(low=0.05, high=20.0, scale="log", max_factor=2.0)
LISTED = ChoiceKnob(values=tuple(round(0.05 * step, 2) for step in range(1, 60)))
WORDS = ChoiceKnob(values=tuple("abcdefghijklmnop"))


def told(move: Tried, chance: Random) -> Tried:
    decision = chance.choice(["accept", "reject", "reject", "park", None])
    effect = chance.choice([None, chance.randrange(-6, 4) / 10])
    return move.model_copy(update={"decision": decision, "effect": effect})


def ruined(move: Tried) -> Tried:
    return move.model_copy(update={"collapsed": "overall"})


@pytest.mark.parametrize(("knob", "first"), [(RANGE, 1.0), (LISTED, 1.0), (WORDS, "c")])
@pytest.mark.parametrize("seed", range(12))
def test_a_look_that_goes_on_says_what_a_first_look_says(knob: Knob, first: KnobValue, seed: int) -> None:
    chance, history, here = Random(seed), History(), first
    for turn in range(40):
        after = chance.choice(reachable(knob, here))
        change = Change(lane="hyperparameters", knob="k", before=here, after=after)
        history.add(Tried(change=change, decision=None, effect=None))
        for _ in range(chance.randrange(3)):
            place = chance.randrange(len(history))
            move = told(history[place], chance)
            history.put(place, ruined(move) if chance.random() < 0.05 else move)
            here = move.change.after if move.decision == "accept" and chance.random() < 0.5 else here
        if chance.random() < 0.3:
            continue  # nobody looks after every move
        seen = see_knob("k", knob, here, history.of_knob("hyperparameters", "k"))
        anew = see_knob("k", knob, here, History(history).of_knob("hyperparameters", "k"))
        assert seen.values == anew.values, (turn, here)
        assert seen.past.ranks == anew.past.ranks
        assert all(seen.past[i] == anew.past[i] for i in range(len(seen.past)))
        assert [seen.past.place(i) for i in range(len(seen.past))] == [
            anew.past.place(i) for i in range(len(anew.past))
        ]
        assert see_knob("k", knob, here, history.of_knob("hyperparameters", "k")) is seen


def test_ranks_put_the_best_first_and_the_failed_last() -> None:
    effects = {2.0: 0.5, 4.0: -0.5, 0.5: None}
    moves = [
        Tried(
            change=Change(lane="hyperparameters", knob="k", before=1.0, after=after),
            decision="reject",
            effect=effect,
        )
        for after, effect in effects.items()
    ]
    pending = Tried(change=Change(lane="hyperparameters", knob="k", before=1.0, after=1.5), decision=None, effect=None)
    past = Past(RANGE, 1.0, [*moves, pending])
    assert [past[number].value for _, number in past.ranks] == [2.0, 1.5, 4.0, 0.5]


def test_an_offer_is_one_of_the_open_values_as_it_is_written() -> None:
    whole = ChoiceKnob(values=(8, 16, 32))
    seen = see_knob("k", whole, 16, History().of_knob("hyperparameters", "k"))
    assert [seen.offers(value) for value in (8, 16, 32, 8.0, 9, "8")] == [True, False, True, False, False, False]
