"""Refusals name the knob, the rule, the value and the cure; step limits hold at the float's edge."""

import pytest

from lanes.config import ChoiceKnob, LanesConfig, NumericKnob
from lanes.knobs import reachable, round_digits, same_value, significant_digits
from lanes.lane import Lane
from lanes.open import open_lanes
from probes.candidate import Change
from probes.recipe import Recipe

BASELINE = Recipe(base_model="miniature", learning_rate=2e-5, beta=0.1, rank=16, steps=300)
CONFIG = LanesConfig(
    hyperparameters={
        "learning_rate": NumericKnob(low=1e-6, high=1e-4, scale="log", max_factor=2),
        "beta": NumericKnob(low=0.05, high=0.2, max_step=0.01),
        "rank": ChoiceKnob(values=(4, 8, 16, 32, 64), max_factor=2),
        "warmup_ratio": NumericKnob(low=0, high=0.5, max_step=0.5),
        "batch_size": NumericKnob(low=1, high=8, max_step=4),
    },
    closed=("data_mix", "curriculum"),
)


@pytest.fixture
def lane() -> Lane:
    return open_lanes(CONFIG, BASELINE, {}, "random")["hyperparameters"]


def refusal(lane: Lane, knob: str, after: object) -> str | None:
    before = lane.value(BASELINE, knob)
    return lane.refusal(Change(lane="hyperparameters", knob=knob, before=before, after=after), BASELINE)


@pytest.mark.parametrize(
    ("knob", "after", "words"),
    [
        ("learning_rate", 1e-3, ["between 1e-06 and 0.0001", "got 0.001", "`low` and `high`", ".learning_rate]"]),
        ("learning_rate", 4.1e-5, ["`max_factor` × 2", "from 2e-05 to at most 4e-05", "got 4.1e-05"]),
        ("learning_rate", 9e-6, ["to at least 1e-05"]),
        ("learning_rate", "fast", ["must be a number", "'fast'"]),
        ("learning_rate", True, ["must be a number", "True"]),
        ("learning_rate", 2.04e-5, ["is already 2e-05"]),
        ("beta", 0.12, ["`max_step` ± 0.01", "from 0.1 to at most 0.11", "got 0.12", "[lanes.hyperparameters.beta]"]),
        ("beta", 0.1, ["already 0.1"]),
        ("rank", 24, ["must be one of 4, 8, 16, 32, 64, got 24", "set `values` in `[lanes.hyperparameters.rank]`"]),
        ("rank", 64, ["`max_factor` × 2", "from 16 to at most 32"]),
        ("rank", "16", ["must be one of", "'16'"]),
        ("batch_size", 1.5, ["a whole number", "1.5"]),
    ],
)
def test_a_refusal_names_rule_value_and_cure(lane: Lane, knob: str, after: object, words: list[str]) -> None:
    refused = refusal(lane, knob, after) or ""
    for word in words:
        assert word in refused


def test_steps_at_the_very_limit_are_allowed(lane: Lane) -> None:
    for knob, after in [
        ("beta", 0.1 + 0.01),
        ("beta", 0.11),
        ("beta", 0.09),
        ("learning_rate", 4e-5),
        ("learning_rate", 1e-5),
        ("rank", 32),
        ("rank", 8.0),
    ]:
        assert refusal(lane, knob, after) is None, (knob, after)
    assert refusal(lane, "beta", 0.1100001) is not None


def test_beta_walks_by_steps_of_a_hundredth_wherever_it_stands() -> None:
    knob = NumericKnob(low=0.01, high=2.0, max_step=0.01)
    for hundredths in range(2, 200):
        working = hundredths / 100
        values = reachable(knob, working)
        assert min(values) == pytest.approx(working - 0.01)
        assert max(values) == pytest.approx(working + 0.01)


def test_a_whole_number_given_for_a_real_field_is_the_same_move() -> None:
    knob = NumericKnob(low=1, high=64, scale="log", max_factor=2)
    assert same_value(knob, 16, 16.0)
    assert not same_value(knob, 1, True)


def test_values_have_two_digits_unless_the_limits_are_finer() -> None:
    rate = NumericKnob(low=1e-5, high=1e-2, scale="log", max_factor=1.5)
    assert significant_digits(rate) == 2
    values = reachable(rate, 3.3e-3)
    assert max(values) == 4.9e-3, "5.0e-3 would be more than a factor of 1.5"
    assert all(round_digits(v) == v for v in values)
    assert significant_digits(NumericKnob(low=1e-5, high=1e-2, scale="log", max_factor=1.02)) == 3
    assert significant_digits(NumericKnob(low=0.101, high=0.104, max_step=0.01)) == 4


def test_a_lanes_own_steps_are_wide_enough_to_be_seen() -> None:
    knob = NumericKnob(low=0.0, high=1.0, max_step=0.2)
    assert all(abs(v - 0.5) >= 0.08 - 1e-9 for v in reachable(knob, 0.5))
    assert reachable(knob, 0.0)[0] == pytest.approx(0.04)
    assert 0.0 in reachable(knob, 0.2)


def test_words_have_no_step_limit_and_numbers_rise() -> None:
    with pytest.raises(ValueError, match="words have no distance"):
        ChoiceKnob(values=("cosine", "linear"), max_factor=2)
    with pytest.raises(ValueError, match="must rise"):
        ChoiceKnob(values=(8, 4))
    with pytest.raises(ValueError, match="all numbers or all words"):
        ChoiceKnob(values=(8, "many"))
