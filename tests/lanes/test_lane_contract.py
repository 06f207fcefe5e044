"""What every lane owes its callers, whoever proposes: legal, deterministic, never twice, one knob, and an end."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recipe_changes import changed_fields

from lanes.config import ChoiceKnob, LanesConfig, MixKnob, NumericKnob
from lanes.lane import Lane
from lanes.open import open_lanes
from lanes.tried import Tried
from probes.candidate import LANES, Change
from probes.recipe import Curriculum, Recipe

PROPOSERS: list[Any] = ["optuna", pytest.param("gp", marks=pytest.mark.slow), "random"]
TAGS = {
    "category": {"GROUND_truth": 60, "private voice": 40, "character": 30},
    "difficulty": {"easy": 70, "hard": 60},
    "source": {"letters": 50, "(none)": 80},
}
BASELINE = Recipe(
    base_model="miniature", learning_rate=5e-3, steps=80, batch_size=8, curriculum=Curriculum(sources=("Letters",))
)
SESSION = LanesConfig(
    hyperparameters={
        "learning_rate": NumericKnob(low=1e-4, high=5e-2, scale="log", max_factor=3),
        "beta": NumericKnob(low=0.05, high=1.2, max_step=0.01),
        "dropout": NumericKnob(low=0.0, high=0.5, max_step=0.2, max_factor=100),
        "batch_size": NumericKnob(low=1, high=64, max_factor=2),
        "rank": ChoiceKnob(values=(4, 8, 16, 32, 64), max_factor=2),
        "scheduler": ChoiceKnob(values=("cosine", "linear", "constant")),
        "system_prompt": ChoiceKnob(values=("", "Answer briefly.")),
    },
    data_mix={
        "truth": MixKnob(tags={"category": ("Ground_Truth",)}, repeats=(1, 2, 3, 5)),
        "hard": MixKnob(tags={"difficulty": ("hard",)}, weights=(0.5, 1.0, 2.0)),
        "greetings": MixKnob(prompt_words=("hello",), weights=(0.0, 3.0)),
    },
)


def lane_of(name: str, proposer: str, config: LanesConfig = SESSION) -> Lane:
    return open_lanes(config, BASELINE, TAGS, proposer)[name]


def play(lane: Lane, seed: int, asks: int, accept_share: float = 0.3) -> tuple[list[Tried], list[Recipe]]:
    """Ask `asks` times with random verdicts, check every ask, and return the history and the working recipes."""
    chance = random.Random(seed)
    working, tried, path = BASELINE, [], [BASELINE]
    for _ in range(asks):
        change = lane.ask(working, tried, seed)
        if change is None:
            break
        assert lane.refusal(change, working) is None
        assert lane.earlier(change, tried) is None
        changed = lane.apply(change, working)
        assert len(changed_fields(working, changed)) == 1
        assert lane.value(changed, change.knob) == change.after
        fate = chance.random()
        if fate < accept_share:
            tried.append(Tried(change=change, decision="accept", effect=chance.gauss(0.5, 0.3)))
            working = changed
        elif fate < 0.8:
            tried.append(Tried(change=change, decision="reject", effect=chance.gauss(-0.5, 0.5)))
        else:
            tried.append(Tried(change=change, decision=chance.choice(["park", None]), effect=None))
        path.append(working)
    return tried, path


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("name", LANES)
@pytest.mark.parametrize("config", [SESSION, LanesConfig()], ids=["session", "defaults"])
def test_200_asks_are_legal_new_and_change_one_knob(name: str, proposer: str, config: LanesConfig) -> None:
    tried, path = play(lane_of(name, proposer, config), seed=3, asks=200)
    assert tried
    if name == "hyperparameters":
        assert len({recipe.fingerprint for recipe in path}) > 2
        assert len({t.change.knob for t in tried}) >= 5


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("name", LANES)
@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**31 - 1), accept_share=st.floats(0.0, 0.8))
def test_any_night_gets_legal_asks(name: str, proposer: str, seed: int, accept_share: float) -> None:
    play(lane_of(name, proposer), seed, asks=25, accept_share=accept_share)


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("name", LANES)
def test_equal_arguments_get_equal_asks_also_from_a_lane_opened_anew(name: str, proposer: str) -> None:
    tried, path = play(lane_of(name, proposer), seed=11, asks=30)
    for told in (0, 1, len(tried) // 2, len(tried) - 1):
        asked = [lane_of(name, proposer).ask(path[told], tried[:told], 11) for _ in range(2)]
        assert asked[0] == asked[1]
        assert asked[0] is not None
        assert asked[0].key == tried[told].change.key


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("name", LANES)
def test_other_lanes_moves_do_not_change_what_is_asked(name: str, proposer: str) -> None:
    lane = lane_of(name, proposer)
    other = Change(lane=next(o for o in LANES if o != name), knob="elsewhere", before=1, after=2)
    assert lane.ask(BASELINE, [Tried(change=other, decision="reject", effect=-1.0)], 5) == lane.ask(BASELINE, [], 5)


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("name", LANES)
def test_an_exhausted_lane_asks_for_nothing(name: str, proposer: str) -> None:
    few = LanesConfig(
        hyperparameters={
            "learning_rate": NumericKnob(low=4e-3, high=6e-3, scale="log", max_factor=1.3),
            "rank": ChoiceKnob(values=(8, 16, 32, 256), max_factor=2),
        },
        data_mix=SESSION.data_mix,
    )
    lane = lane_of(name, proposer, few)
    tried, path = play(lane, seed=2, asks=200, accept_share=0.0)
    assert 3 <= len(tried) < 40
    assert lane.ask(path[-1], tried, 2) is None
    values = {(t.change.knob, t.change.after) for t in tried}
    assert len(values) == len(tried)
    if name == "hyperparameters":
        assert {v for k, v in values if k == "rank"} == {8, 32}, "256 is more than one step away"
    if name == "data_mix":
        assert {v for k, v in values if k == "greetings"} == {0.0, 3.0}


@pytest.mark.parametrize("name", LANES)
def test_a_move_from_another_working_recipe_is_refused(name: str) -> None:
    lane = lane_of(name, "random")
    change = lane.ask(BASELINE, [], 0)
    assert change is not None
    moved = lane.apply(change, BASELINE)
    assert "starts from" in (lane.refusal(change, moved) or "")
    assert "already" in (lane.refusal(change.model_copy(update={"before": change.after}), moved) or "")


@pytest.mark.parametrize("name", LANES)
def test_foreign_and_unknown_knobs_are_refused_with_the_section_to_set(name: str) -> None:
    lane = lane_of(name, "optuna")
    unknown = lane.refusal(Change(lane=lane.name, knob="wings", before=None, after=2), BASELINE)
    assert unknown is not None
    assert "no knob `wings`" in unknown
    assert f"[lanes.{name}.wings]" in unknown
    other = next(o for o in LANES if o != name)
    assert f"this is lane `{name}`" in (
        lane.refusal(Change(lane=other, knob="order", before=1, after=2), BASELINE) or ""
    )


@pytest.mark.parametrize("name", LANES)
@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    pick=st.integers(0, 20),
    after=st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(),
        st.just(10**400),
        st.booleans(),
        st.text(max_size=8),
    ),
)
def test_a_proposal_is_refused_in_words_or_gives_a_valid_recipe(name: str, pick: int, after: object) -> None:
    lane = lane_of(name, "random")
    knob = list(lane.knobs)[pick % len(lane.knobs)]
    change = Change(lane=lane.name, knob=knob, before=lane.value(BASELINE, knob), after=after)
    refused = lane.refusal(change, BASELINE)
    if refused is None:
        assert len(changed_fields(BASELINE, lane.apply(change, BASELINE))) == 1
    else:
        assert knob in refused
