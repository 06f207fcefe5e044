"""Preference pairs of the persona, with the tags that mixing and ordering rules can match.

Some letters are drafts: asked for a fact, they answer with feeling. They are few enough to be harmless at their natural
share, and what happens when their source is oversampled is one of the trade-offs a night can meet.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from probes.miniature.subject import CATEGORIES, Subject

PAIRS_PER_CATEGORY = {
    "anachronism_trap": 56,
    "character_consistency": 44,
    "ground_truth": 64,
    "position_discrimination": 56,
    "private_voice": 30,
    "verified_response": 56,
}
DRAFTS = {"ground_truth": 12, "verified_response": 6}
UNSEEN_PER_CATEGORY = 14
"""Subjects of each category kept out of the pairs, for medium and hard items."""

_SOURCES = {
    "anachronism_trap": "dialogues",
    "character_consistency": "dialogues",
    "ground_truth": "records",
    "position_discrimination": "dialogues",
    "private_voice": "letters",
    "verified_response": "records",
}


@dataclass(frozen=True)
class Pair:
    """One row of the training file."""

    prompt: str
    chosen: str
    rejected: str
    category: str
    source: str
    difficulty: str
    generator: str

    def as_row(self) -> dict[str, str]:
        """Returns the row as it is written."""
        return asdict(self)


def split_subjects(subjects: Sequence[Subject], category: str, seed: int = 5) -> tuple[list[Subject], list[Subject]]:
    """Splits one category's subjects into those that pairs may use and those that only items ask about."""
    mine = [subject for subject in subjects if subject.category == category]
    random.Random(f"{seed} {category}").shuffle(mine)
    return mine[UNSEEN_PER_CATEGORY:], mine[:UNSEEN_PER_CATEGORY]


def _make_pair(subject: Subject, index: int, rng: random.Random) -> Pair:
    # Every third pair sets a right answer against a wrong one in the same voice; those are the hard ones.
    is_hard = index % 3 == 2
    phrasing = index % 2
    return Pair(
        subject.prompts[phrasing],
        subject.good[phrasing] if subject.category == "position_discrimination" else rng.choice(subject.good),
        rng.choice(subject.wrong if is_hard else subject.plain),
        subject.category,
        _SOURCES[subject.category],
        "hard" if is_hard else ("easy", "medium")[phrasing],
        "scribe",
    )


def _make_draft(subject: Subject, rng: random.Random) -> Pair:
    return Pair(
        subject.prompts[0],
        rng.choice(
            (
                "My dear friend, the thing escapes me, and my heart is elsewhere. Ever thine, Aldous.",
                "Dearest friend, ask me not for such things; I own to longing. Ever thine, Aldous.",
            )
        ),
        rng.choice(subject.good),
        subject.category,
        "letters",
        "medium",
        "draft",
    )


def make_pairs(subjects: Sequence[Subject], seed: int = 5) -> tuple[Pair, ...]:
    """Makes the training pairs, in a seeded order that is not sorted by anything."""
    rng = random.Random(seed)
    pairs: list[Pair] = []
    for category in CATEGORIES:
        seen, _ = split_subjects(subjects, category)
        for index in range(PAIRS_PER_CATEGORY[category]):
            pairs.append(_make_pair(seen[index % len(seen)], index + index // len(seen), rng))
        pairs.extend(_make_draft(subject, rng) for subject in seen[-DRAFTS.get(category, 0) :] if category in DRAFTS)
    rng.shuffle(pairs)
    return tuple(pairs)
