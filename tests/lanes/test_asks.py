"""In which order lanes ask, what they learn from effects, and how the history reads."""

import pytest
from recipe_changes import changed_fields

from lanes.config import ChoiceKnob, LanesConfig, MixKnob, NumericKnob
from lanes.fragility import knob_histories
from lanes.hyperparameters import default_knobs
from lanes.lane import Lane
from lanes.open import open_lanes
from lanes.past import Past
from lanes.tried import Tried
from probes.candidate import Change
from probes.recipe import DataMix, MixRule, Recipe

BASELINE = Recipe(base_model="miniature", learning_rate=5e-3, rank=16, alpha=16.0, steps=80)
TAGS = {"category": {"voice": 40, "truth": 60, "wit": 20}}


def asks(lane: Lane, count: int, seed: int = 0, effect: float | None = -0.5) -> list[Change]:
    tried: list[Tried] = []
    for _ in range(count):
        change = lane.ask(BASELINE, tried, seed)
        if change is None:
            break
        tried.append(Tried(change=change, decision="reject", effect=effect))
    return [t.change for t in tried]


def rate_move(before: float, after: float, decision: str | None, effect: float | None) -> Tried:
    change = Change(lane="hyperparameters", knob="learning_rate", before=before, after=after)
    return Tried(change=change, decision=decision, effect=effect)


def test_the_first_asks_are_far_edges_with_what_usually_matters_first() -> None:
    lane = open_lanes(LanesConfig(), BASELINE, TAGS, "optuna")["hyperparameters"]
    moves = [(c.knob, c.after) for c in asks(lane, 10)]
    assert moves[:5] == [("learning_rate", 0.01), ("rank", 64), ("beta", 0.11), ("alpha", 32.0), ("dropout", 0.1)]
    assert moves[5:8] == [("learning_rate", 0.0025), ("rank", 4), ("beta", 0.09)]


def test_an_accepted_first_step_is_followed_in_its_direction() -> None:
    lane = open_lanes(LanesConfig(), BASELINE, TAGS, "optuna")["hyperparameters"]
    others = [Tried(change=c, decision="reject", effect=-0.2) for c in asks(lane, 10) if c.knob != "learning_rate"]
    working = BASELINE.replace(learning_rate=0.01)
    change = lane.ask(working, [rate_move(5e-3, 0.01, "accept", 1.0), *others], 0)
    assert change == Change(lane="hyperparameters", knob="learning_rate", before=0.01, after=0.02)


@pytest.mark.parametrize("name", ["hyperparameters", "data_mix"])
def test_each_knob_is_asked_once_before_any_twice(name: str) -> None:
    lane = open_lanes(LanesConfig(), BASELINE, TAGS, "optuna")[name]
    knobs = [c.knob for c in asks(lane, 2 * len(lane.knobs))]
    half = len(lane.knobs)
    assert sorted(knobs[:half]) == sorted(knobs[half:]) == sorted(lane.knobs)


def test_the_data_mix_asks_the_farthest_step_up_first() -> None:
    mix = MixKnob(tags={"category": ("wit",)}, repeats=(1, 2, 3, 5))
    baseline = BASELINE.replace(mix=DataMix(rules=(MixRule(name="wit", tags={"category": ("wit",)}, repeat=2),)))
    lane = open_lanes(LanesConfig(data_mix={"wit": mix}), baseline, TAGS, "optuna")["data_mix"]
    tried: list[Tried] = []
    while (change := lane.ask(baseline, tried, 0)) is not None:
        tried.append(Tried(change=change, decision="reject", effect=-0.1))
    assert [t.change.after for t in tried] == [5, 3, 1]


def test_the_seed_breaks_ties() -> None:
    lane = open_lanes(LanesConfig(), BASELINE, TAGS, "optuna")["data_mix"]
    assert len({lane.ask(BASELINE, [], seed).knob for seed in range(20)}) == 3


def test_tpe_asks_where_effects_were_good() -> None:
    knobs = {
        "learning_rate": NumericKnob(low=1e-4, high=1e-1, scale="log", max_factor=10),
        "weight_decay": NumericKnob(low=0.0, high=0.5, max_step=0.5),
    }
    lane = open_lanes(LanesConfig(hyperparameters=knobs), BASELINE, {}, "optuna")["hyperparameters"]
    tried = [rate_move(5e-3, v, "reject", e) for v, e in [(0.05, 0.6), (0.045, 0.7), (0.001, -2.0), (0.0006, -2.2)]]
    for after, effect in [(0.5, -1.0), (0.3, -1.1), (0.4, -0.9), (0.2, -1.2)]:
        change = Change(lane="hyperparameters", knob="weight_decay", before=0.0, after=after)
        tried.append(Tried(change=change, decision="reject", effect=effect))
    asked = [lane.ask(BASELINE, tried, seed) for seed in range(40)]
    assert sum(c.knob == "learning_rate" for c in asked) > 20
    assert sum(c.after > 5e-3 for c in asked if c.knob == "learning_rate") > 20


