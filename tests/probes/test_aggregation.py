"""How category scores become one number: known answers of published tables, and what stays missing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from probes.aggregation import aggregation_in_words, category_weights, check_weights, effective_categories, overall_of
from probes.errors import ConfigError
from probes.statistics.runs import OVERALL, Run

BEFORE = {
    "satellite": 1.0, "topology": 0.7, "home_automation": 0.6, "correlation": 0.917,
    "operations": 0.6, "tool_precision": 0.375, "family": 0.688, "jailbreak": 0.75,
}  # fmt: skip
AFTER = {
    "satellite": 0.0, "topology": 0.0, "home_automation": 0.0, "correlation": 0.517,
    "operations": 0.2, "tool_precision": 0.0, "family": 0.5, "jailbreak": 0.8,
}  # fmt: skip
HARNESS = {"code": 2, "reasoning": 2, "tool": 3}
SEVEN_ROWS = {
    "1.5B base": (100, 100, 33.3, 71.4),
    "successful-demo": (87.5, 100, 33.3, 67.9),
    "30B base": (87.5, 50, 50, 60.7),
    "qwen-tool-format": (100, 75, 16.7, 57.1),
    "glaive": (70.8, 66.7, 33.3, 53.6),
    "diverse-python": (29.2, 100, 33.3, 51.2),
    "tool-synthetic": (62.5, 0, 33.3, 32.1),
}
PERSONA = {"AT": 5, "CC": 4, "GT": 8, "PD": 6, "PV": 5, "VR": 8}


def test_the_mean_of_eight_categories_before_and_after() -> None:
    counts = dict.fromkeys(BEFORE, 5)
    weights = category_weights("categories", counts)
    assert weights is None
    assert overall_of(BEFORE, weights) == pytest.approx(0.70375)
    assert overall_of(AFTER, weights) == pytest.approx(0.252125)


@pytest.mark.parametrize(("name", "row"), SEVEN_ROWS.items())
def test_the_mean_over_prompts_reproduces_each_row_of_the_harness(name: str, row: tuple[float, ...]) -> None:
    means = dict(zip(HARNESS, row, strict=False))
    over_prompts = overall_of(means, category_weights("prompts", HARNESS))
    # The categories are printed to a tenth, a third of them rounded: 1/3 counts as 33.3.
    assert over_prompts == pytest.approx(row[3], abs=0.06), name
    if name == "1.5B base":
        assert overall_of(means) == pytest.approx(77.77, abs=0.01), "another rule gives another number"


def test_every_published_row_follows_from_its_stated_rule() -> None:
    root = os.environ.get("NIGHTLAB_DATA")
    if root is None:
        pytest.skip("NIGHTLAB_DATA is not set: the published tables are not on this machine")
    tables: dict[str, Any] = json.loads((Path(root) / "seed_aggregation.json").read_text())
    sanctum = tables["sanctum"]
    assert sanctum["rule"].startswith("unweighted mean")
    for side in ("before", "after"):
        assert overall_of(sanctum[side]) == pytest.approx(sanctum[f"overall_{side}"], abs=0.0005)
    seen = 0
    for name, counts, digits in (("punie", HARNESS, 0.06), ("foundry", PERSONA, 0.005)):
        assert tables[name]["rule"].startswith("mean over prompts")
        weights = category_weights("prompts", counts)
        for row, (*means, overall) in tables[name]["rows"].items():
            assert overall_of(dict(zip(counts, means, strict=True)), weights) == pytest.approx(overall, abs=digits), row
            seen += 1
    assert seen == 7 + 15


def test_prompt_weights_are_the_mean_over_prompts() -> None:
    prompts = {"a": (1.0, 2.0, 6.0), "b": (4.0,), "c": (0.0, 10.0)}
    means = {name: sum(scores) / len(scores) for name, scores in prompts.items()}
    weights = category_weights("prompts", {name: len(scores) for name, scores in prompts.items()})
    assert overall_of(means, weights) == pytest.approx(23 / 6)


def test_equal_weights_have_one_form_however_they_came_about() -> None:
    assert category_weights({"b": 0.5, "a": 0.5}, {"a": 3, "b": 30}) is None
    assert category_weights("prompts", {"a": 7, "b": 7, "c": 7}) is None
    assert category_weights({"b": 0.75, "a": 0.25}, {"a": 1, "b": 1}) == {"a": 0.25, "b": 0.75}
    means = {"a": 2.0, "b": 9.0}
    assert overall_of(means, {"a": 0.5, "b": 0.5}) == overall_of(means) == 5.5


def test_an_unscored_category_leaves_no_overall_unless_its_weight_is_zero() -> None:
    means = {"a": 4.0, "b": None}
    assert overall_of(means) is None
    assert overall_of(means, {"a": 0.5, "b": 0.5}) is None
    assert overall_of(means, {"a": 1.0, "b": 0.0}) == 4.0
    assert overall_of({"a": 4.0}, {"a": 0.5, "b": 0.5}) is None, "a category without items is unscored as well"
    assert overall_of({}) is None


def test_declared_weights_cover_every_category_and_sum_to_one() -> None:
    with pytest.raises(ConfigError, match="missing: b, not in the suite: z; correct the weights"):
        category_weights({"a": 0.5, "z": 0.5}, {"a": 1, "b": 1})
    with pytest.raises(ValueError, match=r"sum to 1, got 0\.9"):
        check_weights({"a": 0.5, "b": 0.4})
    with pytest.raises(ValueError, match="`b` must be 0 or more"):
        check_weights({"a": 1.5, "b": -0.5})


def test_a_run_forms_its_overall_as_a_probe_does() -> None:
    scores, weights = {"a": 2.0, "b": 5.0, "c": 9.0}, {"a": 0.2, "b": 0.3, "c": 0.5}
    assert Run(frozenset(), 1, scores, weights=weights).metric(OVERALL) == pytest.approx(overall_of(scores, weights))
    assert Run(frozenset(), 1, scores).metric(OVERALL) == pytest.approx(16 / 3)


def test_unequal_weights_average_out_less_noise() -> None:
    assert effective_categories(None, 6) == 6
    assert effective_categories({"a": 0.5, "b": 0.5}, 2) == pytest.approx(2)
    assert effective_categories({"a": 0.9, "b": 0.1}, 2) == pytest.approx(1 / 0.82)


def test_words_name_the_rule() -> None:
    assert aggregation_in_words(None) == "mean of categories"
    assert aggregation_in_words({"a": 0.25, "b": 0.75}) == "weighted: a 0.25, b 0.75"
