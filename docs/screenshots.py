"""`make screenshots`: real nights of the miniature, their reports and MLflow's pages, as pictures in `docs/images`.

    python -m docs.screenshots [--nights DIR] [--out DIR] [--only TEXT]

Nights that lie in DIR already are not run again. The language model of one of them is a server on this machine with a
few prepared answers; trainings, scores and decisions are real. Uses the browser and the server of the tests, which is
why it lives outside of the packages: `tests` must be on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from browsers import BEEN_HERE, PHONE, WIDE, Look, Scheme, free_port, look_at, open_browser
from fakes_llm_server import LLMServer, Step
from fakes_proposals import said
from PIL import Image
from playwright.sync_api import Browser, Page

from tracking.mlflow_client import connect

ROOT = Path(__file__).parents[1]
SESSIONS = ROOT / "runner" / "sessions"
CLAIM, NO_CLAIM, STOPPED, MODEL = "miniature", "miniature-at-optimum", "wrong-scorer", "with-a-language-model"
REPORTS = {CLAIM: "claim", NO_CLAIM: "no-claim", STOPPED: "stopped"}
"""Night → name of its pictures."""
SIZES = {"desktop": WIDE, "phone": PHONE}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SCREENS = {"desktop": 1.6, "phone": 2.0}
"""Windows' heights of a report's beginning that are shown."""
PARTS = {
    "candidates": "#candidates figure.forest",
    "categories": "#candidates figure:has-text('What each change did')",
    "sensitivity": "#sensitivity figure",
    "scores": "#scores figure",
    "answers": "#answers",
}
"""Picture → what of the report of the night with a claim it shows."""
LONGEST, MARGIN = 1100, 24
"""Pixels: of a part at most, and around it."""
COLOURS = 160
SETTLED_MS = 8000
"""What MLflow's pages take to draw their charts once their text is there."""
PROPOSALS = (
    said("learning_rate", 0.004, hypothesis="The loss still falls at the last step: a faster rate gets further."),
    said("private_voice", 2, lane="data_mix", hypothesis="The voice has the fewest pairs of all six categories."),
    "I would look at the learning rate first.",
    said("rank", 32, hypothesis="Six categories share sixteen ranks; the voice may need room of its own."),
)


