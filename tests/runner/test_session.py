from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fakes_session import SESSION, fake_surroundings, write_rows, write_session

from agent.schedule import probes_used
from probes.errors import ConfigError, NightlabError
from runner.folder import SessionFolder, is_running
from runner.overrides import load_session
from runner.session import NightEnd, resume_night, start_night
from tracking.events import ProbeFinished, ProbeStarted, SessionResumed
from tracking.ledger import read_events

SCRIPT = """
import sys
from fakes_session import *
from runner.cli import main
main(sys.argv[2:], fake_surroundings(Path(sys.argv[1])))
"""


def run(folder: Path, *settings: str, **environment: str) -> NightEnd:
    file = write_session(folder)
    return start_night(load_session(file, settings), folder / "out", fake_surroundings(folder, **environment))


def command(folder: Path, *arguments: str, seconds: str = "0.05") -> subprocess.Popen[str]:
    """Start the real command line in a process of its own, with workers that only pretend to train."""
    tests = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": f"{tests}:{tests.parent}", "FAKE_SECONDS": seconds}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder,
    )  # fmt: skip


def wait_for(ledger: Path, enough: Callable[[str], bool], limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if ledger.is_file() and enough(ledger.read_text()):
            return
        time.sleep(0.02)
    raise AssertionError("the night did not get that far")


def finished_keys(folder: Path) -> Sequence[str]:
    events = read_events(folder / "ledger.jsonl")
    return [event.outcome.key for event in events if isinstance(event, ProbeFinished)]


def test_a_night_leaves_everything_the_contract_names(tmp_path: Path) -> None:
    end = run(tmp_path)
    assert end.night.stopped is not None
    assert end.night.stopped.stop_reason == "finished"
    for name in (
        "session.toml",
        "ledger.jsonl",
        "results.tsv",
        "progress.log",
        "summary.json",
        "report.md",
        "report.html",
    ):
        assert (end.folder.path / name).stat().st_size > 0, name
    summary = json.loads(end.folder.summary.read_text())
    assert summary["claim"]["confirmed"] is True
    assert summary["claim"]["effect"] > 0.3
    assert probes_used(end.night) <= 36
    assert len(set(finished_keys(end.folder.path))) == len(finished_keys(end.folder.path))


def test_the_written_session_file_runs_the_same_night_again(tmp_path: Path) -> None:
    end = run(tmp_path, "budget.probes=20")
    again = load_session(end.folder.config)
    assert again == load_session(tmp_path / "session.toml", ["budget.probes=20"])


def test_a_crashed_worker_does_not_end_the_night(tmp_path: Path) -> None:
    file = write_session(tmp_path)
    config = load_session(file, ["budget.probes=20", "probe.max_attempts=1"])
    around = fake_surroundings(tmp_path, FAKE_CRASH_ONCE=str(tmp_path / "crashed"))
    end = start_night(config, tmp_path / "out", around)
    assert end.night.stopped is not None
    assert end.night.stopped.stop_reason == "finished"
    assert Counter(p.outcome.status.value for p in end.night.probes)["crashed"] == 1


def test_the_weakest_category_becomes_an_automatic_target(tmp_path: Path) -> None:
    end = run(tmp_path, "target.category=auto", "budget.probes=20")
    first = next(p for p in end.night.probes if p.plan.arm == "baseline")
    means = {name: mean for name, mean in first.outcome.category_means().items() if mean is not None}
    assert end.night.target == min(means, key=lambda name: means[name])
    assert end.night.claim is not None
    assert first.plan.number == 1
    assert end.night.target_choice is not None
    assert "the baseline is weakest there" in end.night.target_choice.reason
    assert f"target: {end.night.target}, the baseline is weakest there" in end.folder.progress.read_text()
    kinds = [event.kind for event in read_events(end.folder.ledger)]
    assert kinds.index("target_settled") < kinds.index("power_checked")


def test_an_automatic_target_outlasts_an_interruption_before_it_is_settled(tmp_path: Path) -> None:
    whole = run(make(tmp_path, "whole"), "target.category=auto", "budget.probes=20")
    folder = make(tmp_path, "cut")
    cut = run(folder, "target.category=auto", "budget.probes=20")
    lines = cut.folder.ledger.read_text().splitlines(keepends=True)
    kept = next(i for i, line in enumerate(lines) if '"kind":"target_settled"' in line)
    cut.folder.ledger.write_text("".join(lines[: kept - 1]))
    cut.folder.checkpoint.unlink()
    again = resume_night(folder / "out", fake_surroundings(folder))
    assert again.night.target == whole.night.target
    assert again.night.policy == whole.night.policy


def test_the_policy_says_why_each_lane_is_open_or_closed(tmp_path: Path) -> None:
    end = run(tmp_path, "budget.probes=20")
    assert end.night.policy is not None
    lanes = {lane.lane: lane for lane in end.night.policy.lanes}
    assert (lanes["data_mix"].state, lanes["hyperparameters"].state) == ("closed", "open")
    assert "the session closes it" in lanes["data_mix"].reason
    assert end.night.policy.target.chosen_by == "session"
    assert "policy: target private_voice" in end.folder.progress.read_text()
    assert json.loads(end.folder.summary.read_text())["policy"] == end.night.policy.model_dump(mode="json")


def make(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def test_a_session_folder_is_never_overwritten(tmp_path: Path) -> None:
    end = run(tmp_path, "budget.probes=20")
    before = end.folder.ledger.read_bytes()
    with pytest.raises(ConfigError, match="already holds a session"):
        start_night(load_session(tmp_path / "session.toml"), tmp_path / "out", fake_surroundings(tmp_path))
    assert resume_night(tmp_path / "out", fake_surroundings(tmp_path)).night.claim == end.night.claim
    assert end.folder.ledger.read_bytes() == before


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        run(tmp_path)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


def test_bad_input_leaves_no_folder_behind(tmp_path: Path) -> None:
    file = write_session(tmp_path)
    write_rows(tmp_path / "rows.jsonl", drop="rejected")
    with pytest.raises(NightlabError, match="rejected"):
        start_night(load_session(file), tmp_path / "out", fake_surroundings(tmp_path))
    assert not (tmp_path / "out").exists()


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "out")
    with folder.locked():
        assert is_running(folder)
        with pytest.raises(ConfigError, match="another nightlab"), SessionFolder(tmp_path / "out").locked():
            pass
    assert not is_running(folder)


def test_a_killed_night_goes_on_and_repeats_no_finished_probe(tmp_path: Path) -> None:
    write_session(tmp_path)
    out = tmp_path / "out"
    process = command(tmp_path, "run", "session.toml", "--out", str(out), seconds="0.1")
    wait_for(out / "ledger.jsonl", lambda text: text.count('"probe_finished"') >= 7)
    process.kill()
    process.communicate()
    before = finished_keys(out)
    end = resume_night(out, fake_surroundings(tmp_path))
    after = finished_keys(out)
    assert list(after[: len(before)]) == list(before)
    assert max(Counter(after).values()) == 1
    assert end.night.claim is not None
    assert any(isinstance(event, SessionResumed) for event in read_events(out / "ledger.jsonl"))


def test_ctrl_c_once_lets_running_probes_finish(tmp_path: Path) -> None:
    write_session(tmp_path)
    out = tmp_path / "out"
    process = command(tmp_path, "run", "session.toml", "--out", str(out), seconds="0.5")
    wait_for(out / "ledger.jsonl", lambda text: text.count('"probe_finished"') >= 2)
    wait_for(out / "ledger.jsonl", lambda text: text.count('"probe_started"') > text.count('"probe_finished"'))
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=20)
    events = read_events(out / "ledger.jsonl")
    started = [event.key for event in events if isinstance(event, ProbeStarted)]
    assert process.returncode == 130
    assert sorted(started) == sorted(finished_keys(out))
    assert "interrupted" in printed
    assert "nightlab resume" in said
    assert (out / "report.md").is_file()


