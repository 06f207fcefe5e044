"""Nights that cannot be believed, from the command line: the measurement is faulty, or a guard is blind."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_session

from runner.cli import main


def run(folder: Path, *settings: str, **environment: str) -> int:
    arguments = ["run", str(write_session(folder)), "--out", str(folder / "out")]
    with pytest.raises(SystemExit) as caught:
        main(
            [*arguments, *(part for text in settings for part in ("--set", text))],
            fake_surroundings(folder, **environment),
        )
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_replicates_that_all_score_the_same_stop_the_night_and_name_the_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, FAKE_SAME="1") == 4
    said = capsys.readouterr().err
    report = (tmp_path / "out" / "report.md").read_text()
    for text in (said, report):
        assert "4 replicates with different train seeds gave identical scores on every item" in text
        assert "not the one that was trained, or the seed is not used" in text
    assert "Measurement fault" in report
    assert "claimed" in report


def test_a_night_with_a_blind_guard_says_so_in_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blind = "guards.margins.ground_truth=0.05"
    assert run(tmp_path, blind) == 2
    assert "referee.allow_blind_guards=true" in capsys.readouterr().err
    (tmp_path / "base").rename(tmp_path / "first")
    assert run(tmp_path, blind, "referee.allow_blind_guards=true", "budget.probes=20") == 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "Blind guard: ground_truth (margin 0.05)" in report
    assert "guard `ground_truth` cannot resolve its margin of 0.05" in report.replace("\\", "")