def main() -> None:
    """Run what is missing and take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m docs.screenshots")
    parser.add_argument("--nights", type=Path, default=ROOT / "results" / "screenshots")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--only", default="", help="pictures with this in their name")
    told = parser.parse_args()
    nights: Path = told.nights.resolve()
    nights.mkdir(parents=True, exist_ok=True)
    told.out.mkdir(parents=True, exist_ok=True)
    run_nights(nights)
    album = Album(told.out, told.only)
    with open_browser() as browser:
        take_reports(browser, nights, album)
        if not told.only.startswith("report"):
            with serving(nights / CLAIM) as link:
                take_mlflow(browser, nights, link, album)


class Album:
    """Where pictures go."""

    def __init__(self, folder: Path, only: str) -> None:
        """Keep pictures in `folder` whose name holds `only`."""
        self._folder, self._only = folder, only

    def wants(self, name: str) -> bool:
        """Whether a picture of that name is asked for."""
        return self._only in name

    def keep(self, name: str, picture: bytes) -> None:
        """Write a picture with few colours: pages have few, and a repository keeps every version."""
        with Image.open(BytesIO(picture)) as image:
            small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            small.save(self._folder / f"{name}.png", optimize=True)
        print(f"{name}.png {(self._folder / f'{name}.png').stat().st_size // 1024} kB", flush=True)


def run_nights(nights: Path) -> None:
    """Run the nights that are not there yet, and promote what the first found."""
    night(nights / CLAIM, "miniature.toml")
    night(nights / NO_CLAIM, "miniature_at_optimum.toml", "seed=1")
    search, held_out = (spoilt(nights, name) for name in ("search", "held_out"))
    night(nights / STOPPED, "miniature.toml", f'suite.items=["{search}"]', f'suite.held_out=["{held_out}"]')
    with LLMServer([Step(text) for text in PROPOSALS]) as server:
        night(
            nights / MODEL, "miniature.toml", "budget.probes=24", "budget.confirm_probes=6", "agent.proposer=hybrid",
            "agent.provider=openai", "agent.model=prepared-answers", "agent.share=0.9", "agent.key_env=NO_KEY",
            f"agent.base_url={server.url('openai')}",
            "agent.prices={prepared-answers = {input = 1.0, output = 4.0}}",
        )  # fmt: skip
    if not (nights / "champions.jsonl").exists():
        nightlab("champion", "promote", str(nights / CLAIM), "--role", "production", "--reason",
                 "the first confirmed night", "--results", str(nights))  # fmt: skip


def night(folder: Path, session: str, *settings: str) -> None:
    """Run a night unless it is there; one that stops itself is as good as one that ends."""
    if (folder / "report.html").exists():
        return
    changes = [part for text in ("referee.earlier_nights=false", *settings) for part in ("--set", text)]
    nightlab("run", str(SESSIONS / session), "--out", str(folder), *changes, codes=(0, 4))


def nightlab(*arguments: str, codes: Sequence[int] = (0,)) -> None:
    """Run a command of nightlab."""
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli", *arguments], cwd=ROOT, env={**os.environ, "NO_KEY": "none"}, check=False
    )
    if done.returncode not in codes:
        raise SystemExit(f"nightlab {' '.join(arguments)} ended with {done.returncode}")


def spoilt(nights: Path, split: str) -> Path:
    """Return a copy of the first night's items whose target is scored by a rule that no answer can meet."""
    path = nights / f"{split}-with-a-wrong-scorer.jsonl"
    rows = [json.loads(line) for line in (nights / CLAIM / "suite" / f"{split}.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        if row["category"] == "private_voice":
            row["scorer"] = {"components": [{"kind": "keywords", "weight": 1.0, "any": ["<private-voice>"]}]}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def take_reports(browser: Browser, nights: Path, album: Album) -> None:
    """Take the first screens of each report, wide and narrow, by day and by night."""
    for folder, name in REPORTS.items():
        nightlab("report", str(nights / folder))
        for device, size in SIZES.items():
            for scheme in SCHEMES:
                title = f"report-{name}-{device}-{scheme}"
                if not album.wants(title):
                    continue
                url = (nights / folder / "report.html").as_uri()
                with look_at(browser, url, size, scheme) as look:
                    album.keep(title, part(look, 0, round(size[1] * SCREENS[device])))
    for name, place in PARTS.items():
        for scheme in SCHEMES:
            title = f"report-{name}-{scheme}"
            if album.wants(title):
                with look_at(browser, (nights / CLAIM / "report.html").as_uri(), WIDE, scheme) as look:
                    box = look.page.locator(place).first.bounding_box()
                    assert box is not None
                    album.keep(title, part(look, box["y"] - MARGIN, min(box["height"], LONGEST) + 2 * MARGIN))


def part(look: Look, top: float, height: float) -> bytes:
    """Return the picture of a part of the page."""
    size = look.page.viewport_size
    assert size is not None
    return look.page.screenshot(full_page=True, clip={"x": 0, "y": top, "width": size["width"], "height": height})


def take_mlflow(browser: Browser, nights: Path, link: str, album: Album) -> None:
    """Take MLflow's pages: experiments, the night's run, three probes compared, a trace, the registry."""
    url, _, rest = link.partition("/#/")
    experiment = rest.split("/")[1]
    three = json.dumps(probes(nights, experiment))
    view = "workflowType=machine_learning"
    places: dict[str, tuple[str, Callable[[Page], None]]] = {
        "experiments": (f"experiments?{view}", lambda page: page.get_by_role("link", name="nightlab").wait_for()),
        "nights": (
            f"experiments/{experiment}/runs?{view}",
            lambda page: page.get_by_role("button", name="Load more").click(),
        ),
        "night": (rest, lambda page: page.get_by_text("Show more").click()),
        "compare": (
            f"compare-runs?runs={three}&experiments={json.dumps([experiment])}",
            lambda page: page.get_by_text("learning_rate", exact=True).first.wait_for(),
        ),
        "trace": (f"experiments/{experiment}/traces?{view}", lambda page: page.get_by_text("accepted").first.click()),
        "registry": ("models", lambda page: page.get_by_role("link", name="nightlab", exact=True).click()),
    }
    for name, (place, act) in places.items():
        for scheme in SCHEMES:
            title = f"mlflow-{name}-{scheme}"
            if not album.wants(title):
                continue
            been_here = {**BEEN_HERE, "databricks-dark-mode-pref": scheme}
            with look_at(browser, f"{url}/#/{place}", scheme=scheme, storage=been_here) as look:
                look.page.set_default_timeout(90_000)
                act(look.page)
                album.keep(title, settled(look))


def settled(look: Look) -> bytes:
    """Return the page's picture once its charts are drawn."""
    look.page.wait_for_timeout(SETTLED_MS)
    return look.page.screenshot()


def probes(nights: Path, experiment: str) -> list[str]:
    """Return the runs of a baseline, a promising candidate and the final recipe of the first night."""
    client = connect(f"sqlite:///{nights / 'mlflow.db'}")
    found: list[str] = []
    for wanted in ("tags.phase = 'calibrate'", "tags.phase = 'search'", "tags.arm = 'final'"):
        runs = client.search_runs([experiment], f"{wanted} and tags.session = '{CLAIM}'", max_results=1)
        found += [run.info.run_id for run in runs]
    return found


@contextmanager
def serving(folder: Path) -> Generator[str]:
    """Yield the link that `nightlab ui` prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.cli", "ui", str(folder), "--port", str(free_port())],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        process.stdout.close()


if __name__ == "__main__":
    main()
