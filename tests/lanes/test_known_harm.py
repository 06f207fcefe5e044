"""Moves that earlier nights measured as harmful are left to the end, and forbidden by nothing."""

from __future__ import annotations

import pytest

from lanes.config import LanesConfig
from lanes.known_harm import repeats_harm
from lanes.open import open_lanes
from lanes.tried import Tried
from probes.candidate import Change, KnobValue
from probes.recipe import Curriculum, Recipe

BASELINE = Recipe(base_model="m", learning_rate=1e-3, rank=8, steps=10, curriculum=Curriculum(sources=("letters",)))
TAGS = {"category": {"truth": 20, "voice": 20}, "source": {"letters": 30, "records": 30}}
LANES = open_lanes(LanesConfig(), BASELINE, TAGS, "optuna")


def rate(before: float, after: float) -> Change:
    return Change(lane="hyperparameters", knob="learning_rate", before=before, after=after)


@pytest.mark.parametrize(
    ("working", "value", "repeats"),
    [
        (1e-3, 2e-3, True),
        (1e-3, 3e-3, True),
        (1e-3, 1.5e-3, False),
        (1e-3, 5e-4, False),
        (1.5e-3, 2e-3, True),
        (4e-3, 8e-3, False),
        (4e-3, 2e-3, False),
    ],
)
def test_a_number_repeats_harm_at_its_value_and_beyond_it_in_its_direction(
    working: float, value: float, repeats: bool
) -> None:
    assert repeats_harm(working, value, rate(1e-3, 2e-3)) is repeats


def test_a_word_repeats_harm_only_as_itself() -> None:
    harm = Change(lane="curriculum", knob="order", before="shuffle", after="source_last")
    assert repeats_harm("easy_first", "source_last", harm)
    assert not repeats_harm("shuffle", "source_first", harm)


def asked(name: str, shunned: list[Change]) -> list[KnobValue]:
    """Return the values a lane asks for until it has nothing left."""
    lane, tried, values = LANES[name], list[Tried](), list[KnobValue]()  # type: ignore[index]
    while (change := lane.ask(BASELINE, tried, 7, shunned=shunned)) is not None:
        tried.append(Tried(change=change, decision="reject", effect=-0.1))
        values.append(change.after)
    return values


def test_a_lane_asks_everything_but_what_is_shunned() -> None:
    harm = Change(lane="curriculum", knob="order", before="shuffle", after="source_last")
    assert "source_last" in asked("curriculum", [])
    assert set(asked("curriculum", [harm])) == set(asked("curriculum", [])) - {"source_last"}
    assert set(asked("curriculum", [rate(1e-3, 2e-3)])) == set(asked("curriculum", [])), "another lane's harm"


def test_shunned_moves_are_still_allowed() -> None:
    harm = Change(lane="curriculum", knob="order", before="shuffle", after="source_last")
    assert LANES["curriculum"].refusal(harm, BASELINE) is None
