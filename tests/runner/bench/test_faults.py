"""The bench of faults: what it asserts can fail, and a small share of it in the default run."""

from __future__ import annotations

import json
import random
from itertools import groupby
from pathlib import Path

import pytest
from fakes_night import make_night

from probes.outcome import ProbeStatus
from runner.bench.faults import environment, kills, provider, worker_faults
from runner.bench.faults.__main__ import faults, with_earlier
from runner.bench.faults.nights import Kind, Night, Place, phase_of
from runner.bench.faults.row import Row, measure, unequal
from tracking import events as ev


def place(folder: Path, kind: Kind = "race") -> Place:
    made = Place(folder / kind, kind)
    made.prepare()
    return made


def written(made: Place, name: str, events: list[ev.Event]) -> Night:
    night = made.night(name)
    night.out.mkdir()
    night.ledger.write_text("".join(event.model_dump_json() + "\n" for event in events))
    return night


def test_a_story_leaves_times_and_the_order_of_probes_side_by_side_out_and_nothing_else(tmp_path: Path) -> None:
    made, events = place(tmp_path), list(make_night("claim"))
    whole = written(made, "whole", events).story()
    first = next(i for i, e in enumerate(events) if isinstance(e, ev.ProbeFinished))
    second = next(i for i, e in enumerate(events) if isinstance(e, ev.ProbeFinished) and i > first)
    swapped = list(events)
    swapped[first], swapped[second] = events[second], events[first]
    later = [event.model_copy(update={"at": "2031-01-01T00:00:00.000+00:00"}) for event in swapped]
    resumed = ev.SessionResumed(at="2031-01-01T00:00:00.000+00:00", reason="killed")
    assert unequal(written(made, "swapped", [*later[:5], resumed, *later[5:]]).story(), whole) == []
    assert unequal(written(made, "short", events[:-2]).story(), whole) != []
    probe = events[first]
    assert isinstance(probe, ev.ProbeFinished)
    item = probe.outcome.items[0].model_copy(update={"scores": (0.5,)})
    other = probe.outcome.model_copy(update={"items": (item, *probe.outcome.items[1:])})
    events[first] = probe.model_copy(update={"outcome": other})
    assert "differs" in unequal(written(made, "other", events).story(), whole)[0]


def test_a_probe_that_ran_twice_or_a_changed_line_is_seen(tmp_path: Path) -> None:
    made, events = place(tmp_path), list(make_night("claim"))
    last = max(i for i, e in enumerate(events) if isinstance(e, ev.ProbeFinished)) + 1
    before = events[:last]
    kept = written(made, "kept", before).ledger.read_bytes()
    again = next(event for event in before if isinstance(event, ev.ProbeStarted))
    finished = next(event for event in before if isinstance(event, ev.ProbeFinished))
    night = written(made, "twice", [*before, again, finished])
    assert [problem.split(" ", 1)[1] for problem in kills.not_kept(before, kept, night)] == [
        "probes were measured twice",
        "finished probes were started again",
    ]
    assert kills.not_kept(before, kept, written(made, "fine", events)) == []
    assert kills.not_kept(before, kept, written(made, "lost", events[1:])) == ["lines that were written have changed"]


def test_a_night_that_ended_otherwise_is_not_survived(tmp_path: Path) -> None:
    night = written(place(tmp_path), "claim", list(make_night("claim")))
    assert worker_faults.not_survived(night, 0, ProbeStatus.CRASHED) == ["no probe failed"]
    (night.out.parent / "said.txt").write_text("oh no")
    assert worker_faults.not_survived(night, 4, ProbeStatus.CRASHED) == ["the night ended with exit code 4: oh no"]


def test_a_row_counts_what_was_not_survived_and_why() -> None:
    def attempt(number: int) -> tuple[str, list[str]]:
        if number == 2:
            raise OSError("no such disk")
        return ("search" if number else "confirm"), ["it ended"] if number == 1 else []

    row = measure("fault", "it goes on", 4, attempt)
    assert (row.tries, row.survived, row.moments) == (4, 2, {"confirm": 1, "search": 2})
    assert row.failures == ("try 1: it ended", "try 2: OSError: no such disk")


