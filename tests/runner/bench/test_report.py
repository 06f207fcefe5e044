from __future__ import annotations

import json
from pathlib import Path

from runner.bench.report import main
from runner.bench.report_night import write_night
from runner.report.verify import verify_report
from tracking.ledger import read_events
from tracking.night import NightRecord


def test_a_made_up_night_has_as_many_probes_as_asked_and_ends_in_a_claim(tmp_path: Path) -> None:
    write_night(tmp_path / "ledger.jsonl", 60)
    night = NightRecord.replay(read_events(tmp_path / "ledger.jsonl"))
    assert len(night.probes) == 60
    assert night.claim is not None
    assert len(night.candidates) == 9


def test_the_bench_writes_a_report_in_a_process_of_its_own_and_a_row(tmp_path: Path) -> None:
    main([40], tmp_path)
    (row,) = json.loads((tmp_path / "report.json").read_text())
    assert row["probes"] == 40
    assert 0.02 < row["peak_gib"] < 1.0
    assert 0 < row["cpu_s"] <= 1.5 * row["wall_s"]
    assert 0 < row["html_mib"] < 1


def test_what_is_timed_is_the_whole_report(tmp_path: Path) -> None:
    write_night(tmp_path / "ledger.jsonl", 40)
    main(one=tmp_path)
    assert not verify_report(tmp_path).mismatches
