"""What a model takes is found out, never assumed: what a server refuses by name is replaced and not asked for again.

Models differ in whether they take a temperature, a JSON schema, and in what they call the token limit. Each such
feature has several ways of being asked for, the preferred one first and often nothing at all last.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple


class Feature(NamedTuple):
    """One thing a request may ask for."""

    name: str
    ways: tuple[dict[str, Any], ...]
    """Arguments of the call, preferred first; `{}` does without."""
    words: tuple[str, ...]
    """What a refusal of it mentions."""


class Negotiation:
    """Remembers which way of each feature one model takes; shared by threads."""

    def __init__(self) -> None:
        """Start with the preferred way of everything."""
        self._level: dict[str, int] = {}
        self._lock = threading.Lock()

    def levels(self, features: Sequence[Feature]) -> dict[str, int]:
        """Return feature → the way to try."""
        with self._lock:
            return {feature.name: min(self._level.get(feature.name, 0), len(feature.ways) - 1) for feature in features}

    def refused(self, features: Sequence[Feature], tried: dict[str, int], message: str) -> bool:
        """Note what a refusal names; return whether there is another way to try."""
        text = message.lower()
        for feature in features:
            level = tried[feature.name]
            if level + 1 < len(feature.ways) and any(word in text for word in feature.words):
                with self._lock:
                    # Another thread may have learnt the same meanwhile.
                    self._level[feature.name] = max(self._level.get(feature.name, 0), level + 1)
                return True
        return False

    def put_back(self, levels: dict[str, int]) -> None:
        """Return to the ways known before a question that was refused in every way: it taught nothing."""
        with self._lock:
            self._level.update(levels)


def arguments(features: Sequence[Feature], levels: dict[str, int]) -> dict[str, Any]:
    """Return the call's arguments for the ways chosen."""
    merged: dict[str, Any] = {}
    for feature in features:
        merged.update(feature.ways[levels[feature.name]])
    return merged


def dropped(features: Sequence[Feature], levels: dict[str, int]) -> tuple[str, ...]:
    """Return the features that a request had to do without."""
    return tuple(f.name for f in features if f.ways[0] and not f.ways[levels[f.name]])
