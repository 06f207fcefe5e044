from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.bench.mlflow_cost import main


@pytest.mark.server
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, from SQLAlchemy
def test_the_bench_measures_both_stores_and_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(probes=40, seconds=0.05, out=tmp_path)
    rows = json.loads((tmp_path / "mlflow.json").read_text())
    assert [row["store"] for row in rows] == ["none", "SQLite", "mlflow server"]
    assert [row["missing"] for row in rows] == [0, 0, 0]
    assert all(row["calls_ms"] < 50 for row in rows), "the loop does not wait for MLflow"
    assert rows[0]["slower_ms"] is None
    assert "at the end, s" in capsys.readouterr().out
