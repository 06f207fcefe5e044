from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.bench.idle import idle_share
from runner.bench.loop import main, rows_of
from runner.bench.loop_marks import Mark, marks_of, steadied


def test_a_night_is_marked_from_its_first_batch_to_its_end() -> None:
    marks = marks_of(50, knobs=20)
    assert marks[0].probes == 0
    assert 45 < marks[-1].probes < 100
    assert marks == sorted(marks)
    (row,) = rows_of([marks], 20)
    assert (row.begin, row.end, row.nights, row.per_hundredth) == (0, marks[-1].probes, 1, None)
    assert row.ms_per_probe == pytest.approx(1000 * row.seconds / row.end)
    assert 0 < row.asks_ms < row.ms_per_probe < 60


def test_a_stretch_costs_what_was_spent_within_it_and_the_median_over_nights_that_went_on() -> None:
    def night(*seconds: float) -> list[Mark]:
        return [Mark(100 * i, (spent, spent / 2, spent * 2), 1.0) for i, spent in enumerate(seconds)]

    rows = rows_of([night(0.0, 0.1, 0.3, 0.9, 1.5, 2.1), night(0.0, 0.3, 0.7), night(0.0, 0.5, 1.1, 1.7)], 9)
    assert [(row.begin, row.end, row.nights) for row in rows] == [(0, 100, 3), (100, 200, 2), (200, 500, 1)]
    assert [row.ms_per_probe for row in rows] == pytest.approx([3.0, 4.0, 6.0])
    assert [row.asks_ms for row in rows] == pytest.approx([1.5, 2.0, 3.0])
    assert [row.per_hundredth for row in rows] == [None, 1.0, pytest.approx(1.5)]
    assert [row.seconds for row in rows] == pytest.approx([0.1, 0.3, 2.1])


def test_a_slower_machine_is_seen_by_its_yardstick_and_taken_off() -> None:
    even = [Mark(10 * i, (1.0 * i, 0.5 * i, 2.0 * i), 0.1) for i in range(40)]
    slow = [Mark(mark.probes, tuple(3 * time for time in mark.spent_s), 0.3) for mark in even[:15]]
    for found, wanted in zip(steadied([even, slow]), (even, even[:15]), strict=True):
        assert [mark.spent_s for mark in found] == [pytest.approx(mark.spent_s) for mark in wanted]


def test_idle_workers_are_counted_by_waves() -> None:
    assert idle_share([12, 4], 4) == 0.0
    assert idle_share([12], 5) == pytest.approx(1 - 12 / 15)
    assert idle_share([1, 1], 16) == pytest.approx(15 / 16)


def test_the_command_writes_its_rows(tmp_path: Path) -> None:
    main(probes=40, knobs=[8, 20], idle_probes=40, workers=[1, 5], out=tmp_path)
    assert [row["knobs"] for row in json.loads((tmp_path / "loop.json").read_text())] == [8, 20]
    idle = json.loads((tmp_path / "idle.json").read_text())
    assert [row["workers"] for row in idle] == [1, 5]
    assert idle[0]["idle_share"] == 0.0 < idle[1]["idle_share"]
