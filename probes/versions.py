"""Versions of the libraries that can change a score: part of a probe's identity. Reads metadata only."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

SCORE_LIBRARIES = ("torch", "transformers", "trl", "peft", "tokenizers")
"""Everything between a recipe and an answer's text. `datasets` and `accelerate` only carry rows and devices."""


@cache
def score_versions() -> dict[str, str]:
    """Return library → installed version, `missing` where it is not installed."""
    return {name: _version(name) for name in SCORE_LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
