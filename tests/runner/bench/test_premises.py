"""The figures that the referee rests on: those known by hand, and those that must move one way."""

from __future__ import annotations

import pytest

from runner.bench.premises import Row, Suite, guards, noise, premises_table, resolvable, traps


def figure(rows: list[Row], case: str, by: str | None = None) -> float:
    return next(row.figure for row in rows if row.case == case and (by is None or row.by == by))


def test_noise_and_resolvable_differences_are_those_of_the_design() -> None:
    rows = noise()
    assert figure(rows, "one item, 1 answer") == pytest.approx(2.53, abs=0.01)
    assert figure(rows, "mean of all, 24 items, 3 answers") == pytest.approx(0.49, abs=0.01)
    assert figure(rows, "one category, 24 items, 3 answers") == pytest.approx(1.03, abs=0.01)
    known = {runs: figure(resolvable(), f"24 items, 3 answers, {runs} a side", "sd known") for runs in (1, 3, 8, 16)}
    assert known == pytest.approx({1: 1.73, 3: 1.00, 8: 0.61, 16: 0.43}, abs=0.005)


def test_a_test_over_items_cries_wolf_and_one_over_runs_does_not() -> None:
    rows = traps(4000, 0)
    for runs in (3, 5):
        assert figure(rows, f"paired over items, {runs} a side") > 0.08
        assert figure(rows, f"over runs, {runs} a side") < 0.06
    assert figure(rows, "best of 100 equal runs") > figure(rows, "best of 8 equal runs") > 0.5


def test_guards_pass_as_often_as_the_night_says_and_less_when_one_fell() -> None:
    rows = guards(4000, 0)
    case = f"{Suite(24, 3)}, 8 a side, margin 1.5, nothing changed"
    assert figure(rows, case, "simulated") == pytest.approx(figure(rows, case, "computed"), abs=0.03)
    fell = [row.figure for row in rows if "margin 1.5" in row.case and row.by == "simulated"]
    assert fell == sorted(fell, reverse=True)
    assert premises_table(rows).row_count == len(rows)
