from __future__ import annotations

import io
from datetime import UTC, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes_night import NightWriter
from fakes_session import SESSION, fake_surroundings, write_session
from rich.console import Console

from runner.ending import ends_at
from runner.outlook import EarlierProbe, Outlook, earlier_probe, unpaid
from runner.overrides import load_session
from runner.plan_view import plan_view
from runner.session import start_night
from runner.tables import show_view

NOW = "2026-03-14T22:30:00.000+00:00"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "22:30"),
        (-60, "22:30"),
        (3600, "23:30"),
        (8 * 3600, "tomorrow 06:30"),
        (2 * 86400, "Mon 16 Mar 22:30"),
    ],
)
def test_the_end_is_a_time_of_day_with_its_day_where_it_is_not_today(seconds: float, words: str) -> None:
    assert ends_at(NOW, seconds, UTC) == words


def test_today_is_the_readers_today() -> None:
    assert ends_at(NOW, 3600, timezone(timedelta(hours=2))) == "01:30"
    over_the_change = ends_at("2026-03-28T22:00:00+00:00", 8 * 3600, ZoneInfo("Europe/Berlin"))
    assert over_the_change == "tomorrow 08:00", "the clocks went forward in that night"


def planned(folder: Path, known: EarlierProbe | None, *settings: str, width: int | None = None) -> str:
    (folder / "session.toml").write_text(SESSION)
    config = load_session(folder / "session.toml", settings)
    outlook = Outlook(config, 2, NightWriter().power(), ("hyperparameters", "curriculum"), known, NOW)
    screen = Console(file=io.StringIO(), width=width or 140, force_terminal=width is not None, color_system=None)
    show_view(plan_view(outlook), screen)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


KNOWN = EarlierProbe("small-1", 60.0, 0.5)
RATE = "budget.rates.device_hour=30"


def test_the_phases_add_up_to_the_budget(tmp_path: Path) -> None:
    rows = {line.split()[0]: line.split() for line in planned(tmp_path, KNOWN, RATE).splitlines()[2:8] if line}
    counts = {name: int(row[1]) for name, row in rows.items() if name != "phase"}
    assert counts == {"controls": 2, "calibrate": 4, "search": 18, "confirm": 12, "all": 36}
    assert sum(counts.values()) == 2 * counts["all"]
    assert rows["all"][2:5] == ["18", "min", "00"], "36 probes of a minute on two workers"
    assert "$18.00" in rows["all"]
    without = planned(tmp_path, KNOWN, "referee.controls=false")
    assert "controls" not in without


def test_what_is_not_known_is_said_and_has_no_column(tmp_path: Path) -> None:
    text = planned(tmp_path, None, "budget.hours=8", RATE)
    assert "time" not in text.splitlines()[2]
    assert "Expected end: not known before the first probes; at the latest" in text
    assert "(8 h)" in text
    assert "what a probe costs is not known before the first one" in text
    assert "no rate" in planned(tmp_path, None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((), "in about 18 min 00 s."),
        (("budget.hours=1",), "in about 18 min 00 s, at the latest"),
        (("budget.hours=0.1",), "when its 0.1 h are over"),
        (("budget.usd=10",), "in about 10 min 00 s."),
        (("budget.usd=10",), "Expected cost: $10.00, it ends at $10.00"),
        (("budget.usd=100",), "Expected cost: $18.00, it ends at $100.00"),
        (("budget.usd=5",), "19 probes are about $9.50; raise `budget.usd`"),
        (("budget.hours=0.1",), "confirmation: 19 probes are about 10 min 00 s; raise `budget.hours`"),
    ],
)
def test_the_first_limit_that_is_reached_ends_the_night(tmp_path: Path, settings: tuple[str, ...], words: str) -> None:
    assert words in planned(tmp_path, KNOWN, RATE, *settings)


SAME = KNOWN._replace(is_same_work=True)
"""16 probes of calibration and confirmation take 8 min on two workers and cost $8."""


@pytest.mark.parametrize(
    ("known", "settings", "words"),
    [
        (SAME, ("budget.hours=0.13",), ["`budget.hours` must", "got 0.13 h", "16 probes need 8 min 00 s", "small-1"]),
        (SAME, ("budget.usd=7.9", RATE), ["`budget.usd` must", "got $7.90", "16 probes need $8.00", "small-1"]),
        (SAME, ("budget.hours=0.14", "budget.usd=8", RATE), []),
        (KNOWN, ("budget.hours=0.001", "budget.usd=0.01", RATE), []),
        (None, ("budget.hours=0.001", "budget.usd=0.01", RATE), []),
    ],
)
def test_a_limit_is_refused_only_where_it_certainly_pays_for_no_confirmation(
    tmp_path: Path, known: EarlierProbe | None, settings: tuple[str, ...], words: list[str]
) -> None:
    (tmp_path / "session.toml").write_text(SESSION)
    said = unpaid(load_session(tmp_path / "session.toml", settings), 2, known)
    assert len(said) == bool(words)
    assert all(word in "".join(said) for word in words), said


def test_the_plan_says_what_could_be_seen_and_fits_a_narrow_terminal(tmp_path: Path) -> None:
    text = planned(tmp_path, KNOWN, RATE, width=80)
    assert "a gain of 0.94 is confirmed" in " ".join(text.split())
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_pace_of_an_earlier_night_is_found_by_its_name_wherever_it_lies(tmp_path: Path) -> None:
    file = write_session(tmp_path)
    config = load_session(file, ["budget.probes=19"])
    start_night(config, tmp_path / "results" / "friday", fake_surroundings(tmp_path))
    rated = load_session(file, ["budget.rates.device_hour=3600"])
    found = earlier_probe(rated, tmp_path / "results")
    assert found is not None
    assert found.session == "friday"
    assert found.usd == pytest.approx(found.seconds)
    assert found.is_same_work
    assert earlier_probe(load_session(file, ["name=other"]), tmp_path / "results") is None


def test_an_earlier_night_of_other_work_does_not_tell_what_tonight_needs(tmp_path: Path) -> None:
    file = write_session(tmp_path)
    start_night(load_session(file, ["budget.probes=19"]), tmp_path / "results" / "friday", fake_surroundings(tmp_path))
    for setting in ("probe.steps=4", "recipe.rank=2", "suite.samples=2"):
        found = earlier_probe(load_session(file, [setting]), tmp_path / "results")
        assert found is not None
        assert not found.is_same_work
