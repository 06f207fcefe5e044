"""The report as a reader sees it: four nights in a real browser, on a desk and on a phone, by day and by night."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from browsers import PHONE, WIDE, Look, Scheme, look_at
from hostile_texts import LONG_LINE, MARKUP
from playwright.sync_api import Browser
from staged_nights import OUR_WORDS, Staged

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated"),  # MLflow's own tables
]

NIGHTS = ("claim", "no claim", "stopped", "hostile")


def open_report(
    browser: Browser, staged: Staged, night: str, size: tuple[int, int], scheme: Scheme
) -> AbstractContextManager[Look]:
    return look_at(browser, staged.reports[night].as_uri(), size, scheme)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("night", NIGHTS)
def test_the_report_is_quiet_stays_in_its_window_and_can_be_read_by_everybody(
    browser: Browser, staged: Staged, night: str, size: tuple[int, int], scheme: Scheme
) -> None:
    with open_report(browser, staged, night, size, scheme) as look:
        assert look.asked == [staged.reports[night].as_uri()], "everything is in the one file"
        assert look.overhang <= 0, widest(look)
        assert look.complaints() == []
        assert (look.errors, look.failed, look.dialogs) == ([], [], [])


@pytest.mark.parametrize("night", NIGHTS)
def test_every_link_within_the_report_leads_somewhere_and_none_runs_anything(
    browser: Browser, staged: Staged, night: str
) -> None:
    report = staged.reports[night]
    with open_report(browser, staged, night, WIDE, "light") as look:
        links: list[str] = look.page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
        inner = [link for link in links if link.startswith("#")]
        assert inner
        for link in inner:
            look.page.click(f"a[href='{link}'] >> nth=0")
            assert look.page.evaluate("document.querySelector(':target') !== null"), link
        for link in set(links) - set(inner):
            assert link.startswith("http://127.0.0.1:") or (report.parent / link).is_file(), link


def test_what_a_model_wrote_is_shown_as_text_and_does_nothing(browser: Browser, staged: Staged) -> None:
    with open_report(browser, staged, "hostile", WIDE, "light") as look:
        look.page.wait_for_timeout(500)
        assert look.page.evaluate("window.pwned") is None
        assert look.dialogs == []
        assert look.visited == [staged.reports["hostile"].as_uri()]
        text = look.page.inner_text("body")
        missing = [words for words in (*MARKUP, "\u05e9\u05dc\u05d5\u05dd", "🦊", LONG_LINE[:400]) if words not in text]
        assert missing == []
        assert "\u202e" not in text, "turned round, a sentence says something else"
        assert look.page.locator("script, iframe, img, object, embed, form, meta[http-equiv], base").count() == 0
        names: list[str] = look.page.eval_on_selector_all("*", "all => all.flatMap(e => e.getAttributeNames())")
        assert not [name for name in names if name.startswith("on")]
        assert look.page.locator("[href^='javascript:' i], [src^='javascript:' i]").count() == 0


@pytest.mark.parametrize(
    ("night", "words"),
    [
        ("claim", ("confirmed", OUR_WORDS)),
        ("no claim", ("not confirmed",)),
        ("stopped", ("gave the same answers word for word",)),
    ],
)
def test_each_night_tells_its_own_story(browser: Browser, staged: Staged, night: str, words: tuple[str, ...]) -> None:
    with open_report(browser, staged, night, PHONE, "light") as look:
        text = look.page.inner_text("body")
        assert all(word in text for word in words)


def widest(look: Look) -> list[str]:
    """Return what sticks out of the window, for the message of a failure."""
    return look.page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .filter(e => !e.closest('.scroll, pre')).slice(0, 5).map(e => e.outerHTML.slice(0, 160))"""
    )
