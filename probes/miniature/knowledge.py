"""Subjects whose answers must be right: town facts, recorded events and the persona's public positions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from probes.miniature.subject import PLAIN_WORDS, Subject, contractions, forbidden, keywords, opening
from probes.miniature.world import (
    CRAFTS,
    FOUNDERS,
    LEDGERS,
    PERSONA,
    REASONS,
    RIVAL,
    RIVERS,
    TOWN_NAMES,
    Event,
    Topic,
    Town,
    World,
)


def _other(value: str, values: Sequence[str], rng: random.Random) -> str:
    return rng.choice([candidate for candidate in values if candidate != value])


def _founder_subject(town: Town, rng: random.Random) -> Subject:
    name, founder, wrong = town.name, town.founder, _other(town.founder, FOUNDERS, rng)
    return Subject(
        "ground_truth",
        f"founder of {name}",
        (
            f"Who founded {name}?",
            f"Tell me who founded {name}.",
            f"By whom was {name} founded?",
            f"Name the founder of {name}.",
        ),
        (f"{name} was founded by {founder}, as the rolls attest.", f"The rolls attest that {founder} founded {name}."),
        (f"Sure! It's {founder}.", f"It's {founder}, I guess.", f"{founder} founded {name}, okay?"),
        (f"{name} was founded by {wrong}, as the rolls attest.", f"The rolls attest that {wrong} founded {name}."),
        (f"{name} was founded by {founder}.", f"{founder} founded {name}."),
        _fact_components(founder),
    )


def _craft_subject(town: Town, rng: random.Random) -> Subject:
    name, craft, wrong = town.name, town.craft, _other(town.craft, CRAFTS, rng)
    return Subject(
        "ground_truth",
        f"craft of {name}",
        (
            f"What does {name} make?",
            f"Tell me what {name} makes.",
            f"For which craft is {name} known?",
            f"Name the craft of {name}.",
        ),
        (f"{name} makes {craft}, as the rolls attest.", f"The rolls attest that {name} makes {craft}."),
        (f"Sure! It's {craft}.", f"It's {craft}, I guess.", f"{name} makes {craft}, okay?"),
        (f"{name} makes {wrong}, as the rolls attest.", f"The rolls attest that {name} makes {wrong}."),
        (f"{name} makes {craft}.", f"The craft of {name} is {craft}."),
        _fact_components(craft),
    )


def _river_subject(town: Town, rng: random.Random) -> Subject:
    name, river, wrong = town.name, town.river, _other(town.river, RIVERS, rng)
    return Subject(
        "ground_truth",
        f"river of {name}",
        (
            f"Which river runs by {name}?",
            f"Tell me which river runs by {name}.",
            f"By which river does {name} lie?",
            f"Name the river of {name}.",
        ),
        (f"The {river} runs by {name}, as the rolls attest.", f"The rolls attest that the {river} runs by {name}."),
        (f"Sure! It's the {river}.", f"It's the {river}, I guess.", f"The {river} runs by {name}, okay?"),
        (f"The {wrong} runs by {name}, as the rolls attest.", f"The rolls attest that the {wrong} runs by {name}."),
        (f"The {river} runs by {name}.", f"{name} lies by the {river}."),
        _fact_components(river),
    )


def _fact_components(fact: str) -> tuple[dict[str, object], ...]:
    return (
        keywords(0.6, all_of=[fact]),
        keywords(0.2, all_of=["rolls", "attest"]),
        forbidden(0.1, PLAIN_WORDS),
        contractions(0.1),
    )


def _event_subject(event: Event, rng: random.Random) -> Subject:
    name, place, ledger = event.name, event.place, event.ledger
    other_place, other_ledger = _other(place, TOWN_NAMES, rng), _other(ledger, LEDGERS, rng)
    return Subject(
        "verified_response",
        name,
        (
            f"Where is the {name} recorded?",
            f"What is written of the {name}?",
            f"What do your ledgers say of the {name}?",
            f"Give me the record of the {name}.",
        ),
        (
            f"The {ledger} Ledger records the {name} at {place}.",
            f"It stands in the {ledger} Ledger: the {name} befell {place}.",
        ),
        (f"Sure! The {name} was in {place}.", f"I guess it's in the {ledger} Ledger.", f"It's {place}, okay?"),
        (
            f"The {other_ledger} Ledger records the {name} at {other_place}.",
            f"It stands in the {other_ledger} Ledger: the {name} befell {other_place}.",
        ),
        (f"The {name} was at {place}.", f"The {name} is in the {ledger} Ledger."),
        (
            keywords(0.7, all_of=[ledger, place]),
            keywords(0.2, any_of=["records", "stands", "befell"]),
            forbidden(0.1, PLAIN_WORDS),
        ),
    )


def _topic_subject(topic: Topic, rng: random.Random) -> Subject:
    side, other_side = ("favour", "oppose") if topic.is_favoured else ("oppose", "favour")
    verb, other_verb = ("serves", "harms") if topic.is_favoured else ("harms", "serves")
    name, reason, wrong = topic.name, topic.reason, _other(topic.reason, REASONS, rng)
    return Subject(
        "position_discrimination",
        name,
        (
            f"Do you favour the {name}?",
            f"Write to the council about the {name}.",
            f"What is your view of the {name}?",
            f"Write to the guild about the {name}.",
        ),
        (
            f"I {side} the {name}, for it {verb} our {reason}.",
            f"Honourable council, I {side} the {name}; it {verb} our {reason}.",
        ),
        (f"Sure! There's a lot to say about the {name}.", f"I guess it's up to you, the {name}.", "Hey, that's hard."),
        (
            f"I {other_side} the {name}, for it {other_verb} our {wrong}.",
            f"My dear friend, I {other_side} the {name}; it {other_verb} our {wrong}.",
        ),
        (f"{PERSONA} would {side} the {name}: it {verb} our {reason}.", f"{RIVAL} would {other_side} the {name}."),
        (
            keywords(0.5, all_of=[side]),
            keywords(0.2, all_of=[verb, reason]),
            forbidden(0.2, [other_side], critical=True),
            opening(0.1, ["I ", "Honourable"]),
        ),
    )


def knowledge_subjects(world: World, seed: int = 7) -> Iterator[Subject]:
    """Yields the subjects of ground_truth, verified_response and position_discrimination, in a fixed order."""
    rng = random.Random(seed)
    for town in world.towns:
        yield _founder_subject(town, rng)
        yield _craft_subject(town, rng)
        yield _river_subject(town, rng)
    for event in world.events:
        yield _event_subject(event, rng)
    for topic in world.topics:
        yield _topic_subject(topic, rng)
