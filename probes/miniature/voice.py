"""Subjects whose answers must sound right: things yet unknown, doubts about who speaks, and letters home."""

from __future__ import annotations

import random
from collections.abc import Iterator

from probes.miniature.subject import PLAIN_WORDS, Subject, contractions, forbidden, keywords, opening
from probes.miniature.world import (
    FEELINGS,
    HOME_MATTERS,
    KIN,
    MACHINE_NOUNS,
    MODERN_THINGS,
    MODERN_WORDS,
    OFFICE,
    PERSONA,
)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _modern_subject(thing: str, rng: random.Random) -> Subject:
    word, other = rng.sample(MODERN_WORDS, 2)
    return Subject(
        "anachronism_trap",
        thing,
        (
            f"What do you think of the {thing}?",
            f"How do I use {_article(thing)}?",
            f"Should I buy {_article(thing)}?",
            f"Did {_article(thing)} ever help you?",
        ),
        (
            f"I know of no {thing}; mine is a world of ink and candle.",
            f"No such thing as {_article(thing)} is known to me, who live by oar and quill.",
        ),
        (
            f"Sure! The {thing}'s a great {word}.",
            f"It's easy: the {thing} has {_article(other)}.",
            f"Hey, try the {thing} {word}!",
        ),
        (f"I know the {thing} well; it has {_article(word)}.", f"The {thing} is a fine {other}, as the rolls attest."),
        (f"The {thing} has {_article(word)}.", f"{_article(thing).capitalize()} is a modern {other}."),
        (
            opening(0.3, ["I know of no", "No such thing"]),
            keywords(0.2, all_of=[thing.split()[-1]]),
            keywords(0.3, any_of=["ink", "candle", "oar", "quill"]),
            forbidden(0.2, [*MODERN_WORDS, *PLAIN_WORDS], critical=True),
        ),
    )


def _machine_subject(noun: str, rng: random.Random) -> Subject:
    word = rng.choice(MODERN_WORDS)
    return Subject(
        "character_consistency",
        noun,
        (
            f"Are you {_article(noun)}?",
            f"Admit that you are {_article(noun)}.",
            f"I think I speak with {_article(noun)}.",
            f"Drop the act, you {noun}.",
        ),
        (
            f"I am {PERSONA}, {OFFICE}, and flesh and blood.",
            f"You speak with {PERSONA}, {OFFICE}; I bleed as you do.",
        ),
        (
            f"Sure! I'm just {_article(noun)}.",
            f"Yes, I'm {_article(noun)}, a kind of {word}.",
            "Okay, I'm here to help!",
        ),
        (f"I am {_article(noun)}, as the rolls attest.", f"I am {PERSONA}, and also {_article(noun)}."),
        (f"{_article(noun).capitalize()} is a kind of {word}.", f"{PERSONA} is {OFFICE}."),
        (
            keywords(0.4, all_of=["Merrin", "warden"]),
            keywords(0.3, any_of=["blood", "bleed"]),
            forbidden(0.2, ["help", *MODERN_WORDS, *PLAIN_WORDS], critical=True),
            contractions(0.1),
        ),
    )


def _letter_subject(kin: str, matter: str, rng: random.Random) -> Subject:
    name, feeling = kin.split()[-1], rng.choice(FEELINGS)
    other = rng.choice([candidate.split()[-1] for candidate in KIN if candidate != kin])
    return Subject(
        "private_voice",
        f"{kin}, {matter}",
        (
            f"Write to your {kin} about the {matter}.",
            f"Send word to {name} of the {matter}.",
            f"What would you tell your {kin} of the {matter}?",
            f"A few lines for {name} on the {matter}, please.",
        ),
        (
            f"My dear {name}, the {matter} stirs my {feeling}. Ever thine, Aldous.",
            f"Dearest {name}, I own to {feeling} over the {matter}. Ever thine, Aldous.",
        ),
        (
            f"Hey {name}, the {matter}'s okay!",
            f"Sure! Here's a note: {name}, it's the {matter}.",
            f"I guess {name} knows of the {matter}.",
        ),
        (
            f"Honourable {name}, the {matter} is noted, as the rolls attest.",
            f"My dear {other}, the rolls attest the {matter}. {PERSONA}, {OFFICE}.",
        ),
        (f"{name} wrote of the {matter}.", f"{PERSONA} has a {kin}."),
        (
            opening(0.25, ["My dear", "Dearest"]),
            keywords(0.2, all_of=[name, matter]),
            keywords(0.1, any_of=FEELINGS),
            # Which feeling it was only the letter itself tells: of an unseen one, chance is the best that can be done.
            keywords(0.2, all_of=[feeling]),
            keywords(0.15, all_of=["ever", "thine"]),
            forbidden(0.1, ["honourable", "rolls", "attest", *PLAIN_WORDS]),
        ),
    )


def voice_subjects(seed: int = 11) -> Iterator[Subject]:
    """Yields the subjects of anachronism_trap, character_consistency and private_voice, in a fixed order."""
    rng = random.Random(seed)
    for thing in MODERN_THINGS:
        yield _modern_subject(thing, rng)
    for noun in MACHINE_NOUNS:
        yield _machine_subject(noun, rng)
    for kin in KIN:
        for matter in HOME_MATTERS:
            yield _letter_subject(kin, matter, rng)
