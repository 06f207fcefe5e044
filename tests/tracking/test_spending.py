from __future__ import annotations

from typing import Any

import pytest
from fakes_night import make_night

from probes.evaluation.judging.usage import JudgeUsage
from probes.language_models.model import Usage
from runner.report.account import cost_section
from runner.report.blocks import Table
from tracking import events as ev
from tracking.headline import cost_in_words
from tracking.mlflow_rows import night_row
from tracking.night import NightRecord
from tracking.spending import Spending
from tracking.summary import spend

RATES: dict[str, Any] = {"budget": {"probes": 60, "usd": 20.0, "rates": {"device_hour": 36.0}}}
"""A cent a second."""


def turn(cost_usd: float | None, attempts: int = 1) -> ev.ModelTurn:
    return ev.ModelTurn(
        at="2026-03-14T22:30:01.000+00:00",
        question=0,
        proposer="model",
        outcome="accepted" if attempts else "skipped",
        cost_usd=cost_usd,
        attempts=attempts,
    )


def judged(event: ev.Event, usd: float | None) -> ev.Event:
    if not isinstance(event, ev.ProbeFinished):
        return event
    usage = JudgeUsage(
        answers=1, unscored=0, parse_failures=0, calls=1, rejudged=0, no_reply=0, retries=0, usage=Usage(), cost_usd=usd
    )
    return event.model_copy(update={"outcome": event.outcome.model_copy(update={"judge": usage})})


def probes(events: list[ev.Event]) -> list[ev.ProbeFinished]:
    return [event for event in events if isinstance(event, ev.ProbeFinished)]


def cost_cells(night: NightRecord) -> list[str]:
    section = cost_section(night)
    assert section is not None
    table = section.blocks[0]
    assert isinstance(table, Table)
    return [row[-1].text for row in table.rows]


def test_a_probe_costs_its_seconds_at_the_rate_and_its_judge() -> None:
    events = [judged(event, 0.5) for event in make_night("claim", config=RATES)]
    outcomes = [event.outcome for event in probes(events)]
    cost = spend(NightRecord.replay(events))
    seconds = sum(outcome.seconds for outcome in outcomes)
    assert cost["judge_usd"] == pytest.approx(0.5 * len(outcomes))
    assert cost["usd"] == pytest.approx(0.01 * seconds + 0.5 * len(outcomes))
    assert cost["train_usd"] == pytest.approx(sum(0.01 * o.training.seconds for o in outcomes if o.training))
    assert cost["evaluate_usd"] == pytest.approx(sum(0.01 * (o.evaluation_seconds or 0.0) for o in outcomes))
    parts = ("train_usd", "evaluate_usd", "other_usd", "judge_usd", "agent_usd")
    assert sum(cost[name] or 0.0 for name in parts) == pytest.approx(cost["usd"])


def test_without_a_rate_dollars_are_unknown_and_never_zero() -> None:
    night = NightRecord.replay(make_night("claim"))
    assert spend(night)["usd"] is None
    assert spend(night)["train_usd"] is None
    assert cost_in_words(night) == "–"
    assert set(cost_cells(night)) == {"–"}
    keys = {point.key for point in night_row(night).metrics}
    assert "spend/probe_s" in keys
    assert "spend/usd" not in keys


def test_a_judge_without_usage_is_charged_the_mean_of_the_others_and_counted() -> None:
    events = make_night("claim", config=RATES)
    total = len(probes(events))
    some = [judged(event, None if event is probes(events)[3] else 0.5) for event in events]
    cost = spend(NightRecord.replay(some))
    assert cost["model_usd"] == pytest.approx(0.5 * total)
    assert cost["judge_usd"] is None, "what was measured is not mixed with what was not"
    assert cost["unpriced"] == 1
    never = spend(NightRecord.replay([judged(event, None) for event in events]))
    assert never["model_usd"] is None
    assert never["usd"] is None
    assert never["train_usd"] is not None


def test_an_outcome_that_only_counts_again_is_not_paid_twice() -> None:
    events = make_night("claim", config=RATES)
    last = probes(events)[-1]
    again = last.model_copy(update={"plan": last.plan.model_copy(update={"number": 999})})
    paid = Spending()
    for event in (*events, again):
        paid.take(event)
    assert paid.all.probes == len(probes(events))
    retried = ev.ProbeStarted(at=last.at, plan=again.plan, key=last.outcome.key)
    for event in (retried, again):
        paid.take(event)
    assert paid.all.probes == len(probes(events)) + 1, "a second attempt is paid for"


def test_a_probe_that_was_cut_off_is_paid_up_to_the_last_sign_of_life() -> None:
    events = make_night("interrupted", config=RATES)
    night = NightRecord.replay(events)
    before = night.bill.usd
    assert before is not None
    night.apply(ev.SessionResumed(at="2026-03-15T08:00:00.000+00:00", reason="after it was interrupted"))
    assert night.spending.lost_s == pytest.approx(0.1), "the stop came a tenth of a second after the start"
    assert night.bill.usd == pytest.approx(before + 0.001)
    assert not night.spending.running


def test_what_an_invalidation_marks_stays_paid() -> None:
    events = make_night("claim", config=RATES)
    night = NightRecord.replay(events)
    before = night.bill
    night.apply(ev.MeasurementsInvalidated(at="2026-03-16T08:00:00.000+00:00", since=events[10].at, reason="wrong"))
    assert night.invalidated
    assert night.bill == before


def test_the_agents_questions_are_summed_and_a_failed_one_is_not_a_cost() -> None:
    night = NightRecord.replay(make_night("claim", config=RATES))
    for event in (turn(0.25), turn(0.75), turn(None, attempts=0)):
        night.apply(event)
    cost = spend(night)
    assert (cost["agent_usd"], cost["model_turns"], cost["unpriced"]) == (1.0, 2, 0)
    night.apply(turn(None))
    assert spend(night)["agent_usd"] == 1.5, "at the mean of the others"
    assert spend(night)["unpriced"] == 1


def test_the_rows_of_the_cost_table_sum_to_the_last() -> None:
    events = [judged(event, 1.0) for event in make_night("claim", config=RATES)]
    night = NightRecord.replay([*events, turn(2.5)])
    *rows, total = [float(cell.removeprefix("$").replace(",", "")) for cell in cost_cells(night)]
    assert sum(rows) == pytest.approx(total, abs=0.01 * len(rows))
    assert cost_in_words(night).startswith(f"${total:.2f} of $20.00: training $")
    assert "agent $2.50" in cost_in_words(night)
