from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from fakes_night import make_night
from fakes_session import SESSION, fake_surroundings
from rich.console import Console

from probes.errors import ConfigError, LedgerError
from runner.folder import SessionFolder
from runner.overrides import load_session, resolved_tables
from runner.watch import EXIT_CODES, NightWatch, watch, watch_json
from tracking import events as ev
from tracking.ledger import LedgerTail, read_events


def lines_of(folder: Path, story: str = "claim") -> list[str]:
    """A synthetic night's lines, its config one that can be read again."""
    (folder / "session.toml").write_text(SESSION)
    config = resolved_tables(load_session(folder / "session.toml"))
    events: list[ev.Event] = make_night(story)  # pyright: ignore[reportArgumentType]
    events = [e.model_copy(update={"config": config}) if isinstance(e, ev.SessionStarted) else e for e in events]
    return [event.model_dump_json() + "\n" for event in events]


class Night:
    """A night that writes some lines whenever its watcher waits, and lets go of the folder with the last."""

    def __init__(self, folder: SessionFolder, lines: list[str], step: int) -> None:
        self._folder, self._lines, self._step = folder, lines, step
        self._lock = folder.locked()
        self._lock.__enter__()
        self.waits: list[float] = []

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        with self._folder.ledger.open("a") as ledger:
            ledger.writelines(self._lines[: self._step])
        self._lines = self._lines[self._step :]
        if not self._lines:
            self._lock.__exit__(None, None, None)


def watching(tmp_path: Path, story: str = "claim", step: int = 25) -> tuple[NightWatch, Night]:
    folder = SessionFolder(tmp_path / "out")
    night = Night(folder, lines_of(tmp_path, story), step)
    return NightWatch(folder, fake_surroundings(tmp_path)), night


def test_elsewhere_than_on_a_terminal_each_change_is_one_line_until_the_end(tmp_path: Path) -> None:
    watched, night = watching(tmp_path)
    screen = Console(file=io.StringIO(), width=100)
    watch(watched, 7.0, night.pause, screen)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue().splitlines()
    assert shown[0].endswith(" starting")
    assert any("searching" in line for line in shown)
    assert "finished" in shown[-1]
    assert set(night.waits) == {7.0}
    assert watched.night.claim is not None
    assert watched.state == "finished"


def test_a_terminal_shows_the_picture_of_the_running_night(tmp_path: Path) -> None:
    watched, night = watching(tmp_path)
    screen = Console(file=io.StringIO(), width=80, force_terminal=True)
    watched.look()
    for _ in range(3):
        night.pause(0.0)
    watched.look()
    screen.print(watched.view())
    assert isinstance(screen.file, io.StringIO)
    for words in ("small", "of 36 probes", "left, until", "candidates", "c01"):
        assert words in screen.file.getvalue()
    watch(watched, 0.0, night.pause, screen)
    assert not watched.is_running


def test_machines_get_one_object_per_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched, night = watching(tmp_path, "no_claim", step=60)
    watch_json(watched, 1.0, night.pause)
    told: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0]["state"] == "starting"
    assert told[-1]["state"] == "finished"
    totals = [one["probes"]["total"] for one in told]
    assert totals == sorted(totals)


@pytest.mark.parametrize(("story", "code"), [("claim", 0), ("nothing", 0), ("interrupted", 130), ("failed", 4)])
def test_the_watch_ends_with_the_code_that_the_night_stands_for(tmp_path: Path, story: str, code: int) -> None:
    watched, night = watching(tmp_path, story, step=10_000)
    watch(watched, 0.0, night.pause, Console(file=io.StringIO()))
    assert EXIT_CODES[watched.state] == code


def test_a_night_that_was_cut_off_is_a_failure(tmp_path: Path) -> None:
    lines = lines_of(tmp_path)
    folder = SessionFolder(tmp_path / "out")
    folder.create()
    folder.ledger.write_text("".join(lines[:20]) + lines[20][:30])
    watched = NightWatch(folder, fake_surroundings(tmp_path))
    screen = Console(file=io.StringIO(), width=100)
    watch(watched, 0.0, lambda seconds: None, screen)
    assert (watched.state, EXIT_CODES[watched.state]) == ("unfinished", 4)
    screen.print(watched.view())
    assert isinstance(screen.file, io.StringIO)
    assert "no process works on it" in screen.file.getvalue()
    assert "left, until" not in screen.file.getvalue()


def test_nothing_to_watch_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no session"):
        NightWatch(SessionFolder(tmp_path / "out"), fake_surroundings(tmp_path))


def test_the_tail_of_a_ledger_gives_every_event_once_and_whole_lines_only(tmp_path: Path) -> None:
    lines = lines_of(tmp_path)
    path = tmp_path / "ledger.jsonl"
    tail = LedgerTail(path)
    assert tail.read() == []
    seen: list[ev.Event] = []
    text = "".join(lines).encode()
    for end in (*range(0, len(text), 7001), len(text)):
        path.write_bytes(text[:end])
        seen += tail.read()
    assert [event.model_dump_json() + "\n" for event in seen] == lines
    assert tail.read() == []
    with path.open("a") as ledger:
        ledger.write('{"kind": "nonsense"}\n')
    with pytest.raises(LedgerError, match=f"line {len(lines) + 1} is not an event"):
        tail.read()
    path.write_bytes(text)
    assert [event.kind for event in seen] == [event.kind for event in read_events(path)]
