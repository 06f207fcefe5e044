from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from fakes_memory import write_night
from fakes_session import fake_surroundings

from probes.errors import ConfigError
from runner.cli import main
from runner.nights.compare import Comparison, Row, compare_nights, recipe_rows, result_rows, setting_rows
from runner.nights.reading import flat, value_in_words
from runner.tables import NO_TERMINAL_WIDTH
from tracking.events import Event, ProbeFinished, ProbeStarted


def cells(rows: list[Row]) -> dict[str, tuple[str, ...]]:
    return dict(rows)


def rewrite(folder: Path, events: list[Event], **request: Any) -> None:
    """Give every probe of a night other conditions."""
    changed: list[Event] = []
    for event in events:
        if isinstance(event, ProbeStarted | ProbeFinished):
            plan = event.plan.model_copy(update={"request": event.plan.request.model_copy(update=request)})
            changed.append(event.model_copy(update={"plan": plan}))
        else:
            changed.append(event)
    (folder / "ledger.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in changed))


def two_nights(folder: Path, **request: Any) -> Comparison:
    write_night(folder / "thursday", day=13)
    events = write_night(folder / "friday", "no_claim", day=14)
    if request:
        rewrite(folder / "friday", events, **request)
    return compare_nights([folder / "thursday", folder / "friday"])


def test_nights_under_equal_conditions_show_their_levels_side_by_side(tmp_path: Path) -> None:
    comparison = two_nights(tmp_path)
    assert comparison.differences == ((), ())
    rows = cells(result_rows(comparison))
    assert rows["claim"] == ("confirmed", "not confirmed")
    assert rows["began (UTC)"] == ("2026-03-13 22:30", "2026-03-14 22:30")
    night = comparison.nights[0]
    scores = [probe.means[night.night.target] for probe in night.runs("final", "confirm")]
    known = [score for score in scores if score is not None]
    level = comparison.level(0, "final")
    assert level is not None
    assert level.value == pytest.approx(fmean(known))
    assert level.error == pytest.approx(stdev(known) / len(known) ** 0.5)
    assert rows["final level"][0] == level.words


@pytest.mark.parametrize(
    ("request_", "condition"),
    [({"samples": 2}, "samples"), ({"weights": {"private_voice": 0.5, "ground_truth": 0.5}}, "category weights")],
)
def test_levels_of_a_night_that_measured_otherwise_are_left_out(
    tmp_path: Path, request_: dict[str, Any], condition: str
) -> None:
    comparison = two_nights(tmp_path, **request_)
    assert {found.name for found in comparison.differences[1]} == {condition}
    rows = cells(result_rows(comparison))
    assert rows["baseline level"][1] == rows["final level"][1] == "not comparable"
    assert rows["baseline level"][0] != "not comparable"
    assert rows["effect"][1].startswith(("+", "−")), "what it found against its own baseline stands"


def test_recipes_show_where_they_differ_and_what_a_night_changed(tmp_path: Path) -> None:
    comparison = two_nights(tmp_path)
    rows = cells(recipe_rows(comparison))
    accepted = [one.night.candidates[name].change for one in comparison.nights for name in one.night.accepted]
    numbers = [change for change in accepted if change.lane == "hyperparameters"]
    assert numbers
    for change in numbers:
        before, after = value_in_words(change.before), value_in_words(change.after)
        assert f"{before} → {after}" in rows[change.knob]
    assert "optimizer" not in rows, "what is equal everywhere is left out"


def test_settings_that_differ_are_named_and_equal_ones_are_not(tmp_path: Path) -> None:
    write_night(tmp_path / "one", config={"budget": {"probes": 60, "hours": 8.0, "confirm_probes": 8}})
    write_night(tmp_path / "two", day=15, config={"budget": {"probes": 90, "hours": 8.0, "confirm_probes": 8}})
    rows = cells(setting_rows(compare_nights([tmp_path / "one", tmp_path / "two"])))
    assert rows == {"budget.probes": ("60", "90")}


def test_nested_tables_become_dotted_keys() -> None:
    assert flat({"a": {"b": 1, "c": {"d": [2, 3]}}, "e": {}}) == {"a.b": 1, "a.c.d": [2, 3], "e": {}}
    assert value_in_words([1, 2.50, "x"]) == "1, 2.5, x"
    assert value_in_words(()) == "none"


@pytest.mark.parametrize(("names", "words"), [(("one",), "at least two"), (("one", "one"), "named twice")])
def test_fewer_than_two_nights_are_refused(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    write_night(tmp_path / "one")
    with pytest.raises(ConfigError, match=words):
        compare_nights([tmp_path / name for name in names])


def shell(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments, fake_surroundings(folder))
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_the_command_warns_and_says_the_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_nights(tmp_path, samples=2)
    places = [str(tmp_path / name) for name in ("thursday", "friday")]
    assert shell(tmp_path, "compare", *places) == 0
    printed = capsys.readouterr().out
    first = printed.splitlines()[0]
    assert first.startswith("warning: scores of friday cannot be compared with those of thursday: samples 3 against 2.")
    assert "measure both with the same `suite.samples`" in first
    assert all(len(line) <= NO_TERMINAL_WIDTH for line in printed.splitlines()[1:])
    assert shell(tmp_path, "compare", *places, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["comparable"] is False
    assert told["nights"][1]["differences"][0]["name"] == "samples"
    assert told["nights"][1]["levels"] == {"baseline": None, "final": None}
    assert shell(tmp_path, "compare", *places, str(tmp_path / "nowhere")) == 2
