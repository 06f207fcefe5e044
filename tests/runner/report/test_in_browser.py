"""The report as a reader sees it: four nights in a real browser, on a desk and on a phone, by day and by night."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from browsers import PHONE, WIDE, Look, Scheme, look_at, open_browser
from hostile_texts import HOSTILE
from playwright.sync_api import Browser
from staged_nights import OUR_WORDS, Staged, stage_nights

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated"),  # MLflow's own tables
]

NIGHTS = ("claim", "no claim", "stopped", "hostile")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return stage_nights(tmp_path_factory.mktemp("nights"))


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with open_browser() as browser:
        yield browser


def open_report(browser: Browser, staged: Staged, night: str, size: tuple[int, int], scheme: Scheme):
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
    with open_report(browser, staged, night, WIDE, "light") as look:
        links: list[str] = look.page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
        assert any(link.startswith("#") for link in links)
        assert all(
            link.startswith(("#", "http://127.0.0.1:", "http://localhost:")) or is_file(staged.reports[night], link)
            for link in links
        ), links
        for link in links:
            if link.startswith("#"):
                look.page.click(f"a[href='{link}'] >> nth=0")
                assert look.page.evaluate("document.querySelector(':target') !== null"), link


def is_file(report: Path, link: str) -> bool:
    return (report.parent / link).is_file()


def test_what_a_model_wrote_is_shown_as_text_and_does_nothing(browser: Browser, staged: Staged) -> None:
    with open_report(browser, staged, "hostile", WIDE, "light") as look:
        look.page.wait_for_timeout(500)
        assert look.page.evaluate("window.pwned") is None
        assert look.dialogs == []
        assert look.visited == [staged.reports["hostile"].as_uri()]
        text = look.page.inner_text("body")
        assert HOSTILE[0] in text
        assert look.page.locator("script, iframe, img, object, embed, form, meta[http-equiv], base").count() == 0
        assert (
            look.page.eval_on_selector_all(
                "*", "all => all.flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
            )
            == []
        )
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
