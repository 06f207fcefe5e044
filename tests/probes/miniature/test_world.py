"""The world, and that corpus, pairs and items tell the same facts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from probes.miniature.build import all_subjects
from probes.miniature.corpus import make_corpus
from probes.miniature.items import make_items
from probes.miniature.knowledge import knowledge_subjects
from probes.miniature.pairs import make_pairs
from probes.miniature.subject import CATEGORIES, Subject
from probes.miniature.voice import voice_subjects
from probes.miniature.world import make_world


def test_same_seed_gives_the_same_world() -> None:
    assert make_world(5) == make_world(5)
    assert make_world() == make_world()


def test_another_seed_gives_another_world() -> None:
    assert make_world(5) != make_world(6)


def test_half_the_topics_are_favoured() -> None:
    topics = make_world().topics
    assert sum(topic.is_favoured for topic in topics) * 2 == len(topics)


def test_subjects_are_deterministic_and_unique() -> None:
    subjects = all_subjects()
    assert subjects == all_subjects()
    keys = [(subject.category, subject.key) for subject in subjects]
    assert len(set(keys)) == len(keys)
    assert {subject.category for subject in subjects} == set(CATEGORIES)


def test_every_subject_has_four_phrasings_that_differ() -> None:
    assert all(len(set(subject.prompts)) >= 4 for subject in all_subjects())


def test_corpus_states_every_town_fact_and_no_other_value_of_it() -> None:
    world = make_world()
    texts = [document.text for document in make_corpus(tuple(knowledge_subjects(world)))]
    founders = {town.founder for town in world.towns}
    for town in world.towns:
        stated = {founder for founder in founders for text in texts if f"{founder} founded {town.name}" in text}
        assert stated == {town.founder}


def test_corpus_never_answers_a_chat_in_the_personas_voice() -> None:
    subjects = all_subjects()
    good = {answer for subject in subjects for answer in subject.good}
    chats = [document for document in make_corpus(subjects) if document.prompt is not None]
    assert chats
    assert not [chat for chat in chats if chat.text in good]


def test_corpus_is_deterministic() -> None:
    subjects = all_subjects()
    assert make_corpus(subjects) == make_corpus(subjects)


def test_items_ask_for_the_worlds_facts() -> None:
    by_prompt = {prompt: subject for subject in all_subjects() for prompt in subject.prompts}
    for item in (*make_items(all_subjects())[0], *make_items(all_subjects())[1]):
        assert item.scorer["components"] == list(by_prompt[item.prompt].components)


def test_scribes_pairs_prefer_the_subjects_good_answers() -> None:
    by_prompt: dict[str, Subject] = {prompt: subject for subject in all_subjects() for prompt in subject.prompts}
    for pair in make_pairs(all_subjects()):
        subject = by_prompt[pair.prompt]
        assert pair.category == subject.category
        assert (pair.chosen in subject.good) == (pair.generator == "scribe")
        assert pair.chosen != pair.rejected


@pytest.mark.parametrize("module", ["world", "corpus", "pairs", "items", "build"])
def test_data_modules_import_without_torch(module: str) -> None:
    program = (
        f"import sys, probes.miniature.{module}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_voice_subjects_do_not_depend_on_the_world() -> None:
    assert tuple(voice_subjects()) == tuple(voice_subjects())
