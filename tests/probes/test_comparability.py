"""Two probes are compared under equal conditions or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import make_request

from probes.comparability import CURES, conditions_key, differences, require_comparable
from probes.errors import ComparabilityError, DataError
from probes.evaluation.judging.config import JudgeConfig
from probes.outcome import GenerationConfig
from probes.recipe import Recipe
from probes.request import FileRef, ProbeRequest

JUDGE = JudgeConfig(provider="openai", model="judge")
RECIPE = Recipe(base_model="m", learning_rate=1e-3, rank=8)


def request(**changes: Any) -> ProbeRequest:
    return make_request(RECIPE, 0, "search").model_copy(update={"judge": JUDGE, **changes})


OTHER_CONDITIONS = {
    "step budget": {"recipe": RECIPE.replace(steps=1011)},
    "suite": {"suite": FileRef(path="/search.jsonl", digest="version-2")},
    "samples": {"samples": 3},
    "serving mode": {"serving_mode": "merged"},
    "chat template": {"recipe": RECIPE.replace(steps=10, chat_template="none")},
    "base model": {"base_model": FileRef(path="/model", digest="another")},
    "generation temperature": {"generation": GenerationConfig(temperature=0.0)},
    "generation max_new_tokens": {"generation": GenerationConfig(max_new_tokens=1)},
    "judge": {"judge": JudgeConfig(provider="openai", model="other")},
    "torch": {"versions": {"torch": "1"}},
}


@pytest.mark.parametrize(("name", "changes"), OTHER_CONDITIONS.items())
def test_each_condition_is_refused_by_name_with_both_values_and_the_cure(name: str, changes: dict[str, Any]) -> None:
    one, other = request(), request(**changes)
    (found,) = differences(one, other)
    assert found.name == name
    with pytest.raises(ComparabilityError, match=name) as refusal:
        require_comparable([one, other], "the probes of this test")
    text = str(refusal.value)
    assert found.one in text
    assert found.other in text
    assert CURES.get(name, f"use the same {name} for both") in text
    assert conditions_key(one) != conditions_key(other)


def test_seed_recipe_data_and_paths_may_differ() -> None:
    other = request(
        recipe=RECIPE.replace(steps=10, learning_rate=5e-3),
        seed=9,
        train=(FileRef(path="/other.jsonl", digest="u"),),
        base_model=FileRef(path="/moved/model", digest="m"),
        judge=JUDGE.model_copy(update={"timeout_s": 9.0, "retries": 0}),
        folder="/elsewhere",
        deadline_s=99.0,
    )
    require_comparable([request(), other], "these probes")
    assert differences(request(), other) == ()
    assert conditions_key(request()) == conditions_key(other)


def test_search_and_held_out_items_are_two_suites_even_with_equal_files() -> None:
    assert [found.name for found in differences(request(), request(split="held_out"))] == ["suite"]


def test_every_difference_is_named_and_the_order_of_probes_does_not_matter_to_the_refusal() -> None:
    one, other = request(), request(samples=5, versions={"torch": "0", "trl": "1"})
    assert {found.name for found in differences(one, other)} == {"samples", "trl"}
    assert {(d.name, d.one, d.other) for d in differences(one, other)} == {
        (d.name, d.other, d.one) for d in differences(other, one)
    }
    with pytest.raises(DataError, match="samples 5 against 1"):
        require_comparable([other, one], "they")


def test_nothing_and_one_probe_are_always_comparable() -> None:
    for requests in ([], [request()]):
        assert all(differences(one, other) == () for one in requests for other in requests)
        require_comparable(requests, "they")


def test_overalls_formed_differently_are_refused_and_equal_ones_are_not() -> None:
    plain, weighted = request(), request(weights={"a": 0.25, "b": 0.75})
    (found,) = differences(plain, weighted)
    assert (found.one, found.other) == ("mean of categories", "weighted: a 0.25, b 0.75")
    with pytest.raises(ComparabilityError, match=r"category weights .*form both overalls by the same"):
        require_comparable([plain, weighted], "these probes")
    require_comparable([weighted, request(weights={"a": 0.25, "b": 0.75})], "these probes")
    assert plain.key == weighted.key, "summing up differently measures nothing new"


def test_the_judge_is_part_of_a_probes_identity_and_its_patience_is_not() -> None:
    assert len({request(judge=judge).key for judge in (None, JUDGE, JUDGE.model_copy(update={"model": "other"}))}) == 3
    assert request().key == request(judge=JUDGE.model_copy(update={"parallel": 9, "deadline_s": 1.0})).key
