"""The sessions beside a night: which are found, what is believed of their memory files, what is left alone."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from fakes_memory import project_of, write_night

from tracking import events as ev
from tracking.ledger import read_events
from tracking.memory.known import EarlierNights
from tracking.memory.learn import learn
from tracking.memory.siblings import MEMORY, Neighbourhood, look_around, peek, recall
from tracking.night import NightRecord


def look(results: Path, project: str, seed: int = 7, running: tuple[str, ...] = ()) -> Neighbourhood:
    return look_around(results / "tonight", project, seed, lambda path: path.name in running)


def append(folder: Path, *events: ev.Event) -> None:
    with (folder / "ledger.jsonl").open("a") as file:
        file.writelines(event.model_dump_json() + "\n" for event in events)


def test_finished_nights_are_remembered_and_their_memory_is_written_once(tmp_path: Path) -> None:
    write_night(tmp_path / "a")
    project = project_of(tmp_path / "a")
    first = look(tmp_path, project)
    written = (tmp_path / "a" / MEMORY).read_bytes()
    (tmp_path / "a" / "ledger.jsonl").touch()
    assert look(tmp_path, project) == first
    assert (tmp_path / "a" / MEMORY).read_bytes() == written
    assert [night.session for night in first.finished] == ["a"]
    assert len(written) < (tmp_path / "a" / "ledger.jsonl").stat().st_size / 10


def test_a_memory_saves_reading_the_ledger(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write_night(folder)
    night = recall(folder, project_of(folder))
    ledger = (folder / "ledger.jsonl").read_bytes()
    middle = len(ledger) // 3
    (folder / "ledger.jsonl").write_bytes(ledger[:middle] + b"#" + ledger[middle + 1 :])
    assert recall(folder, project_of(folder)) == night


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"version": 1', '"version": 0'),
        lambda text: text.replace('"confirmed": true', '"confirmed": false'),
        lambda text: "",
        lambda text: "[]",
    ],
)
def test_a_damaged_or_changed_memory_is_built_again(tmp_path: Path, damage: object) -> None:
    folder = tmp_path / "a"
    write_night(folder)
    night = recall(folder, project_of(folder))
    whole = (folder / MEMORY).read_text()
    (folder / MEMORY).write_text(damage(whole))  # type: ignore[operator]
    assert recall(folder, project_of(folder)) == night
    assert (folder / MEMORY).read_text() == whole


def test_a_memory_of_an_older_state_of_the_ledger_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder, "no_claim")
    old = recall(folder, project_of(folder))
    claim = next(event for event in events if isinstance(event, ev.ClaimMade))
    append(folder, claim.model_copy(update={"claim": claim.claim.model_copy(update={"p_value": 0.5})}))
    assert recall(folder, project_of(folder)).test != old.test


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path: Path) -> None:
    write_night(tmp_path / "a")
    (tmp_path / "a" / MEMORY).mkdir()
    assert [night.session for night in look(tmp_path, project_of(tmp_path / "a")).finished] == ["a"]


def test_what_cannot_be_used_is_named_with_its_reason(tmp_path: Path) -> None:
    write_night(tmp_path / "good")
    write_night(tmp_path / "strange", item="another item")
    write_night(tmp_path / "cut", "interrupted")
    write_night(tmp_path / "lost")
    shutil.rmtree(tmp_path / "lost" / "suite")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ledger.jsonl").write_text("nonsense\n")
    (tmp_path / "bench").mkdir()
    (tmp_path / "LOG.md").write_text("no session")
    found = look(tmp_path, project_of(tmp_path / "good"))
    assert [night.session for night in found.finished] == ["good"]
    reasons = {night.session: night.reason for night in found.others}
    assert reasons["strange"] == "another project: other items or another base model"
    assert reasons["cut"] == "not finished"
    assert "items are gone" in reasons["lost"]
    assert "cannot be read" in reasons["broken"]
    assert set(reasons) == {"strange", "cut", "lost", "broken"}
    assert not (tmp_path / "strange" / MEMORY).exists()


def test_tonights_own_folder_and_copies_of_a_night_do_not_count(tmp_path: Path) -> None:
    write_night(tmp_path / "a")
    write_night(tmp_path / "tonight")
    shutil.copytree(tmp_path / "a", tmp_path / "a-backup")
    assert len(look(tmp_path, project_of(tmp_path / "a")).finished) == 1


def test_unfinished_nights_count_as_running_only_while_a_process_works_on_them(tmp_path: Path) -> None:
    write_night(tmp_path / "a", "interrupted")
    write_night(tmp_path / "b")
    project = project_of(tmp_path / "a")
    assert look(tmp_path, project).running == 0
    assert look(tmp_path, project, running=("a", "b")).running == 1


def test_a_resumed_night_is_not_finished_and_late_warnings_change_nothing(tmp_path: Path) -> None:
    write_night(tmp_path / "a")
    assert peek(tmp_path / "a").finished
    append(tmp_path / "a", ev.Warned(at="2026-03-15T00:00:00+00:00", subject="MLflow", message="went away"))
    assert peek(tmp_path / "a").finished
    append(tmp_path / "a", ev.SessionResumed(at="2026-03-15T01:00:00+00:00", reason="again"))
    assert not peek(tmp_path / "a").finished


def test_every_night_with_the_same_session_seed_gets_a_series_of_its_own(tmp_path: Path) -> None:
    write_night(tmp_path / "a")
    project = project_of(tmp_path / "a")
    assert look(tmp_path, "another project").series == 0
    assert look(tmp_path, project, seed=8).series == 0
    assert look(tmp_path, project, seed=7).series == 1
    events = write_night(tmp_path / "b", "interrupted")
    known = EarlierNights(project=project, conditions="c", claim=_claim(tmp_path), series=3)
    text = [events[0], ev.EarlierNightsRead(at=events[0].at, earlier=known), *events[1:]]
    (tmp_path / "b" / "ledger.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in text))
    assert look(tmp_path, project, seed=7).series == 4
    assert NightRecord.replay(read_events(tmp_path / "b" / "ledger.jsonl")).earlier == known


def _claim(results: Path) -> object:
    from fakes_memory import tonight_like

    return learn(tonight_like(read_events(results / "a" / "ledger.jsonl"), results / "a"), []).claim


def test_the_memory_names_no_place_of_this_machine(tmp_path: Path) -> None:
    write_night(tmp_path / "a")
    recall(tmp_path / "a", project_of(tmp_path / "a"))
    text = (tmp_path / "a" / MEMORY).read_text()
    assert str(tmp_path) not in text
    assert os.sep + "base" not in json.dumps(json.loads(text)["night"])
