from __future__ import annotations

from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_session

from probes.errors import LaunchError
from runner.followers import MLFLOW
from runner.overrides import load_session
from runner.session import resume_night, start_night
from tracking import events as ev
from tracking.ledger import Ledger
from tracking.mlflow_store import LACKS

pytestmark = pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated")  # MLflow's own tables


def warned(path: Path, message: str) -> None:
    """Tell in a finished night's ledger what the mirror's last word was."""
    with Ledger(path / "ledger.jsonl") as ledger:
        ledger.append(ev.Warned(at="2030-01-01T00:00:00.000+00:00", subject=MLFLOW, message=message))


def parents(folder: Path) -> list[str]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    known = client.get_experiment_by_name("nightlab")
    runs = client.search_runs([known.experiment_id], max_results=1000) if known else []
    return [run.info.status for run in runs if "nightlab.probe" not in run.data.tags]


def test_resume_writes_what_mlflow_lacked_at_the_end_of_a_night_and_tells_it_once(tmp_path: Path) -> None:
    around = fake_surroundings(tmp_path)
    config = load_session(write_session(tmp_path), ["budget.probes=20"])
    out = start_night(config, tmp_path / "out", around).folder.path
    ledger = out / "ledger.jsonl"
    # The night of a server that was away: its ledger says that it is mirrored, and what is missing.
    ledger.write_text(ledger.read_text().replace('"mlflow":false', '"mlflow":true'))
    (ledger.parent / "session.toml").unlink()
    warned(out, f"40 entries are {LACKS}; the ledger has them")
    assert parents(tmp_path) == []
    night = resume_night(out, around).night
    assert parents(tmp_path) == ["FINISHED"]
    assert night.warnings[-1].message == "what was missing is in MLflow now"
    before = ledger.read_bytes()
    resume_night(out, around)
    assert ledger.read_bytes() == before


def test_resume_says_so_while_mlflow_is_still_away(tmp_path: Path) -> None:
    around = fake_surroundings(tmp_path)
    config = load_session(write_session(tmp_path), ["budget.probes=20", "tracking.uri=sqlite:////dev/null/mlflow.db"])
    out = start_night(config, tmp_path / "out", around).folder.path
    ledger = out / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace('"mlflow":false', '"mlflow":true'))
    (ledger.parent / "session.toml").unlink()
    warned(out, f"40 entries are {LACKS}")
    before = ledger.read_bytes()
    with pytest.raises(LaunchError, match="cannot be used"):
        resume_night(out, around)
    assert ledger.read_bytes() == before
