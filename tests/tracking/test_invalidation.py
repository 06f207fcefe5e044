"""Marking measurements as invalid: what is left of a night is the night as it stood, and nothing of it is lost."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes_night import make_night

from probes.candidate import Change
from tracking import events as ev
from tracking.headline import headline, probe_in_words
from tracking.invalidation import standing
from tracking.night import NightRecord
from tracking.results_tsv import ResultsTable, results_text
from tracking.summary import summary

OUTLASTS = {
    "open_plans", "highest_number", "invalidated", "invalidations", "marked", "first_at", "last_at", "active_s",
    "is_set_back", "stopped", "warnings", "resumes", "history", "spending",
}  # fmt: skip
"""What an invalidation leaves alone or says itself."""


def mark(events: Sequence[ev.Event], since: str, reason: str = "wrong server") -> ev.MeasurementsInvalidated:
    return ev.MeasurementsInvalidated(at=later(events[-1].at, 60), since=since, reason=reason)


def later(at: str, seconds: float) -> str:
    return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def deciding(night: NightRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(night).items() if name not in OUTLASTS}


def ends(events: Sequence[ev.Event]) -> list[int]:
    return [index for index, event in enumerate(events) if isinstance(event, ev.ProbeFinished)]


@pytest.mark.parametrize("probe", [0, 3, 5, 6, 11, 20, 25, 33])
def test_the_record_is_that_of_the_ledger_cut_there(probe: int) -> None:
    events = make_night("claim")
    cut = ends(events)[probe]
    whole = NightRecord.replay(events)
    night = NightRecord.replay([*events, mark(events, events[cut].at)])
    assert deciding(night) == deciding(NightRecord.replay(events[:cut]))
    assert night.invalidated == whole.probes[probe:]
    assert sorted(night.marked) == [p.plan.number for p in whole.probes[probe:]]
    assert night.ended == whole.probes
    assert (night.claim, night.stopped, night.is_set_back, night.withdrawn) == (None, None, True, whole.claim)
    assert night.active_s == whole.active_s, "the time was spent"


def test_everything_after_the_first_late_line_goes_whatever_its_time() -> None:
    events = make_night("claim", candidates=2)
    stepped_back = [
        event.model_copy(update={"at": "2026-03-14T20:00:00.000+00:00"}) if index > 30 else event
        for index, event in enumerate(events)
    ]
    cut = next(index for index in ends(events) if index > 20)
    assert standing(stepped_back, events[cut].at) == events[:cut]


def test_warnings_and_resumes_after_the_cut_stay() -> None:
    events = make_night("failed")
    events.append(ev.SessionResumed(at=later(events[-1].at, 5), reason="after it was failed"))
    night = NightRecord.replay([*events, mark(events, events[ends(events)[4]].at)])
    assert [warning.subject for warning in night.warnings] == ["disk"]
    assert len(night.resumes) == 1
    assert len(night.probes) == 4


def test_what_never_ended_keeps_its_number_and_is_no_measurement() -> None:
    events = make_night("interrupted")
    night = NightRecord.replay([*events, mark(events, events[ends(events)[8]].at)])
    assert list(night.open_plans.values()) == list(NightRecord.replay(events).open_plans.values())
    assert len(night.open_plans) == 1


def test_two_marks_leave_what_stood_before_both() -> None:
    events = make_night("claim")
    first, second = events[ends(events)[20]].at, events[ends(events)[8]].at
    once = [*events, mark(events, first)]
    again = [event for event in events if event.at > first][:9]
    renumbered = [_after(event, 1000.0, 100) for event in again]
    night = NightRecord.replay([*once, *renumbered])
    assert 20 < len(night.probes) < 30
    twice = NightRecord.replay([*once, *renumbered, mark(renumbered, second, "and the suite")])
    assert deciding(twice) == deciding(NightRecord.replay(events[: ends(events)[8]]))
    assert [len(each.numbers) for each in twice.invalidations] == [14, len(night.probes) - 8]
    assert {twice.marked[n].event.reason for n in range(21, 35)} == {"wrong server"}
    assert len(twice.invalidated) == len(twice.marked)


def test_a_mark_after_the_last_mark_takes_only_what_is_new() -> None:
    events = make_night("claim")
    first = events[ends(events)[20]].at
    once = [*events, mark(events, first)]
    fresh = [_after(event, 1000.0, 100) for event in events[ends(events)[20] - 1 : ends(events)[23]]]
    night = NightRecord.replay([*once, *fresh, mark(fresh, fresh[0].at, "again")])
    assert len(night.probes) == 20
    assert night.invalidations[1].numbers == tuple(100 + n for n in (21, 22, 23))


def test_an_invalidated_probe_is_told_under_the_names_of_its_time(tmp_path: Path) -> None:
    events = make_night("claim", candidates=3)
    proposed = next(event for event in events if isinstance(event, ev.CandidateProposed))
    change = Change(lane="hyperparameters", knob="dropout", before=0.0, after=0.1)
    other = proposed.model_copy(update={"candidate": proposed.candidate.model_copy(update={"change": change})})
    night = NightRecord.replay([*events, mark(events, proposed.at), _after(other, 1000.0)])
    assert night.candidates["c01"].change == change
    old = next(probe.plan for probe in night.invalidated if probe.plan.candidate == "c01")
    assert probe_in_words(night, old) == "learning_rate 0.005 → 0.01"
    (tmp_path / "results.tsv").write_text(results_text(night), encoding="utf-8")
    rows = [row for row in _rows(tmp_path / "results.tsv") if row["candidate"] == "c01"]
    assert {row["knob"] for row in rows} == {"learning_rate"}


def test_the_table_keeps_the_rows_and_says_so(tmp_path: Path) -> None:
    events = make_night("claim")
    since = events[ends(events)[20]].at
    told = [*events, mark(events, since)]
    table = ResultsTable(tmp_path / "live.tsv")
    for event in told:
        table.take(event)
    table.write()
    (tmp_path / "results.tsv").write_text(results_text(NightRecord.replay(told)), encoding="utf-8")
    assert (tmp_path / "live.tsv").read_text() == (tmp_path / "results.tsv").read_text()
    rows = _rows(tmp_path / "results.tsv")
    assert [row["probe"] for row in rows] == [str(number) for number in range(1, 35)]
    verdicts = {row["verdict"] for row in rows[20:]}
    assert verdicts == {"invalidated"}
    assert "invalidated" not in {row["verdict"] for row in rows[:20]}
    assert rows[25]["message"].endswith("wrong server")
    assert float(rows[25]["overall"]) > 0, "what was measured is still there"


def test_headline_and_summary_withdraw_the_claim() -> None:
    events = make_night("claim")
    night = NightRecord.replay([*events, mark(events, events[ends(events)[26]].at)])
    assert headline(night).startswith("What the night had claimed is withdrawn: 8 probes were invalidated since 2026-")
    page = summary(night)
    assert page["claim"]["confirmed"] is False
    assert page["stop_reason"] is None
    (told,) = page["invalidated"]
    assert (told["reason"], told["claim_withdrawn"], told["probes"]) == ("wrong server", True, list(range(27, 35)))
    counts = page["probes"]
    assert counts["invalidated"] == 8
    assert counts["total"] == sum(count for name, count in counts.items() if name != "total") == 34
    before = summary(NightRecord.replay(events))["spend"]
    assert {**page["spend"], "invalidated": 0} == before, "nothing that was spent comes back"


def test_nothing_but_starts_is_forgotten_by_the_history() -> None:
    events = make_night("claim")
    history = NightRecord.replay(events).history
    assert history == [event for event in events if not isinstance(event, ev.ProbeStarted)]


def _after(event: Any, seconds: float, number: int = 0) -> Any:
    """Return an event as it would be told so much later, its probe under another number."""
    moved = event.model_copy(update={"at": later(event.at, seconds)})
    if number and isinstance(moved, ev.ProbeStarted | ev.ProbeFinished):
        plan = moved.plan.model_copy(update={"number": moved.plan.number + number})
        moved = moved.model_copy(update={"plan": plan})
    return moved


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
