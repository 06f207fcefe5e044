from __future__ import annotations

import io
from pathlib import Path

import pytest
from fakes import FakeClock
from fakes_night import make_night
from fakes_session import SESSION
from rich.console import Console

from runner.display import NightDisplay
from runner.overrides import load_session
from runner.progress import ProgressLog
from tracking import events as ev


def show(folder: Path, console: Console, events: list[ev.Event]) -> str:
    (folder / "session.toml").write_text(SESSION)
    config = load_session(folder / "session.toml")
    display = NightDisplay(config, console, FakeClock(), lambda used: 90.0)
    with display:
        for event in events:
            display(event)
        console.print(display.view())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def screen(width: int = 100, **more: bool) -> Console:
    return Console(file=io.StringIO(), width=width, height=60, highlight=False, **more)


def test_without_a_terminal_there_are_plain_lines(tmp_path: Path) -> None:
    events = make_night("claim")
    text = show(tmp_path, screen(), events)
    assert "\x1b" not in text
    assert text.splitlines()[0].endswith("config c0ffee00c0ffee00")
    assert sum(line.startswith(("0", "1", "2")) and line[2] == ":" for line in text.splitlines()) >= len(events)


def test_a_terminal_shows_phase_candidates_and_time_left(tmp_path: Path) -> None:
    events = make_night("claim")
    half = [event for event in events if not isinstance(event, ev.ClaimMade | ev.SessionStopped)][: len(events) // 2]
    text = show(tmp_path, screen(force_terminal=True), half)
    for words in ("searching", "1 min 30 s left", "candidates", "c01", "learning_rate", "noise sd"):
        assert words in text


def test_running_probes_are_listed_with_their_question(tmp_path: Path) -> None:
    events = make_night("claim")
    last = next(i for i, event in enumerate(events) if isinstance(event, ev.ProbeStarted) and event.plan.candidate)
    text = show(tmp_path, screen(force_terminal=True), events[: last + 1])
    assert "running" in text
    assert "replicate 1" in text


@pytest.mark.parametrize("width", [20, 40, 200])
def test_any_width_can_be_drawn(tmp_path: Path, width: int) -> None:
    text = show(tmp_path, screen(width), make_night("claim"))
    view = text.splitlines()[len(make_night("claim")) :]
    assert all(len(line) <= width for line in view[-5:])


def test_no_color_is_respected(tmp_path: Path) -> None:
    text = show(tmp_path, screen(force_terminal=True, no_color=True), make_night("claim"))
    assert "\x1b[32m" not in text


@pytest.mark.parametrize("story", ["claim", "no_claim", "nothing", "guard_fails", "interrupted", "failed", "empty"])
def test_every_event_is_one_line_of_the_log(tmp_path: Path, story: str) -> None:
    events = make_night(story)  # pyright: ignore[reportArgumentType]
    log = ProgressLog(tmp_path / "progress.log")
    for event in events:
        log(event)
    lines = (tmp_path / "progress.log").read_text().splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == [event.at for event in events]
    assert all(line.split(" ", 1)[1].strip() for line in lines)


def test_what_others_wrote_turns_no_line_of_the_log_and_colours_none(tmp_path: Path) -> None:
    log = ProgressLog(tmp_path / "progress.log")
    for event in make_night("empty")[:1]:
        log(event)
    warned = ev.Warned(at="2026-03-14T22:00:00Z", subject="mlflow", message="\x1b[31mred\x07 \u202ekcab \ud800 half")
    log(warned)
    shown = show(tmp_path, screen(), [*make_night("empty")[:1], warned])
    for text in ((tmp_path / "progress.log").read_text(), shown):
        assert "half" in text
        assert not {"\x1b", "\x07", "\u202e", "\ud800"} & set(text)
