"""Nights and a browser for the tests that look at pages."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from staged_nights import Staged


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """Four nights and their store, to be looked at only."""
    from staged_nights import stage_nights

    return stage_nights(tmp_path_factory.mktemp("nights"))


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """The machine's browser; no longer than a module, since its event loop is in the way of other tests' own."""
    from browsers import open_browser

    with open_browser() as browser:
        yield browser
