"""The documents' pictures: each one shown is there, by day and by night, and together they stay small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
IMAGES = DOCS / "images"
MOST_BYTES = 4 * 2**20


def shown() -> set[str]:
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    return set(re.findall(r'(?:src|srcset)="images/([^"]+)"', text))


def test_every_picture_that_is_shown_is_there_and_the_other_way_round() -> None:
    assert shown() == {path.name for path in IMAGES.iterdir()}


def test_every_picture_has_its_like_by_night() -> None:
    assert {name.replace("-dark.", "-light.") for name in shown()} <= shown()
    assert {name.replace("-light.", "-dark.") for name in shown()} <= shown()


def test_every_picture_says_what_it_shows() -> None:
    pictures = re.findall(r"<img [^>]*>", (DOCS / "morning.md").read_text(encoding="utf-8"))
    assert pictures
    assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.stem)
def test_pictures_are_pictures(path: Path) -> None:
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_together_they_stay_small() -> None:
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) < MOST_BYTES
