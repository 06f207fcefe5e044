"""MLflow's own pages on the store that a night leaves: what a user of MLflow looks for is there under its name.

The server is started as a user starts it, with `nightlab ui`. MLflow's pages complain about a few things of their own;
everything else that goes wrong in them is ours.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from browsers import BEEN_HERE, Look, free_port, look_at
from hostile_texts import HOSTILE
from playwright.sync_api import Browser, expect
from staged_nights import EXPERIMENT, ROLE, Staged

from tracking.config import TrackingConfig
from tracking.mlflow_client import connect
from tracking.mlflow_store import run_link, store_uri

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated"),  # MLflow's own tables
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's own, from SQLAlchemy
]

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 60_000
MLFLOWS_OWN = ("/mlflow/users/current", "ResizeObserver loop", "mlflow.org/docs")
"""A question about accounts that a server without any answers with 404, a browser's note, and its own help."""


class Ui(NamedTuple):
    browser: Browser
    link: str
    """What `nightlab ui` printed: the parent run of the night with a claim."""
    runs: list[Any]

    @property
    def url(self) -> str:
        return self.link.split("/#/")[0]

    @property
    def experiment(self) -> str:
        return self.parent("claim").info.experiment_id

    def parent(self, night: str) -> Any:
        (found,) = [run for run in self.runs if run.info.run_name == night]
        return found

    def probes(self, night: str) -> list[Any]:
        parent = self.parent(night).info.run_id
        return [run for run in self.runs if run.data.tags.get("mlflow.parentRunId") == parent]

    @contextmanager
    def page(self, place: str) -> Generator[Look]:
        """Open a page of the model-training view; nothing of ours may go wrong on it."""
        address = place if place.startswith("http") else f"{self.url}/#/{place}"
        with look_at(self.browser, address, storage=BEEN_HERE) as look:
            look.page.set_default_timeout(PATIENCE_MS)
            expect.set_options(timeout=PATIENCE_MS)
            yield look
            assert [line for line in look.errors + look.failed if not any(own in line for own in MLFLOWS_OWN)] == []
            assert [url for url in look.strangers if not any(own in url for own in MLFLOWS_OWN)] == []
            assert look.dialogs == []
            assert look.page.evaluate("window.pwned") is None
            assert all(url.startswith(self.url) for url in look.visited)


@pytest.fixture(scope="module")
def ui(browser: Browser, staged: Staged) -> Generator[Ui]:
    port = free_port()
    client = connect(store_uri(TrackingConfig(), staged.results, {}))
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.cli", "ui", str(staged.claim), "--port", str(port)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        link = process.stdout.readline().strip()
        yield Ui(browser, link, list(client.search_runs([experiment.experiment_id], max_results=1000)))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        process.stdout.close()


def test_the_list_of_experiments_has_the_project(ui: Ui) -> None:
    with ui.page("experiments?workflowType=machine_learning") as look:
        link = look.page.get_by_role("link", name=EXPERIMENT)
        expect(link).to_have_attribute("href", f"#/experiments/{ui.experiment}")


def test_the_project_lists_its_nights_by_name(ui: Ui) -> None:
    with ui.page(f"experiments/{ui.experiment}/runs?workflowType=machine_learning") as look:
        for night in ("claim", "no_claim", "stopped", "hostile"):
            expect(look.page.get_by_role("link", name=night, exact=True)).to_be_visible()


def test_the_printed_link_is_the_nights_own_run_and_tells_its_story(ui: Ui) -> None:
    assert ui.link == run_link(ui.url, ui.experiment, ui.parent("claim").info.run_id)
    with ui.page(ui.link) as look:
        page = look.page
        expect(page.get_by_role("heading", name="claim", exact=True)).to_be_visible()
        expect(page.get_by_text("Child runs", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="confirm final recipe").first).to_be_visible()
        expect(page.get_by_text("on fresh seeds and held-out items").first).to_be_visible()


def test_the_report_opens_from_the_nights_run(ui: Ui) -> None:
    with ui.page(ui.link) as look:
        look.page.get_by_role("tab", name="Artifacts").click()
        look.page.get_by_text("report.html", exact=True).click()
        report = look.page.frame_locator("iframe").first
        expect(report.get_by_text("Night report:")).to_be_visible()
        expect(report.get_by_role("heading", name="Candidates")).to_be_visible()


def test_the_report_leads_to_the_nights_run(ui: Ui, staged: Staged) -> None:
    with look_at(ui.browser, staged.reports["claim"].as_uri(), storage=BEEN_HERE) as look:
        look.page.get_by_role("link", name="this night in MLflow").click()
        look.page.get_by_role("link", name=ui.link).click()
        expect(look.page.get_by_role("heading", name="claim", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        assert look.page.url.startswith(ui.link.split("?")[0])


def test_three_probes_are_compared(ui: Ui) -> None:
    probes = [run for run in ui.probes("claim") if run.data.tags["phase"] == "search"][:3]
    ids = json.dumps([run.info.run_id for run in probes])
    with ui.page(f"compare-runs?runs={ids}&experiments={json.dumps([ui.experiment])}") as look:
        for run in probes:
            expect(look.page.get_by_text(run.info.run_name).first).to_be_visible()
        expect(look.page.get_by_text("learning_rate", exact=True).first).to_be_visible()


def test_a_call_of_the_language_model_is_a_trace(ui: Ui) -> None:
    with ui.page(f"experiments/{ui.experiment}/traces?workflowType=machine_learning") as look:
        look.page.get_by_text("accepted").first.click()
        expect(look.page.get_by_text("openai/scripted", exact=True).first).to_be_visible()


def test_the_registry_has_the_confirmed_recipe(ui: Ui) -> None:
    with ui.page("models") as look:
        look.page.get_by_role("link", name=EXPERIMENT, exact=True).click()
        expect(look.page.get_by_text(ROLE).first).to_be_visible()


@pytest.mark.parametrize("artifact", ["answers.json", "report.html", "report.md"])
def test_what_a_model_wrote_is_shown_as_text_and_does_nothing(ui: Ui, artifact: str) -> None:
    run = ui.probes("hostile")[0] if artifact == "answers.json" else ui.parent("hostile")
    with ui.page(run_link(ui.url, ui.experiment, run.info.run_id)) as look:
        look.page.get_by_role("tab", name="Artifacts").click()
        look.page.get_by_text(artifact, exact=True).click()
        inside = look.page.frame_locator("iframe") if artifact == "report.html" else look.page
        expect(inside.get_by_text(HOSTILE[0].split(";")[0]).first).to_be_visible()
        look.page.wait_for_timeout(1000)
