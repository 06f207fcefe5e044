from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from fakes_night import make_night
from fakes_session import fake_surroundings, write_session
from pydantic import ValidationError

from runner.alarm import AlarmHook
from runner.config import AlarmConfig
from runner.overrides import load_session
from runner.session import start_night
from tracking import events as ev

KEEPS = (sys.executable, "-c", "import sys; open('told.jsonl', 'a').write(sys.stdin.read() + '\\n')")
TELLS_ENVIRONMENT = (sys.executable, "-c", "import os, sys; sys.stdin.read(); print(sorted(os.environ))")
WARNING = ev.Warned(at="2026-03-14T23:00:00.000+00:00", subject="disk", message="nearly full; $(reboot)")


def hook(
    folder: Path, *command: str, said: list[str] | None = None, timeout_s: float = 20.0, **environ: str
) -> AlarmHook:
    config = AlarmConfig(command=command, timeout_s=timeout_s)
    told = [] if said is None else said
    return AlarmHook(config, folder, folder / "alarm.log", {**os.environ, **environ}, told.append)


def told(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "told.jsonl").read_text().splitlines()]


def is_running(pid: int) -> bool:
    """Whether a process takes part in anything; killed ones are taken away by the system, when it finds the time."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_command_gets_each_chosen_event_as_json_with_its_words(tmp_path: Path) -> None:
    alarm = hook(tmp_path, *KEEPS)
    events = [*make_night("claim"), WARNING]
    for event in events:
        alarm(event)
    assert alarm.close() == []
    heard = told(tmp_path)
    assert [event["kind"] for event in heard] == ["claim_made", "session_stopped", "warned"]
    assert heard[-1]["message"] == "nearly full; $(reboot)"
    assert heard[-1]["line"] == "warning, disk: nearly full; $(reboot)"
    assert heard[-1]["folder"] == str(tmp_path)
    assert heard[0]["claim"] == json.loads(next(e for e in events if e.kind == "claim_made").model_dump_json())["claim"]


def test_a_hanging_command_is_killed_with_its_children_and_holds_nobody_up(tmp_path: Path) -> None:
    said: list[str] = []
    alarm = hook(tmp_path, "sh", "-c", "sleep 600 & echo $! > child; wait", said=said, timeout_s=1.0)
    began = time.monotonic()
    for _ in range(3):
        alarm(WARNING)
    assert time.monotonic() - began < 0.5
    problems = alarm.close()
    assert "failed" in problems[0]
    assert "took longer than 1 s (`alarm.timeout_s`) and was killed" in problems[0]
    assert len(said) == 1
    child = int((tmp_path / "child").read_text())
    patience = time.monotonic() + 2.0
    while is_running(child) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not is_running(child)


@pytest.mark.parametrize(
    ("command", "why"),
    [(("sh", "-c", "cat; exit 7"), "exit code 7"), (("no-such-program-anywhere",), "cannot be started")],
)
def test_failures_are_counted_and_told_once(tmp_path: Path, command: tuple[str, ...], why: str) -> None:
    said: list[str] = []
    alarm = hook(tmp_path, *command, said=said)
    for _ in range(4):
        alarm(WARNING)
    assert alarm.close() == [f"`{command[0]}` failed 4 of 4 times, first: {_first(said)}; see {tmp_path / 'alarm.log'}"]
    assert why in said[0]
    assert len(said) == 1


def _first(said: list[str]) -> str:
    return said[0].removeprefix("the alarm command ").partition(";")[0]


def test_more_events_than_the_command_can_take_are_counted_and_not_kept(tmp_path: Path) -> None:
    alarm = hook(tmp_path, "sleep", "600", timeout_s=0.5)
    for _ in range(5000):
        alarm(WARNING)
    assert "came faster than" in alarm.close()[-1]


def test_the_command_sees_no_api_key_and_no_earlier_stretch(tmp_path: Path) -> None:
    alarm = hook(tmp_path, *TELLS_ENVIRONMENT, ANTHROPIC_API_KEY="secret")
    alarm.take(WARNING)
    assert alarm.close() == []
    assert not (tmp_path / "alarm.log").exists()
    alarm = hook(tmp_path, *TELLS_ENVIRONMENT, ANTHROPIC_API_KEY="secret")
    alarm(WARNING)
    assert alarm.close() == []
    assert "PATH" in (tmp_path / "alarm.log").read_text()
    assert "ANTHROPIC_API_KEY" not in (tmp_path / "alarm.log").read_text()


def test_only_kinds_of_the_ledger_can_be_chosen() -> None:
    with pytest.raises(ValidationError, match=r"got probe_exploded; known are .*probe_finished"):
        AlarmConfig(on_event=("probe_exploded", "warned"))


def test_a_night_calls_for_its_claim_and_its_end_and_tells_that_nobody_came(tmp_path: Path) -> None:
    config = load_session(write_session(tmp_path), ["budget.probes=20", 'alarm.command=["sh", "-c", "cat; exit 1"]'])
    end = start_night(config, tmp_path / "out", fake_surroundings(tmp_path))
    warning = next(warning for warning in end.night.warnings if warning.subject == "alarm")
    assert "failed 2 of 2 times" in warning.message or "failed" in warning.message
    log = (tmp_path / "out" / "logs" / "alarm.log").read_text()
    assert '"kind": "claim_made"' in log
    assert '"kind": "session_stopped"' in log
