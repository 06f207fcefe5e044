import time
from typing import Any

import pytest
from pydantic import ValidationError

from probes.evaluation.scorers.exchange import Exchange
from probes.evaluation.scorers.scorer import Scorer


def scorer(*components: dict[str, Any]) -> Scorer:
    return Scorer.model_validate({"components": components})


def value(answer: str, **component: Any) -> float:
    scored = scorer({"weight": 1.0, "name": "it", **component}).score(Exchange(answer))
    assert scored.score == pytest.approx(10 * scored.components["it"])
    return scored.components["it"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("The lamp and the quay.", 1.0), ("the LAMP", 0.5), ("lamps and quays", 0.0), ("", 0.0), ("a quay-side", 0.5)],
)
def test_all_keywords_give_the_share_present_as_whole_words_in_any_case(answer: str, expected: float) -> None:
    assert value(answer, kind="keywords", all=["lamp", "quay"]) == expected


def test_any_keyword_is_enough_and_both_lists_are_averaged() -> None:
    assert value("a lamp", kind="keywords", any=["lamp", "quay"]) == 1.0
    assert value("a lamp", kind="keywords", any=["quay"], all=["lamp", "tide"]) == 0.25
    assert value("the  old\nquay", kind="keywords", any=["old quay"]) == 1.0
    assert value("it cost $5.", kind="keywords", any=["$5"]) == 1.0
    assert value("it cost $50", kind="keywords", any=["$5"]) == 0.0


def test_a_pattern_is_searched_anywhere_and_decides_its_own_case() -> None:
    assert value("in 1843, of course", kind="regex", pattern=r"\b18\d\d\b") == 1.0
    assert value("in 1743", kind="regex", pattern=r"\b18\d\d\b") == 0.0
    assert value("YES", kind="regex", pattern="yes") == 0.0
    assert value("YES", kind="regex", pattern="(?i)yes") == 1.0


def test_forbidden_words_give_all_or_nothing_and_silence_gives_nothing() -> None:
    assert value("a letter", kind="forbidden", words=["telephone"]) == 1.0
    assert value("a Telephone!", kind="forbidden", words=["telephone"]) == 0.0
    assert value("telephones", kind="forbidden", words=["telephone"]) == 1.0
    assert value(" \n", kind="forbidden", words=["telephone"]) == 0.0


def test_an_opening_counts_after_leading_space_in_any_case() -> None:
    assert value("  dear friend", kind="opening", any=["Dear", "My dear"]) == 1.0
    assert value("Oh dear", kind="opening", any=["Dear", "My dear"]) == 0.0


@pytest.mark.parametrize(
    ("answer", "allowed", "expected"),
    [
        ("I do not know.", 0, 1.0),
        ("I don't know.", 0, 2 / 3),
        ("I don’t know, it's late.", 1, 2 / 3),
        ("Don't, won't, can't, it's, they're", 0, 0.0),
        ("Aldous's boat", 0, 1.0),
        ("", 5, 0.0),
    ],
)
def test_each_contraction_above_the_allowed_costs_a_third(answer: str, allowed: int, expected: float) -> None:
    assert value(answer, kind="contractions", allowed=allowed) == pytest.approx(expected)


def test_the_score_is_ten_times_the_weighted_sum_and_critical_zeros_are_named() -> None:
    rules = scorer(
        {"kind": "keywords", "weight": 0.4, "all": ["lamp", "quay"], "name": "facts"},
        {"kind": "forbidden", "weight": 0.35, "words": ["radio"], "critical": True},
        {"kind": "opening", "weight": 0.25, "any": ["Dear"], "critical": True, "name": "letter"},
    )
    scored = rules.score(Exchange("Dear friend, the lamp and a radio"))
    assert scored.score == pytest.approx(10 * (0.4 * 0.5 + 0.25))
    assert scored.components == {"facts": 0.5, "forbidden": 0.0, "letter": 1.0}
    assert scored.critical_failures == ("forbidden",)
    silent = rules.score(Exchange(""))
    assert silent.score == 0.0
    assert silent.critical_failures == ("forbidden", "letter")


def test_components_of_one_kind_are_numbered() -> None:
    part = {"kind": "opening", "weight": 0.25, "any": ["a"]}
    assert scorer(part, part, part, {**part, "name": "first"}).names == ("opening", "opening-2", "opening-3", "first")


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ([{"kind": "opening", "weight": 0.9, "any": ["a"]}], "weights must sum to 1, got 0.9"),
        ([], "at least 1 item"),
        ([{"kind": "keywords", "weight": 1.0}], "needs words in `any` or `all`"),
        ([{"kind": "regex", "weight": 1.0, "pattern": "("}], "is not a regular expression"),
        ([{"kind": "horoscope", "weight": 1.0}], "does not match any of the expected tags"),
        ([{"kind": "forbidden", "weight": 1.0, "words": []}], "at least 1 item"),
        ([{"kind": "opening", "weight": 1.0, "any": ["a"], "wieght": 1}], "Extra inputs are not permitted"),
        ([{"kind": "opening", "weight": 0.5, "any": ["a"], "name": "n"}] * 2, "names must be unique"),
    ],
)
def test_a_scorer_that_breaks_a_rule_is_refused(components: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        scorer(*components)


def test_weights_may_miss_one_by_rounding() -> None:
    third = {"kind": "opening", "weight": 1 / 3, "any": ["a"]}
    assert scorer(third, third, third).score(Exchange("a")).score == pytest.approx(10.0)


def test_a_very_long_answer_is_scored_by_its_beginning() -> None:
    started = time.perf_counter()
    assert value("x" * 5_000_000 + " lamp", kind="keywords", any=["lamp"]) == 0.0
    assert time.perf_counter() - started < 1.0
