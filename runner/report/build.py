"""Rebuild everything a reader opens - report, summary, results table - from the ledger alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from runner.report.content import build_report
from runner.report.fragile import fragile_summary
from runner.report.html import to_html
from runner.report.journal import journal_summary
from runner.report.markdown import to_markdown
from runner.report.measurement import measurement_summary
from runner.report.policy import policy_summary
from runner.report.proposers import proposers_summary
from runner.report.sensitivity import sensitivity_summary
from runner.report.tomorrow import tomorrow_summary
from tracking.atomic import replace_text
from tracking.clock import Clock, SystemClock
from tracking.ledger import read_events
from tracking.night import NightRecord
from tracking.results_tsv import write_results
from tracking.summary import summary

INDEXED = ("session.toml", "ledger.jsonl", "results.tsv", "summary.json")
"""Files whose digest the report states; it cannot state its own."""


def write_report(folder: Path, clock: Clock | None = None) -> Path:
    """Write `results.tsv`, `summary.json`, `report.md` and `report.html` of a session folder; return the HTML's path.

    Two rebuilds of the same ledger differ in the line that says when they were made, and in nothing else.

    Raises:
        LedgerError: the folder has no readable ledger, or cannot be written.
    """
    night = NightRecord.replay(read_events(folder / "ledger.jsonl"))
    write_results(folder / "results.tsv", night)
    page_of_figures = {**summary(night), "fragile": fragile_summary(night)}
    page_of_figures["measurement"] = measurement_summary(night)
    page_of_figures["policy"] = policy_summary(night)
    page_of_figures["journal"] = journal_summary(night)
    page_of_figures["proposers"] = proposers_summary(night)
    page_of_figures["sensitivity"] = sensitivity_summary(night)
    page_of_figures["tomorrow"] = tomorrow_summary(night)
    replace_text(folder / "summary.json", json.dumps(page_of_figures, indent=2, ensure_ascii=False) + "\n")
    report = build_report(night, _index(folder))
    generated = f"Generated {(clock or SystemClock()).now()[:19].replace('T', ' ')} UTC from ledger.jsonl by nightlab."
    replace_text(folder / "report.md", to_markdown(report, generated))
    page = folder / "report.html"
    replace_text(page, to_html(report, generated))
    return page


def _index(folder: Path) -> list[tuple[str, float, str]]:
    files = [folder / name for name in INDEXED if (folder / name).is_file()]
    return [(file.name, file.stat().st_size / 2**20, _digest(file)) for file in files]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
