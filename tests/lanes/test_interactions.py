"""Which changes act on one another, which never meet, and that both say why."""

from itertools import combinations_with_replacement

import pytest

from lanes.config import NOT_SEARCHABLE, LanesConfig
from lanes.interactions import BATCH, MIX, ORDER, PAIRS, clashes, interacts
from lanes.open import open_lanes
from probes.candidate import Change, KnobValue
from probes.recipe import Recipe

LANE_OF = {"order": "curriculum", "wit": "data_mix", "truth": "data_mix"}


def change(knob: str, after: KnobValue = 2, before: KnobValue | None = None) -> Change:
    return Change(lane=LANE_OF.get(knob, "hyperparameters"), knob=knob, before=before, after=after)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("learning_rate", "learning_rate", "both set"),
        ("learning_rate", "alpha", "alpha / rank"),
        ("rank", "alpha", "alpha / rank"),
        ("learning_rate", "batch_size", "batch"),
        ("learning_rate", "gradient_accumulation", "batch"),
        ("warmup_ratio", "batch_size", "batch"),
        ("beta", "learning_rate", "preference term"),
        ("objective", "dropout", "another loss"),
        ("wit", "objective", "another loss"),
        ("wit", "truth", "fixed number of steps"),
        ("wit", "order", "which of the mixed rows"),
        ("order", "scheduler", "high learning rates"),
    ],
)
def test_known_pairs_act_together_and_say_why(one: str, other: str, words: str) -> None:
    reason = interacts(change(one), change(other, 3))
    assert reason is not None
    assert words in reason
    assert interacts(change(other, 3), change(one)) == reason


@pytest.mark.parametrize(("one", "other"), [("beta", "rank"), ("dropout", "wit"), ("max_length", "order")])
def test_other_pairs_are_taken_to_add_up(one: str, other: str) -> None:
    assert interacts(change(one), change(other)) is None


def test_a_mix_rule_named_as_a_field_is_no_field() -> None:
    rule = Change(lane="data_mix", knob="rank", before=1, after=2)
    assert "fixed number of steps" in (interacts(rule, change("wit")) or "")
    assert interacts(rule, change("beta")) is None
    assert clashes(rule, change("rank")) is None


def test_every_name_in_the_table_is_a_knob_that_can_be_searched() -> None:
    names = {name for pair in PAIRS for side in (pair.one, pair.other) for name in side} - {MIX, ORDER}
    assert names <= set(Recipe.model_fields) - set(NOT_SEARCHABLE)
    assert names >= BATCH


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (change("rank", 8), change("rank", 32), "which has one value"),
        (change("objective", "sft"), change("beta", 0.2), "no preference term"),
        (change("scheduler", "constant"), change("warmup_ratio", 0.2), "no warm-up"),
        (change("wit", 0.0), change("order", "source_first"), "nothing to order by"),
        (change("wit", 0.0), change("truth", 2.0), "without rows"),
    ],
)
def test_what_cannot_be_in_one_recipe_clashes_either_way_round(one: Change, other: Change, words: str) -> None:
    for first, second in ((one, other), (other, one)):
        assert words in (clashes(first, second) or "")
    assert interacts(one, other) is not None, "what clashes also interacts"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (change("objective", "dpo"), change("beta", 0.2)),
        (change("scheduler", "constant_with_warmup"), change("warmup_ratio", 0.2)),
        (change("wit", 0.0), change("order", "shuffle")),
        (change("wit", 0.5), change("truth", 2.0)),
        (change("learning_rate", 0.01), change("alpha", 32.0)),
    ],
)
def test_what_only_interacts_may_share_a_block(one: Change, other: Change) -> None:
    assert clashes(one, other) is None


def test_default_moves_that_do_not_clash_give_valid_recipes_together() -> None:
    baseline = Recipe(base_model="miniature", steps=80, curriculum={"sources": ("letters",)})
    tags = {"category": {"wit": 4, "truth": 4}, "source": {"letters": 4, "(none)": 4}, "difficulty": {"easy": 8}}
    lanes = open_lanes(LanesConfig(), baseline, tags, "random")
    moves = [move for lane in lanes.values() for seed in range(8) if (move := lane.ask(baseline, [], seed)) is not None]
    met = 0
    for one, other in combinations_with_replacement(moves, 2):
        assert (clashes(one, other) is None) == ((one.lane, one.knob) != (other.lane, other.knob))
        if clashes(one, other) is None:
            both = lanes[other.lane].apply(other, lanes[one.lane].apply(one, baseline))
            assert lanes[one.lane].value(both, one.knob) == one.after
            met += 1
    assert met > 20
