"""What watches the pages sees what it is there to see."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from browsers import PHONE, free_port, look_at, open_browser
from playwright.sync_api import Browser

pytestmark = pytest.mark.server

BAD = """<!doctype html><html><head><title>bad</title></head><body>
<h1>One</h1><h3 style="color: #ccc; background: #fff">Three</h3><img src="missing.png">
<p style="white-space: nowrap">{wide}</p>
<script>window.pwned = 1; console.error("said aloud"); alert("asked"); fetch("http://127.0.0.1:{port}/x");
undefined_thing();</script><iframe src="http://nowhere.invalid/"></iframe></body></html>
"""
GOOD = """<!doctype html><html lang="en"><head><title>good</title></head>
<body><main><h1>One</h1><h2>Two</h2><p>Text.</p></main></body></html>"""


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with open_browser() as browser:
        yield browser


def test_everything_bad_about_a_page_is_noticed(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(BAD.replace("{wide}", "wide " * 200).replace("{port}", str(free_port())))
    with look_at(browser, page.as_uri(), PHONE) as look:
        look.page.wait_for_timeout(500)
        assert look.overhang > 100
        assert look.dialogs == ["asked"]
        said = " ".join(look.errors)
        assert "said aloud" in said
        assert "undefined_thing" in said
        assert any("missing.png" in line for line in look.failed)
        assert look.strangers == ["http://nowhere.invalid/"]
        rules = {line.split(":")[0] for line in look.complaints()}
        assert {"color-contrast", "heading-order", "html-has-lang", "image-alt"} <= rules
        assert look.page.evaluate("window.pwned") == 1


def test_a_good_page_gives_no_cause(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "good.html"
    page.write_text(GOOD)
    with look_at(browser, page.as_uri(), PHONE, "dark", storage={"seen": "1"}) as look:
        assert (look.overhang, look.complaints()) == (0, [])
        assert (look.errors, look.failed, look.dialogs, look.strangers) == ([], [], [], [])
        assert look.asked == look.visited == [page.as_uri()]
        assert look.page.evaluate("localStorage.seen") == "1"
