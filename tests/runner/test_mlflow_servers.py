"""Whole nights on real servers that go away: nothing may be missing afterwards, held against the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes_postgres import Postgres, postgres
from fakes_session import fake_surroundings, write_session

from runner.overrides import load_session
from runner.session import NightEnd, start_night
from tracking.ledger import read_events
from tracking.mlflow_comparison import missing_in_store

EXPERIMENT = "servers"
pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's own, from SQLAlchemy
]


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


def run_night(folder: Path, uri: str, seconds: str = "0") -> NightEnd:
    file = write_session(folder)
    settings = ["tracking.mlflow=true", f"tracking.uri={uri}", f"tracking.experiment={EXPERIMENT}"]
    around = fake_surroundings(folder, FAKE_SECONDS=seconds, FAKE_ADAPTERS="1")
    return start_night(load_session(file, settings), folder / "out", around)


@contextmanager
def after_probes(ledger: Path, *acts: tuple[int, Callable[[], None]]) -> Generator[None]:
    """Do something each time so many probes have ended, while the context is open."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for count, do in acts:
                while not ledger.is_file() or ledger.read_bytes().count(b'"probe_finished"') < count:
                    time.sleep(0.05)
                do()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert failed == []


def test_nothing_is_missing_of_a_night_on_postgresql(tmp_path: Path, database: Postgres) -> None:
    end = run_night(tmp_path, database.uri)
    assert end.night.claim is not None
    assert [warning.message for warning in end.night.warnings if warning.subject == "MLflow"] == []
    assert missing_in_store(database.uri, EXPERIMENT, read_events(end.folder.ledger)) == []


def test_nothing_is_missing_after_postgresql_was_killed_in_the_middle(tmp_path: Path, database: Postgres) -> None:
    ledger = tmp_path / "out" / "ledger.jsonl"
    with after_probes(ledger, (8, database.kill), (20, database.start)):
        end = run_night(tmp_path, database.uri, seconds="0.3")
    told = [warning.message for warning in end.night.warnings if warning.subject == "MLflow"]
    assert "could not be written for a while" in told[0]
    assert told[-1] == "everything was written to MLflow afterwards"
    assert end.night.claim is not None
    assert missing_in_store(database.uri, EXPERIMENT, read_events(ledger)) == []
