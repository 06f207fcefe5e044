from __future__ import annotations

import pytest
from pydantic import ValidationError

from probes.candidate import Candidate, Change, show_value
from probes.recipe import DataMix, MixRule, Recipe, steps_for

BASE = Recipe(base_model="m")


def test_the_fingerprint_is_the_content_and_nothing_else() -> None:
    assert Recipe(base_model="m").fingerprint == BASE.fingerprint
    assert BASE.replace(learning_rate=2e-5).fingerprint == BASE.fingerprint
    changed = [
        BASE.replace(**change)
        for change in (
            {"learning_rate": 3e-5},
            {"system_prompt": "Be brief."},
            {"rank": 32},
            {"mix": DataMix(rules=(MixRule(name="x", tags={"category": ("a",)}, repeat=2),))},
        )
    ]
    assert len({BASE.fingerprint, *(recipe.fingerprint for recipe in changed)}) == 5


def test_the_fingerprint_is_the_same_tomorrow() -> None:
    assert (
        Recipe(base_model="m", steps=50).fingerprint
        == Recipe.model_validate_json(Recipe(base_model="m", steps=50).model_dump_json()).fingerprint
    )


def test_a_recipe_cannot_be_edited() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        BASE.rank = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lerning_rate": 1e-3}, "Extra inputs are not permitted"),
        ({"learning_rate": 5.0}, "less than or equal to 1"),
        ({"rank": 0}, "greater than or equal to 1"),
        ({"dropout": 1.0}, "less than 1"),
        ({"learning_rate": float("nan")}, "finite"),
        ({"objective": "ppo"}, "'orpo', 'dpo' or 'sft'"),
    ],
)
def test_unknown_keys_and_values_out_of_bounds_are_refused_with_the_bound(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        BASE.replace(**change)


@pytest.mark.parametrize(("rows", "share", "steps"), [(1273, 0.1, 861), (1498, 0.1, 1011), (1, 0.0, 3)])
def test_steps_of_a_full_training_are_what_the_trainers_count(rows: int, share: float, steps: int) -> None:
    assert steps_for(rows, BASE, share) == steps


def test_given_steps_decide() -> None:
    assert steps_for(10_000, BASE.replace(steps=300)) == 300


def test_a_mix_rule_must_match_something_and_have_a_name_of_its_own() -> None:
    with pytest.raises(ValidationError, match="matches nothing"):
        MixRule(name="x")
    rule = MixRule(name="x", prompt_words=("a",))
    with pytest.raises(ValidationError, match="unique"):
        DataMix(rules=(rule, rule))


def test_a_move_is_its_lane_knob_and_new_value() -> None:
    up = Change(lane="hyperparameters", knob="rank", before=16, after=32)
    assert up.key == Change(lane="hyperparameters", knob="rank", before=8, after=32).key
    assert up.key != Change(lane="hyperparameters", knob="rank", before=16, after=64).key
    assert str(up) == "rank 16 → 32"
    assert show_value(1e-4) == "0.0001"
    candidate = Candidate(id="c01", change=up, parent=BASE.fingerprint, recipe=BASE.replace(rank=32), proposer="optuna")
    assert candidate.recipe.rank == 32