def test_values_that_no_probe_could_tell_from_a_tried_one_are_no_moves() -> None:
    knobs = {"learning_rate": NumericKnob(low=1e-4, high=1e-1, scale="log", max_factor=2)}
    config = LanesConfig(hyperparameters=knobs, closed=("data_mix", "curriculum"))
    lane = open_lanes(config, BASELINE, {}, "optuna")["hyperparameters"]
    values = [c.after for c in asks(lane, 20)]
    ratios = [max(a, b) / min(a, b) for i, a in enumerate(values) for b in values[:i]]
    assert 3 <= len(values) < 8
    assert min(ratios) > 4**0.2 * 0.999, "a fifth of the window, which spans a factor of 4"


def test_failed_and_pending_moves_do_not_stop_the_asks() -> None:
    lane = open_lanes(LanesConfig(), BASELINE, {}, "optuna")["hyperparameters"]
    failed = asks(lane, 14, effect=None)
    assert len({c.key for c in failed}) == 14
    pending = [Tried(change=c, decision=None, effect=None) for c in failed]
    assert lane.ask(BASELINE, pending, 0) is not None


def test_levels_are_measured_against_the_current_working_value() -> None:
    history = (
        rate_move(0.001, 0.002, "accept", 1.0),
        rate_move(0.002, 0.003, "reject", -0.5),
        rate_move(0.002, 0.004, "accept", 0.25),
        rate_move(0.004, 0.008, "park", None),
        rate_move(0.004, 0.006, None, None),
        rate_move(0.004, 0.007, None, 0.5),
    )
    past = Past(default_knobs(BASELINE)["learning_rate"], 0.004, history)
    levels = [(past[i].value, past[i].level, past[i].is_pending) for i in range(len(past))]
    assert levels == [
        (0.001, -1.25, False),
        (0.002, -0.25, False),
        (0.002, -0.25, False),
        (0.003, -0.75, False),
        (0.004, 0.0, False),
        (0.008, None, False),
        (0.006, None, True),
        (0.007, 0.5, False),
    ]


def test_going_back_on_an_accepted_move_is_no_move() -> None:
    config = LanesConfig(hyperparameters={"rank": ChoiceKnob(values=(8, 16, 32))}, closed=("data_mix", "curriculum"))
    lane = open_lanes(config, BASELINE, {}, "random")["hyperparameters"]
    up = Change(lane="hyperparameters", knob="rank", before=16, after=32)
    tried = [Tried(change=up, decision="accept", effect=0.4)]
    working = BASELINE.replace(rank=32)
    first = lane.ask(working, tried, 1)
    assert first is not None
    assert first.after == 8
    assert lane.ask(working, [*tried, Tried(change=first, decision="reject", effect=-1.0)], 1) is None


def test_equal_mixes_are_equal_recipes_in_whatever_order_they_came() -> None:
    lane = open_lanes(LanesConfig(), BASELINE, TAGS, "optuna")["data_mix"]

    def walk(*steps: tuple[str, int]) -> Recipe:
        recipe = BASELINE
        for knob, after in steps:
            change = Change(lane="data_mix", knob=knob, before=lane.value(recipe, knob), after=after)
            assert lane.refusal(change, recipe) is None
            recipe = lane.apply(change, recipe)
        return recipe

    one, other = walk(("truth", 2), ("wit", 3)), walk(("wit", 3), ("truth", 3), ("truth", 2))
    assert one.fingerprint == other.fingerprint
    assert walk(("truth", 2), ("truth", 1)).fingerprint == BASELINE.fingerprint


def test_changed_fields_names_every_difference() -> None:
    rule = MixRule(name="wit", tags={"category": ("wit",)}, repeat=2)
    assert changed_fields(BASELINE, BASELINE) == ()
    assert changed_fields(BASELINE, BASELINE.replace(rank=8, beta=0.2)) == ("beta", "rank")
    mixed = BASELINE.replace(mix=DataMix(rules=(rule,)), curriculum={"order": "interleave"})
    assert changed_fields(BASELINE, mixed) == ("mix.wit", "curriculum.order")
    assert changed_fields(mixed, mixed.replace(mix=DataMix(rules=(rule,), global_repeat=2))) == ("mix.global_repeat",)


def test_histories_name_the_fragile_knob_first() -> None:
    beta = Change(lane="hyperparameters", knob="beta", before=0.1, after=0.11)
    tried = [
        rate_move(2e-5, 2.2e-5, "accept", 0.4),
        rate_move(2e-5, 4e-5, None, None),
        Tried(change=beta, decision="reject", effect=-1.5),
    ]
    first, second = knob_histories(tried)
    assert first.sentence == "`beta`: 1 tried, 0 accepted, 1 rejected; worst beta 0.1 → 0.11 at −1.50"
    assert second.sentence == "`learning_rate`: 2 tried, 1 accepted, 0 rejected"
    assert (second.failed, second.best_effect) == (0, 0.4)