def test_moments_hit_every_phase_and_are_spread_over_the_night() -> None:
    phases = ("before", *["preflight"] * 3, *["control"] * 6, *["race"] * 60, "rehearsal", *["confirm"] * 30)
    chosen = kills.moments(phases, 20, random.Random(0), lag_s=0.1)
    assert len(chosen) == 20
    assert {phases[line] for line, _ in chosen[:6]} == set(phases)
    later = [line for line, _ in chosen[6:]]
    assert later == sorted(later)
    assert later[-1] - later[0] > 80
    assert chosen != kills.moments(phases, 20, random.Random(1), lag_s=0.1)
    assert len(kills.moments(phases, 2, random.Random(0), lag_s=0.1)) == 2


def test_a_block_a_race_and_a_rehearsal_are_phases_of_their_own() -> None:
    events = list(make_night("claim"))
    told = [phase_of(events[:number]) for number in range(len(events) + 1)]
    assert told[:2] == ["before the first line", "preflight"]
    assert [phase for phase, _ in groupby(told)][-1] == "claim and report"
    assert {"calibrate", "race", "confirm"} <= set(told)


def test_a_part_of_the_faults_leaves_the_other_rows_in_the_file(tmp_path: Path) -> None:
    def row(fault: str, survived: int) -> Row:
        return Row(fault=fault, tries=1, survived=survived, asserted="it goes on", seconds=1.0)

    file = tmp_path / "faults.json"
    assert with_earlier([row("a", 1)], file, ["a", "b"]) == [row("a", 1)]
    file.write_text(json.dumps([row(fault, 0).model_dump() for fault in ("gone", "b", "a")]))
    assert with_earlier([row("a", 1)], file, ["a", "b"]) == [row("a", 1), row("b", 0)]


def test_every_fault_of_the_worker_and_the_machine_is_a_row(tmp_path: Path) -> None:
    known = faults({"race": Place(tmp_path, "race")}, 0)
    assert set(worker_faults.STATUS) | set(environment.FAULTS) < set(known)
    assert "language-model provider down and back" in known
    killed = sum(tries for name, (tries, *_) in known.items() if name.startswith("kill -9, ") and "real" not in name)
    assert killed >= 40
    assert known["kill -9, real training"][0] == 20


@pytest.mark.slow
def test_a_killed_night_tells_the_story_of_the_uninterrupted_one(tmp_path: Path) -> None:
    row = kills.kills(place(tmp_path), tries=2, seed=5, jobs=2, fault="kill", spoil=kills.tear_last_line)
    assert row.failures == ()
    assert (row.survived, sum(row.moments.values())) == (2, 2)
    json.loads(row.model_dump_json())


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(worker_faults.STATUS))
def test_faulty_workers_are_survived(tmp_path: Path, fault: str) -> None:
    assert worker_faults.faulty_workers(place(tmp_path), fault, tries=1, jobs=1).failures == ()


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(name for name in environment.FAULTS if "MLflow" not in name))
def test_a_hostile_machine_is_survived(tmp_path: Path, fault: str) -> None:
    assert environment.environment_fault(place(tmp_path), fault, tries=1, jobs=1).failures == ()


@pytest.mark.server
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, from SQLAlchemy
@pytest.mark.parametrize("fault", sorted(name for name in environment.FAULTS if "MLflow" in name))
def test_an_mlflow_server_that_goes_away_is_survived(tmp_path: Path, fault: str) -> None:
    assert environment.environment_fault(place(tmp_path), fault, tries=1, jobs=1).failures == ()


@pytest.mark.slow
def test_a_provider_that_is_away_for_a_while_is_survived(tmp_path: Path) -> None:
    assert provider.provider_down_and_back(place(tmp_path), "away", tries=2, jobs=1).failures == ()


@pytest.mark.slow
def test_a_night_of_real_trainings_is_killed_and_goes_on(tmp_path: Path) -> None:
    row = kills.kills(place(tmp_path, "real"), tries=1, seed=3, jobs=1, fault="kill")
    assert row.failures == ()
