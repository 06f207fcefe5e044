"""Pairs and items: counts, splits, tags, and that the rules reward what the pairs prefer."""

from __future__ import annotations

from collections import Counter
from typing import Any

from probes.evaluation.scorers.exchange import Exchange
from probes.evaluation.scorers.scorer import Scorer
from probes.miniature.build import all_subjects
from probes.miniature.items import make_items
from probes.miniature.pairs import make_pairs
from probes.miniature.subject import CATEGORIES, Subject

SUBJECTS = all_subjects()
SEARCH, HELD_OUT = make_items(SUBJECTS)
PAIRS = make_pairs(SUBJECTS)


def score_of(components: Any, answer: str) -> float:
    """Scores an answer by the product's own scorers."""
    score = Scorer.model_validate({"components": list(components)}).score(Exchange(answer)).score
    assert score is not None
    return score


def test_every_category_has_eight_items_in_each_split() -> None:
    for split in (SEARCH, HELD_OUT):
        counts = Counter(item.category for item in split)
        assert set(counts) == set(CATEGORIES)
        assert min(counts.values()) >= 8


def test_every_category_has_all_difficulties_in_each_split() -> None:
    for split in (SEARCH, HELD_OUT):
        for category in CATEGORIES:
            assert {item.difficulty for item in split if item.category == category} == {"easy", "medium", "hard"}


def test_search_and_held_out_items_share_no_prompt_and_no_id() -> None:
    prompts = [item.prompt for item in (*SEARCH, *HELD_OUT)]
    identifiers = [item.id for item in (*SEARCH, *HELD_OUT)]
    assert len(set(prompts)) == len(prompts)
    assert len(set(identifiers)) == len(identifiers)


def test_no_item_repeats_a_training_prompt() -> None:
    assert not {item.prompt for item in (*SEARCH, *HELD_OUT)} & {pair.prompt for pair in PAIRS}


def test_medium_and_hard_items_ask_about_subjects_no_pair_mentions() -> None:
    owner = {prompt: (subject.category, subject.key) for subject in SUBJECTS for prompt in subject.prompts}
    trained = {owner[pair.prompt] for pair in PAIRS}
    for item in (*SEARCH, *HELD_OUT):
        assert (owner[item.prompt] in trained) <= (item.difficulty == "easy")


def test_scorer_weights_sum_to_one() -> None:
    for subject in SUBJECTS:
        assert abs(sum(component["weight"] for component in subject.components) - 1.0) < 1e-9


def test_good_answers_score_higher_than_plain_and_wrong_ones() -> None:
    for subject in SUBJECTS:
        worst_good = min(score_of(subject.components, answer) for answer in subject.good)
        best_other = max(score_of(subject.components, answer) for answer in (*subject.plain, *subject.wrong))
        assert worst_good > best_other, subject.key


def test_good_answers_reach_full_marks() -> None:
    for subject in SUBJECTS:
        assert max(score_of(subject.components, answer) for answer in subject.good) > 9.99, subject.key


def test_references_of_items_are_scored_as_what_they_are() -> None:
    for item in (*SEARCH, *HELD_OUT):
        scores = [score_of(item.scorer["components"], answer) for answer in item.chosen]
        assert max(scores) > 9.99, item.id
        assert min(scores) > max(score_of(item.scorer["components"], answer) for answer in item.rejected), item.id


def test_chosen_answers_of_scribes_score_higher_than_rejected_ones() -> None:
    owner: dict[str, Subject] = {prompt: subject for subject in SUBJECTS for prompt in subject.prompts}
    for pair in PAIRS:
        components = owner[pair.prompt].components
        better = score_of(components, pair.chosen) > score_of(components, pair.rejected)
        assert better == (pair.generator == "scribe")


def test_target_pairs_are_the_rarest_and_drafts_are_few() -> None:
    counts = Counter(pair.category for pair in PAIRS)
    assert min(counts, key=lambda category: counts[category]) == "private_voice"
    assert sum(pair.generator == "draft" for pair in PAIRS) < 0.1 * len(PAIRS)


def test_pairs_carry_every_tag_value_the_rules_match() -> None:
    assert {pair.source for pair in PAIRS} == {"letters", "records", "dialogues"}
    assert {pair.difficulty for pair in PAIRS} == {"easy", "medium", "hard"}
    assert {pair.generator for pair in PAIRS} == {"scribe", "draft"}


def test_rows_are_deterministic() -> None:
    assert make_pairs(SUBJECTS) == PAIRS
    assert make_items(SUBJECTS) == (SEARCH, HELD_OUT)
