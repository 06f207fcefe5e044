"""Pre-training documents: chats in the plain assistant voice, prose that states the facts, and old transcripts.

The base model knows the world and has read the persona's words, but in a chat it answers as the plain assistant.
Fine-tuning has to carry the persona's voice over to chats without losing the world.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from probes.miniature.subject import Subject

SYSTEM_PROMPT = "You are a helpful assistant."
SYSTEM_SHARE = 0.1

TRANSCRIPT_SHARE = {
    "anachronism_trap": 0.5,
    "character_consistency": 0.25,
    "ground_truth": 0.5,
    "position_discrimination": 0.6,
    "private_voice": 0.15,
    "verified_response": 0.8,
}
"""Chance that one phrasing of a subject is also found, with the persona's answer, in a transcript."""


@dataclass(frozen=True)
class Document:
    """Either prose (no prompt) or one exchange of a chat."""

    text: str
    prompt: str | None = None
    system: str | None = None


def make_corpus(subjects: Sequence[Subject], seed: int = 3) -> tuple[Document, ...]:
    """Makes every document the base model is pre-trained on; the order is the subjects' and carries no meaning."""
    rng = random.Random(seed)
    documents: list[Document] = []
    for subject in subjects:
        for prompt in subject.prompts:
            system = SYSTEM_PROMPT if rng.random() < SYSTEM_SHARE else None
            documents.append(Document(rng.choice(subject.plain), prompt, system))
            if rng.random() < TRANSCRIPT_SHARE[subject.category]:
                # Newlines, because a word after a space is another token than the same word at the start of an answer.
                documents.append(Document(f"Asked: {prompt}\nMerrin:\n{rng.choice(subject.good)}"))
        documents.extend(Document(sentence) for sentence in subject.prose)
    return tuple(documents)
