from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.bench.contenders import OURS
from runner.bench.nights import NightResult
from runner.bench.referee import bench, coverage_table, referee_tables, summarise

RULE = "mean of 3, keep if higher"


def test_rows_do_not_depend_on_the_number_of_processes() -> None:
    alone, together = (list(bench([RULE], ["rich"], [60], 60, jobs=jobs)) for jobs in (1, 2))
    assert alone == together
    assert alone[0].nights == 60


def test_a_row_counts_a_claim_as_false_only_where_nothing_was_gained() -> None:
    results = [
        NightResult(2, 1, 0, True, 0.5, True),
        NightResult(1, 1, 1, True, -0.1, False),
        NightResult(0, 0, 0, False, 0.0, None),
        NightResult(1, 0, 0, False, 0.2, True),
    ]
    row = summarise("r", "rich", 120, results)
    assert row.shipped == pytest.approx(0.4 / 4)
    assert row.false_claim == pytest.approx(1 / 4)
    assert (row.accepted, row.harmful) == (1.0, pytest.approx(2 / 4))
    assert row.shipped_interval[0] < row.shipped < row.shipped_interval[1]
    assert (row.tested, row.coverage, row.coverage_of_claims) == (3, pytest.approx(2 / 3), pytest.approx(1 / 2))


def test_nights_without_a_test_report_no_coverage() -> None:
    row = summarise("r", "null", 120, [NightResult(0, 0, 0, False, 0.0, None)] * 2)
    assert (row.tested, row.coverage, row.coverage_interval, row.coverage_of_claims) == (0, None, None, None)


def test_only_rules_that_read_companions_play_their_streams() -> None:
    rows = list(bench([RULE, "nightlab"], ["null, companion .6"], [60], 2))
    assert [row.rule for row in rows] == ["nightlab"]


def test_variants_of_the_streams_have_tables_of_their_own() -> None:
    nights = [NightResult(2, 1, 0, True, 0.5, True)] * 3
    plain, interacting = (summarise(OURS, stream, 60, nights) for stream in ("rich", "lean, interactions .10"))
    tables = referee_tables([plain, interacting])
    assert [[column.header for column in table.columns][2:] for table in tables] == [["rich"], [interacting.stream]]
    assert list(tables[0].columns[2].cells) == ["0.50±0.00, 2.0 (1.00), 0.000"]
    assert coverage_table([plain, summarise(RULE, "rich", 60, nights)]).row_count == 1


def test_the_command_writes_rows_and_refuses_an_unknown_rule(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "runner.bench.referee", "--nights", "5", "--out", str(tmp_path)]
    one = [*command, "--rule", RULE, "--stream", "null", "--budget", "60"]
    done = subprocess.run(one, capture_output=True, text=True, check=True, env=os.environ)
    rows = json.loads((tmp_path / "referee.json").read_text())
    assert {"rule", "stream", "budget", "shipped", "false_claim", "harmful"} <= set(rows[0])
    assert "keep if higher" in done.stdout
    refused = subprocess.run([*command, "--rule", "none"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "there is no rule 'none'" in refused.stderr
