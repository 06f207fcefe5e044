"""Rebuild everything a reader opens - report, summary, results table - from the ledger alone."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from probes.statistics.bottleneck import Bottleneck
from runner.report.content import build_report
from runner.report.fragile import fragile_summary
from runner.report.html import to_html
from runner.report.journal import data_bottlenecks, journal_summary
from runner.report.markdown import to_markdown
from runner.report.measurement import measurement_summary
from runner.report.policy import policy_summary
from runner.report.proposers import proposers_summary
from runner.report.sensitivity import sensitivity_summary
from runner.report.tomorrow import advice
from tracking.atomic import replace_text
from tracking.clock import Clock, SystemClock
from tracking.ledger import iterate_events
from tracking.night import NightRecord
from tracking.results_tsv import results_text
from tracking.summary import summary

LEDGER, CONFIG = "ledger.jsonl", "session.toml"


def write_report(folder: Path, clock: Clock | None = None) -> Path:
    """Write `results.tsv`, `summary.json`, `report.md` and `report.html` of a session folder; return the HTML's path.

    A `session.toml` that is not there is written too; one that is stays as it is. Two rebuilds of the same ledger
    differ in the line that says when they were made, and in nothing else.

    Raises:
        LedgerError: the folder has no readable ledger, or cannot be written.
    """
    now = (clock or SystemClock()).now()[:19].replace("T", " ")
    for name, text in rebuilt(folder, f"Generated {now} UTC from ledger.jsonl by nightlab.").items():
        if name != CONFIG or not (folder / name).exists():
            replace_text(folder / name, text)
    return folder / "report.html"


def rebuilt(folder: Path, generated: str) -> dict[str, str]:
    """Return the text of each file that follows from the ledger, by name.

    Args:
        folder: holds the ledger; nothing else in it is read.
        generated: the line that says when the report was made.

    Raises:
        LedgerError: there is no readable ledger.
    """
    ledger = folder / LEDGER
    with _collector_at_rest():
        return _rebuilt(NightRecord.replay(iterate_events(ledger)), ledger, generated)


@contextmanager
def _collector_at_rest() -> Generator[None]:
    """Keep the garbage collector from walking a long night's million small values again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _rebuilt(night: NightRecord, ledger: Path, generated: str) -> dict[str, str]:
    stuck = data_bottlenecks(night)
    files = {"results.tsv": results_text(night), "summary.json": _summary(night, stuck)}
    if night.started is not None and night.started.config:
        files = {CONFIG: tomli_w.dumps(night.started.config), **files}
    index = [(LEDGER, ledger.stat().st_size / 2**20, _digest(ledger)), *_index(files)]
    report = build_report(night, index, stuck)
    return {**files, "report.md": to_markdown(report, generated), "report.html": to_html(report, generated)}


def _summary(night: NightRecord, stuck: Sequence[Bottleneck]) -> str:
    page: dict[str, Any] = {
        **summary(night),
        "fragile": fragile_summary(night),
        "measurement": measurement_summary(night),
        "policy": policy_summary(night),
        "journal": journal_summary(night, stuck),
        "proposers": proposers_summary(night),
        "sensitivity": sensitivity_summary(night),
        "tomorrow": [each.model_dump(mode="json") for each in advice(night, stuck)],
    }
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def _index(files: Mapping[str, str]) -> list[tuple[str, float, str]]:
    """Return name, size and digest of files beside the report, which cannot state its own."""
    written = {name: text.encode("utf-8") for name, text in files.items()}
    return [(name, len(data) / 2**20, hashlib.sha256(data).hexdigest()[:16]) for name, data in written.items()]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
