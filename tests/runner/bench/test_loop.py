from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.bench.idle import idle_share
from runner.bench.loop import main, night_of


def test_the_bench_runs_a_whole_night_and_says_what_a_probe_costs() -> None:
    row = night_of(50, knobs=20)
    assert row.probes > 45
    assert row.candidates > 4
    assert row.ms_per_probe == pytest.approx(1000 * row.seconds / row.probes)
    assert 0 < row.asks_ms < row.ms_per_probe < 60


def test_idle_workers_are_counted_by_waves() -> None:
    assert idle_share([12, 4], 4) == 0.0
    assert idle_share([12], 5) == pytest.approx(1 - 12 / 15)
    assert idle_share([1, 1], 16) == pytest.approx(15 / 16)


def test_the_command_writes_its_rows(tmp_path: Path) -> None:
    main(probes=[40], idle_probes=40, workers=[1, 5], out=tmp_path)
    assert [row["per_hundred"] for row in json.loads((tmp_path / "loop.json").read_text())] == [1.0]
    idle = json.loads((tmp_path / "idle.json").read_text())
    assert [row["workers"] for row in idle] == [1, 5]
    assert idle[0]["idle_share"] == 0.0 < idle[1]["idle_share"]
