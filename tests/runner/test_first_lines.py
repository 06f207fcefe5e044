"""A night that broke off among its first lines, or just before its report, lacks nothing once it is resumed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_session
from rich.console import Console

from runner.overrides import load_session
from runner.session import resume_night, start_night
from tracking.ledger import read_events
from tracking.night import NightRecord

RACE = ["referee.design=race"]


def keys(night: NightRecord) -> set[str]:
    return {probe.outcome.key for probe in night.probes}


@pytest.mark.parametrize("lines", [1, 2])
def test_it_still_knows_of_earlier_nights_and_repeats_none_of_their_probes(tmp_path: Path, lines: int) -> None:
    session = write_session(tmp_path)
    around = replace(fake_surroundings(tmp_path), console=Console(quiet=True))
    first = start_night(load_session(session, RACE), tmp_path / "results" / "first", around)
    second = start_night(load_session(session, RACE), tmp_path / "results" / "second", around)
    assert second.night.earlier is not None
    written = second.folder.ledger.read_bytes().splitlines(keepends=True)[:lines]
    kinds = [event.kind for event in read_events(second.folder.ledger)][:lines]
    assert kinds == ["session_started", "earlier_nights_read"][:lines]
    shutil.rmtree(second.folder.path / "probes")
    for name in ("checkpoint.sqlite", "report.md", "report.html", "summary.json", "results.tsv", "memory.json"):
        (second.folder.path / name).unlink()
    second.folder.ledger.write_bytes(b"".join(written))
    resumed = resume_night(second.folder.path, around)
    assert resumed.night.earlier == second.night.earlier
    assert keys(resumed.night) == keys(second.night)
    assert not keys(resumed.night) & keys(first.night)
    assert resumed.night.claim == second.night.claim


def test_a_finished_night_without_its_report_gets_one(tmp_path: Path) -> None:
    around = replace(fake_surroundings(tmp_path), console=Console(quiet=True))
    end = start_night(load_session(write_session(tmp_path), RACE), tmp_path / "results" / "first", around)
    before = (end.folder.path / "report.md").read_text()
    for name in ("report.md", "report.html", "summary.json"):
        (end.folder.path / name).unlink()
    resume_night(end.folder.path, around)
    after = (end.folder.path / "report.md").read_text()
    assert after.splitlines()[:-1] == before.splitlines()[:-1]
    assert (end.folder.path / "summary.json").is_file()
