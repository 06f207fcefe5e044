"""Safe bands per knob, the heat map, and negative results as results."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fakes_night import CATEGORIES, NightWriter, baseline, changed_recipe, make_night

from probes.candidate import Candidate, Change
from probes.statistics.verdicts import Interval
from runner.report.blocks import KnobCharts, Table
from runner.report.content import build_report
from runner.report.heat import heat_map
from runner.report.html import to_html
from runner.report.negatives import finding_of, negatives_section
from runner.report.sensitivity import sensitivities, sensitivity_section, sensitivity_summary
from runner.report.small_charts import knob_scale
from tracking import events as ev
from tracking.night import NightRecord

Step = tuple[Any, Any, float, tuple[str, ...]]
"""Before, after, effect, guards harmed."""


def swept(knob: str, *steps: Step, lane: str = "hyperparameters") -> NightRecord:
    night = NightWriter()
    night.start()
    night.calibrate(3)
    for number, (before, after, effect, harmed) in enumerate(steps, start=1):
        name = f"c{number:02d}"
        recipe = changed_recipe(baseline(), lane, knob, after)
        change = Change.model_validate({"lane": lane, "knob": knob, "before": before, "after": after})
        candidate = Candidate(id=name, change=change, parent=baseline().fingerprint, recipe=recipe, proposer="optuna")
        night.add(ev.CandidateProposed(at=night.at(), candidate=candidate))
        decision = "reject" if harmed or effect < 0 else "park"
        reading = night.reading(effect, 0.5, decision, list(harmed), 2)
        night.add(ev.CandidateDecided(at=night.at(), candidate=name, reading=reading))
    return NightRecord.replay(night.events)


GUARD = "ground_truth"


def test_the_safe_band_ends_before_the_first_value_that_harmed() -> None:
    night = swept(
        "rank", (16, 32, 0.4, ()), (32, 64, 0.1, (GUARD,)), (64, 128, 0.2, ()), (16, 8, -0.1, ()), (16, 4, -0.2, ())
    )
    (rank,) = sensitivities(night)
    assert rank.band == (4, 8, 16, 32), "128 lies beyond a value that harmed"
    assert [step.value for step in rank.steps] == [4, 8, 32, 64, 128]


def test_steps_add_up_to_levels_against_the_baseline() -> None:
    (rank,) = sensitivities(swept("rank", (16, 32, 0.4, ()), (32, 64, 0.3, ())))
    assert [step.level for step in rank.steps] == pytest.approx([0.4, 0.7])


def test_a_value_that_surely_lowers_the_target_is_not_safe() -> None:
    (rank,) = sensitivities(swept("rank", (16, 32, -2.0, ())))
    assert rank.band == (16,)
    assert "private_voice −2.00" in rank.steps[0].harm


def test_words_have_a_band_but_no_order_and_no_chart() -> None:
    night = swept(
        "order", ("shuffle", "easy_first", 0.1, ()), ("shuffle", "source_last", 0.1, (GUARD,)), lane="curriculum"
    )
    (order,) = sensitivities(night)
    assert order.band == ("shuffle", "easy_first")
    section = sensitivity_section(night)
    assert section is not None
    assert not any(isinstance(block, KnobCharts) for block in section.blocks)


def test_a_knob_that_was_not_read_claims_no_band_beyond_the_baseline() -> None:
    night = NightWriter()
    night.start()
    change = Change(lane="hyperparameters", knob="rank", before=16, after=32)
    candidate = Candidate(id="c01", change=change, parent="p", recipe=baseline(), proposer="optuna")
    night.add(ev.CandidateProposed(at=night.at(), candidate=candidate))
    (rank,) = sensitivities(NightRecord.replay(night.events))
    assert rank.band == (16,)
    assert rank.steps[0].level is None


def test_charts_share_one_scale_that_holds_zero_and_every_interval() -> None:
    section = sensitivity_section(NightRecord.replay(make_night("claim")))
    assert section is not None
    charts = next(block for block in section.blocks if isinstance(block, KnobCharts))
    y = knob_scale(charts)
    ends = [
        end for chart in charts.charts for point in chart.points for end in (point.low, point.high) if end is not None
    ]
    assert y.low <= min(0.0, *ends)
    assert y.high >= max(0.0, *ends)


def test_the_summary_has_the_bands() -> None:
    found = {each["knob"]: each for each in sensitivity_summary(NightRecord.replay(make_night("claim")))}
    assert found["learning_rate"]["safe_band"] == [0.005, 0.01]
    assert found["order"]["safe_band"] == ["shuffle", "easy_first"]


def test_the_heat_map_has_target_and_guards_of_every_change_and_says_in_signs_what_it_tints() -> None:
    night = NightRecord.replay(make_night("claim"))
    (table,) = heat_map(night)
    assert isinstance(table, Table)
    assert [column.title for column in table.columns[1:]] == [
        "private_voice",
        *sorted(set(CATEGORIES) - {"private_voice"}),
    ]
    assert len(table.rows) == len(night.candidates)
    harmed = [cell for row in table.rows for cell in row if cell.text.endswith("▼")]
    assert [cell.text for cell in harmed] == ["−1.90 ▼"]
    assert harmed[0].heat == -1.0
    html = to_html(build_report(night), "Generated.")
    assert re.search(r'class="bad number heat-4">−1.90 ▼', html)


def test_a_guard_that_only_all_changes_together_break_shows_by_how_much() -> None:
    night = NightRecord.replay([together(event) for event in make_night("claim")])
    (table,) = heat_map(night)
    assert isinstance(table, Table)
    marked = [cell for row in table.rows for cell in row if cell.text.endswith("▼")]
    assert [cell.text for cell in marked] == ["−0.71 (−2.10) ▼"], "a mark never stands on a figure within the margin"
    assert marked[0].heat == pytest.approx(-0.71 / 1.5)
    assert "in brackets, together with all that was accepted" in str(table.note)


def together(event: ev.Event) -> ev.Event:
    """Return an event whose harmed guards fall beyond their margin only with all that was accepted."""
    if not isinstance(event, ev.CandidateDecided):
        return event
    guards = {
        name: guard.model_copy(update={"effect": -0.71, "total": -2.1}) if guard.state == "harmful" else guard
        for name, guard in event.reading.guards.items()
    }
    return event.model_copy(update={"reading": event.reading.model_copy(update={"guards": guards})})


def test_changes_that_are_not_taken_are_results() -> None:
    night = swept("rank", (16, 32, 0.9, ()), (16, 8, -0.7, ()), (16, 4, -2.0, ()), (16, 64, 0.1, (GUARD,)))
    assert [finding_of(night, f"c{number:02d}") for number in (1, 2, 3, 4)] == [
        "helps, but was left out",
        "no gain worth having",
        "lowers the target",
        "harms a guard",
    ]
    section = negatives_section(night)
    assert section is not None
    table = section.blocks[1]
    assert isinstance(table, Table)
    assert [row[1].text for row in table.rows][:2] == ["harms a guard", "lowers the target"]


def test_an_interval_that_is_not_known_cannot_tell() -> None:
    night = swept("rank", (16, 32, 0.1, ()))
    reading = night.readings["c01"][-1]
    night.readings["c01"][-1] = reading.model_copy(update={"interval": Interval(low=None, high=None)})
    assert finding_of(night, "c01") == "cannot tell"


def test_a_night_that_took_everything_has_no_negative_results() -> None:
    assert negatives_section(NightRecord.replay(make_night("claim", candidates=1))) is None
