"""A knob whose step collapsed takes smaller steps that way for the rest of the night, and says why."""

import random

import pytest

from lanes.config import ChoiceKnob, LanesConfig, MixKnob, NumericKnob
from lanes.fragility import FREE, knob_histories, safe_window
from lanes.lane import Lane
from lanes.open import open_lanes
from lanes.tried import Tried
from probes.candidate import Change, KnobValue
from probes.recipe import Recipe

BASELINE = Recipe(base_model="miniature", learning_rate=5e-3, beta=0.1, rank=16, steps=80)
CONFIG = LanesConfig(
    hyperparameters={
        "learning_rate": NumericKnob(low=5e-4, high=5e-2, scale="log", max_factor=2),
        "beta": NumericKnob(low=0.05, high=0.2, max_step=0.02),
        "dropout": NumericKnob(low=0.0, high=0.4, max_step=0.2),
        "rank": ChoiceKnob(values=(4, 8, 16, 32, 64), max_factor=4),
        "scheduler": ChoiceKnob(values=("cosine", "linear", "constant")),
    },
    data_mix={"wit": MixKnob(tags={"category": ("wit",)}, repeats=(1, 2, 3, 5))},
    closed=("curriculum",),
)
TAGS = {"category": {"wit": 20, "truth": 40}}


def lane(name: str = "hyperparameters", proposer: str = "random") -> Lane:
    return open_lanes(CONFIG, BASELINE, TAGS, proposer)[name]


def move(
    knob: str, before: KnobValue, after: KnobValue, collapsed: str | None = None, effect: float | None = None
) -> Tried:
    name = "data_mix" if knob == "wit" else "hyperparameters"
    change = Change(lane=name, knob=knob, before=before, after=after)
    return Tried(change=change, decision="reject", effect=effect, collapsed=collapsed)


def asked(knob: str, working: Recipe, tried: list[Tried], count: int = 60) -> set[KnobValue]:
    """Return the values of one knob that a lane asks for when it is asked until nothing is left."""
    one, history = lane("data_mix" if knob == "wit" else "hyperparameters"), list(tried)
    found: set[KnobValue] = set()
    for seed in range(count):
        change = one.ask(working, history, seed)
        if change is None:
            break
        history.append(Tried(change=change, decision="reject", effect=-0.1))
        if change.knob == knob:
            found.add(change.after)
    return found


def test_half_of_a_factor_is_its_root_and_half_of_a_step_is_half() -> None:
    assert safe_window([move("learning_rate", 0.005, 0.01, "x")], 0.005).high == pytest.approx(0.005 * 2**0.5)
    assert safe_window([move("dropout", 0.0, 0.2, "x")], 0.0).high == pytest.approx(0.1)
    assert safe_window([move("wit", 1, 5, "x")], 1).high == pytest.approx(3.0)
    assert safe_window([move("learning_rate", 0.005, 0.0025, "x")], 0.005).low == pytest.approx(0.005 / 2**0.5)


def test_only_collapses_tighten_and_only_in_their_direction() -> None:
    assert safe_window([move("learning_rate", 0.005, 0.01)], 0.005) == FREE
    assert safe_window([move("learning_rate", 0.005, 0.01, "x")], 0.005).low == FREE.low
    assert safe_window([move("scheduler", "cosine", "linear", "x")], "cosine") == FREE


def test_a_second_collapse_halves_again() -> None:
    twice = [move("learning_rate", 0.005, 0.01, "x"), move("learning_rate", 0.005, 0.007, "x")]
    assert safe_window(twice, 0.005).high == pytest.approx((0.005 * 0.007) ** 0.5)
    assert safe_window(twice, 0.005) == safe_window(twice[::-1], 0.005)


def test_nothing_comes_nearer_than_halfway_to_what_collapsed_and_never_beyond() -> None:
    collapsed = [move("learning_rate", 0.005, 0.01, "x")]
    for working in (0.005, 0.0065, 0.008, 0.0099):
        high = safe_window(collapsed, working).high
        assert working < high < 0.01
        assert high <= (working * 0.01) ** 0.5 * (1 + 1e-12)
    assert safe_window(collapsed, 0.02).high == pytest.approx(0.02 * 2**0.5)


