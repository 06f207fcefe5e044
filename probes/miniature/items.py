"""Suite items with their scorer rules, split into search items and held-out items.

Easy items ask about a subject of the pairs in words the pairs do not use; medium ones about an unseen subject in words
they do use; hard ones about an unseen subject in unused words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probes.miniature.pairs import split_subjects
from probes.miniature.subject import CATEGORIES, Subject

ITEMS_PER_DIFFICULTY = {"easy": 4, "medium": 4, "hard": 2}
_PHRASING = {"easy": 2, "medium": 0, "hard": 3}


@dataclass(frozen=True)
class MiniatureItem:
    """One row of an item file."""

    id: str
    category: str
    difficulty: str
    prompt: str
    scorer: dict[str, Any]
    chosen: tuple[str, ...]
    """Reference answers in the persona's voice, which the scorer gives full marks or nearly."""
    rejected: tuple[str, ...]
    """In the same voice and wrong."""

    def as_row(self) -> dict[str, Any]:
        """Returns the row as it is written."""
        return {
            "id": self.id,
            "category": self.category,
            "difficulty": self.difficulty,
            "prompt": self.prompt,
            "scorer": self.scorer,
            "chosen": list(self.chosen),
            "rejected": list(self.rejected),
        }


def _make_item(subject: Subject, difficulty: str, identifier: str) -> MiniatureItem:
    scorer = {"components": [dict(component) for component in subject.components]}
    prompt = subject.prompts[_PHRASING[difficulty]]
    return MiniatureItem(
        identifier, subject.category, difficulty, prompt, scorer, chosen=subject.good, rejected=subject.wrong[:1]
    )


def make_items(subjects: Sequence[Subject]) -> tuple[tuple[MiniatureItem, ...], tuple[MiniatureItem, ...]]:
    """Makes the search items and the held-out items; no subject is asked about in both."""
    splits: tuple[list[MiniatureItem], list[MiniatureItem]] = ([], [])
    for category in CATEGORIES:
        seen, unseen = (iter(part) for part in split_subjects(subjects, category))
        for name, split in zip(("search", "held-out"), splits, strict=True):
            for difficulty, count in ITEMS_PER_DIFFICULTY.items():
                for index in range(count):
                    subject = next(seen if difficulty == "easy" else unseen)
                    split.append(_make_item(subject, difficulty, f"{name}-{category}-{difficulty}-{index}"))
    return tuple(splits[0]), tuple(splits[1])