def test_ctrl_c_twice_stops_now(tmp_path: Path) -> None:
    write_session(tmp_path)
    out = tmp_path / "out"
    process = command(tmp_path, "run", "session.toml", "--out", str(out), seconds="20")
    wait_for(out / "ledger.jsonl", lambda text: '"probe_started"' in text)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert finished_keys(out) == []
    night = SessionFolder(out).load()
    assert night.stopped is not None
    assert night.stopped.stop_reason == "interrupted"
    assert night.open_plans


def test_changed_data_stop_a_resumed_night(tmp_path: Path) -> None:
    write_session(tmp_path)
    out = tmp_path / "out"
    process = command(tmp_path, "run", "session.toml", "--out", str(out), seconds="0.2")
    wait_for(out / "ledger.jsonl", lambda text: text.count('"probe_finished"') >= 1)
    process.kill()
    process.communicate()
    write_rows(tmp_path / "rows.jsonl", count=70)
    with pytest.raises(ConfigError, match=r"train rows\.jsonl changed"):
        resume_night(out, fake_surroundings(tmp_path))


def test_a_failed_night_says_why_in_its_ledger_and_can_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(NightlabError, match="no such device"):
        run(tmp_path, FAKE_START="fails")
    night = SessionFolder(tmp_path / "out").load()
    assert night.stopped is not None
    assert night.stopped.stop_reason == "failed"
    assert "no such device" in night.stopped.message
    assert resume_night(tmp_path / "out", fake_surroundings(tmp_path)).night.claim is not None


def test_settings_edited_in_the_folders_copy_are_not_ignored_but_refused_key_by_key(tmp_path: Path) -> None:
    with pytest.raises(NightlabError, match="no such device"):
        run(tmp_path, FAKE_START="fails")
    folder = SessionFolder(tmp_path / "out")
    written = folder.config.read_text()
    edited = written.replace("probes = 36", "probes = 60").replace("[budget]", "[budget]\nhours = 2.0")
    assert edited.count("\n") == written.count("\n") + 1
    folder.config.write_text(edited)
    before = folder.ledger.read_bytes()
    with pytest.raises(ConfigError) as caught:
        resume_night(folder.path, fake_surroundings(tmp_path))
    assert caught.value.exit_code == 2
    told = str(caught.value).partition("it was edited: ")[2].partition("; undo that")[0]
    assert set(told.split("; ")) == {"`budget.probes`: 36 → 60", "`budget.hours`: not set → 2.0"}
    for words in (str(folder.config), "is a copy", "start a new night"):
        assert words in str(caught.value)
    assert folder.ledger.read_bytes() == before
    folder.config.unlink()
    assert resume_night(folder.path, fake_surroundings(tmp_path)).night.claim is not None


def test_adapters_of_rejected_candidates_go_and_others_stay(tmp_path: Path) -> None:
    end = run(tmp_path, FAKE_ADAPTERS="1")
    kept = {path.parent.name for path in end.folder.probes.glob("*/adapter")}
    rejected, others = set[str](), set[str]()
    for probe in end.night.probes:
        reading = end.night.reading(probe.plan.candidate) if probe.plan.candidate else None
        (rejected if reading and reading.decision in ("reject", "park") else others).add(probe.outcome.key)
    assert rejected
    assert not kept & rejected
    assert others <= kept


def test_the_session_text_of_these_tests_is_valid(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_text(SESSION)
    assert load_session(tmp_path / "session.toml").name == "small"
