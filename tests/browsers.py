"""Debian's Chromium for tests: pages that note everything a reader would not want to see, and axe-core's complaints.

A window of its own per look, so that nothing is left over. Only loopback addresses and files may be asked for.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, PHONE = (1280, 900), (390, 844)
Scheme = Literal["light", "dark"]
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"color-contrast": {"enabled": True}, "heading-order": {"enabled": True}},
    "resultTypes": ["violations"],
}

BEEN_HERE = {
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.detectIssues.guidanceShown_v1": "true",
    "_mlflow_model_registry_promo_modal_dismissed_v1": "true",
}
"""What MLflow keeps of a reader of the model-training view who has put its first-time panels away."""


@dataclass
class Look:
    """A page in a window, and what happened in it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    """Of the console, and exceptions of scripts."""
    failed: list[str] = field(default_factory=list)
    """Requests without an answer or with one of 400 and above; not a script's own that it called off."""
    asked: list[str] = field(default_factory=list)
    """Every address that was asked for."""
    dialogs: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    """Every address that the window showed."""

    @property
    def strangers(self) -> list[str]:
        """Addresses outside of this machine that were asked for."""
        return [url for url in self.asked if urlsplit(url).hostname not in (None, "127.0.0.1", "localhost")]

    @property
    def overhang(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def complaints(self) -> list[str]:
        """Return what axe-core has against the page: contrast, order of headings, the WCAG's levels A and AA."""
        found: list[dict[str, Any]] = Axe().run(self.page, options=RULES).response["violations"]
        return [f"{one['id']}: {node['target']} {node['html'][:200]}" for one in found for node in one["nodes"]]


def free_port() -> int:
    """Return a port of this machine that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def find_chromium() -> str | None:
    """Return the browser of this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def open_browser() -> Generator[Browser]:
    """Start the machine's browser; a test that needs it is skipped where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run for root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def look_at(
    browser: Browser,
    url: str,
    size: tuple[int, int] = WIDE,
    scheme: Scheme = "light",
    scale: float = 1.0,
    storage: Mapping[str, str] | None = None,
) -> Generator[Look]:
    """Open a window on `url`; whoever looks waits for what is to appear.

    `storage` is what the page finds in its local storage, as if the reader had been there before.
    """
    window = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, device_scale_factor=scale,
        is_mobile=size == PHONE, has_touch=size == PHONE, locale="en-GB", timezone_id="UTC",
    )  # fmt: skip
    window.set_default_timeout(30_000)
    if storage:
        window.add_init_script(f"try {{ Object.assign(localStorage, {json.dumps(storage)}) }} catch {{}}")
    look = Look(window.new_page())
    page = look.page
    page.on(
        "console",
        lambda said: look.errors.append(f"{said.text} {said.location['url']}") if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: look.errors.append(str(error)))
    page.on("request", lambda request: look.asked.append(request.url))
    page.on("requestfailed", lambda request: _fail(look, request))
    page.on(
        "response", lambda answer: look.failed.append(f"{answer.status} {answer.url}") if answer.status > 399 else None
    )
    page.on("framenavigated", lambda frame: look.visited.append(frame.url) if frame == page.main_frame else None)
    page.on("dialog", lambda dialog: (look.dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(url)
    yield look
    window.close()


def _hear(look: Look, said: ConsoleMessage) -> None:
    if said.type == "error":
        look.errors.append(f"{said.text} {said.location['url']}")


def _fail(look: Look, request: Request) -> None:
    is_called_off = request.failure == "net::ERR_ABORTED" and request.resource_type in ("fetch", "xhr")
    if not is_called_off:
        look.failed.append(f"{request.failure} {request.url}")


def _receive(look: Look, answer: Response) -> None:
    if answer.status >= 400:
        look.failed.append(f"{answer.status} {answer.url}")