def test_a_lane_asks_only_inside_the_tightened_limit() -> None:
    collapsed = [move("learning_rate", 0.005, 0.01, "diverged")]
    values = asked("learning_rate", BASELINE, collapsed)
    assert values
    assert max(values) <= 0.005 * 2**0.5
    assert min(values) <= 0.003, "the other direction is as free as before"
    assert max(asked("learning_rate", BASELINE, [])) > 0.0075


def test_a_list_of_values_is_left_with_what_lies_within_half_the_step() -> None:
    assert asked("rank", BASELINE, [move("rank", 16, 64, "x")]) == {4, 8, 32}
    assert asked("rank", BASELINE, [move("rank", 16, 32, "x")]) == {4, 8}
    assert asked("wit", BASELINE, [move("wit", 1, 3, "x")]) == {2}


def test_a_refusal_names_the_collapse_the_limit_and_the_cure() -> None:
    tried = [move("learning_rate", 0.005, 0.01, "diverged: loss became NaN")]
    change = Change(lane="hyperparameters", knob="learning_rate", before=0.005, after=0.009)
    assert lane().refusal(change, BASELINE) is None
    refused = lane().refusal(change, BASELINE, tried) or ""
    for words in (
        "may rise from 0.005 to at most 0.007071 tonight, got 0.009",
        "learning_rate 0.005 → 0.01 collapsed (diverged: loss became NaN)",
        "smaller steps",
    ):
        assert words in refused
    assert lane().refusal(change.model_copy(update={"after": 0.007}), BASELINE, tried) is None
    assert lane().refusal(change.model_copy(update={"after": 0.0026}), BASELINE, tried) is None


def test_words_that_collapsed_are_refused_and_others_are_not() -> None:
    tried = [move("scheduler", "cosine", "constant", "timed out")]
    change = Change(lane="hyperparameters", knob="scheduler", before="cosine", after="constant")
    assert "`scheduler` constant collapsed tonight (timed out)" in (lane().refusal(change, BASELINE, tried) or "")
    assert lane().refusal(change.model_copy(update={"after": "linear"}), BASELINE, tried) is None


@pytest.mark.parametrize("proposer", ["optuna", "random"])
def test_whatever_collapses_a_lane_asks_for_nothing_that_it_would_refuse(proposer: str) -> None:
    one, chance = lane(proposer=proposer), random.Random(5)
    working, tried = BASELINE, list[Tried]()
    for seed in range(60):
        change = one.ask(working, tried, seed)
        if change is None:
            break
        assert one.refusal(change, working, tried) is None
        fate = chance.random()
        ruined = "diverged" if fate < 0.5 else None
        decision = "accept" if fate > 0.8 else "reject"
        tried.append(Tried(change=change, decision=decision, effect=None if ruined else 0.1, collapsed=ruined))
        working = one.apply(change, working) if decision == "accept" else working
    assert sum(t.collapsed is not None for t in tried) > 3


def test_the_sentence_says_what_collapsed_what_did_not_and_the_limit() -> None:
    tried = [
        move("beta", 0.1, 0.11, effect=0.1),
        move("learning_rate", 0.005, 0.0025, effect=-0.2),
        move("learning_rate", 0.005, 0.01, "diverged", None),
        move("scheduler", "cosine", "constant", "timed out"),
    ]
    rate, words, beta = knob_histories(tried)
    assert rate.sentence == (
        "`learning_rate` has a narrow safe band: 0.01 (diverged) collapsed, 0.0025 and 0.005 did not; from then on a "
        "step up was at most × 1.414"
    )
    assert words.sentence == "`scheduler` is fragile: constant (timed out) collapsed, cosine did not"
    assert [h.is_fragile for h in (rate, words, beta)] == [True, True, False]


def test_the_limit_in_words_is_the_tightest_of_each_direction() -> None:
    tried = [move("dropout", 0.1, 0.3, "x"), move("dropout", 0.1, 0.0, "x"), move("dropout", 0.0, 0.2, "x")]
    (history,) = knob_histories(tried)
    assert history.limit == "a step up was at most × 1.732 and + 0.1, a step down was at most − 0.05"
    assert history.safe == (0.1,)
