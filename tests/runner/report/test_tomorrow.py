"""What to do next follows from the night by fixed rules."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes_night import NightWriter, Story, make_night

from probes.candidate import Change
from probes.statistics.bottleneck import Bottleneck
from probes.validity import Flag
from runner.report.content import build_report
from runner.report.tomorrow import Advice, advice, recommendation
from tracking import events as ev
from tracking.headline import headline, stopping_check
from tracking.night import NightRecord

STUCK = Bottleneck.model_construct(category="ground_truth", still=4, level=5.6, lanes=("data_mix",), unclear=0)


def advised(events: Sequence[ev.Event], *stuck: Bottleneck) -> tuple[Advice, ...]:
    return advice(NightRecord.replay(events), stuck)


@pytest.mark.parametrize(
    ("story", "rule", "words"),
    [
        ("claim", "promote", "Promote the final recipe"),
        ("guard_fails", "resolve a guard", "Give ground_truth more held-out items"),
        ("interrupted", "go on", "Go on with “nightlab resume”"),
        ("failed", "remove the cause", "Remove the cause of the failure"),
        ("empty", "remove the cause", "Remove the cause of the failure"),
        ("nothing", "try what is untried", "Search dropout"),
    ],
)
def test_the_first_advice_fits_the_night(story: Story, rule: str, words: str) -> None:
    given = advised(make_night(story))
    assert given[0].rule == rule
    assert recommendation(given).startswith(words)


def test_the_first_advice_stands_at_the_top() -> None:
    night = NightRecord.replay(make_night("claim"))
    assert f"Tomorrow: {recommendation(advice(night, ()))}" in build_report(night).lede


def test_a_gain_within_noise_is_confirmed_again_only_where_that_is_affordable() -> None:
    small = advised(make_night("no_claim"))
    assert "confirm again" not in [each.rule for each in small], "0.12 points would take hundreds of probes"
    larger = [
        event.model_copy(update={"claim": event.claim.model_copy(update={"effect": 0.6, "p_value": 0.1})})
        if isinstance(event, ev.ClaimMade)
        else event
        for event in make_night("no_claim")
    ]
    again = next(each for each in advised(larger) if each.rule == "confirm again")
    # two-sample test, both sides: 2 · 2 · ((1.645 + .842) · .68 / .6)²
    assert again.do == "Confirm the final recipe again with 32 probes, both sides together"


def test_a_guard_that_surely_fell_asks_for_rows_and_not_for_probes() -> None:
    events = make_night("guard_fails")
    place = next(i for i, event in enumerate(events) if isinstance(event, ev.ClaimMade))
    made = events[place]
    assert isinstance(made, ev.ClaimMade)
    test = made.claim.guards["ground_truth"]
    fell = test.model_copy(update={"interval": test.interval.model_copy(update={"high": -0.3})})
    claim = made.claim.model_copy(update={"guards": {**made.claim.guards, "ground_truth": fell}})
    events[place] = made.model_copy(update={"claim": claim})
    assert advised(events)[0].do.startswith("Add training rows for ground_truth")


def test_what_no_lane_moves_asks_for_data() -> None:
    given = advised(make_night("nothing"), STUCK)
    assert [each.rule for each in given[:2]] == ["collect data", "try what is untried"]
    assert "4 changes left it at 5.60" in given[0].because


def test_a_space_that_is_searched_through_sends_elsewhere() -> None:
    events = [
        event.model_copy(update={"space": {}}) if isinstance(event, ev.SessionStarted) else event
        for event in make_night("nothing", candidates=1)
    ]
    (only,) = advised(events)
    assert only.rule == "look elsewhere"
    assert "no gain above 0.94 points" in only.because


def stopped_by(flag: Flag, message: str) -> NightRecord:
    night = NightWriter()
    night.start()
    night.calibrate(3)
    night.add(ev.MeasurementFlagged(at=night.at(), flag=flag))
    night.stop("failed", message)
    return NightRecord.replay(night.events)


def test_a_night_that_a_check_stopped_says_which_and_sends_to_the_instrument() -> None:
    flag = Flag(check="harm", subject="private_voice", message="a broken model scores as a whole one", stops=True)
    night = stopped_by(flag, f"MeasurementError: {flag.message}")
    assert headline(night) == (
        "The night was stopped by the check “harm” on private_voice after 3 probes; nothing is claimed."
    )
    given = advice(night, ())
    assert given[0].do.endswith("the check “harm” stopped this one on private_voice")
    assert given[0].because == flag.message


def test_a_failure_that_is_not_the_flags_is_not_laid_on_it() -> None:
    flag = Flag(check="harm", subject="private_voice", message="a broken model scores as a whole one", stops=True)
    night = stopped_by(flag, "OSError: the disk is full")
    assert stopping_check(night) is None
    assert "stopped by a failure" in headline(night)
    assert advice(night, ())[0].because == "OSError: the disk is full"


def test_a_change_accepted_at_the_end_of_its_range_asks_for_a_wider_one() -> None:
    lanes = {"hyperparameters": {"rank": {"values": [4, 16, 64]}, "learning_rate": {"low": 1e-4, "high": 1.0}}}
    wide = [each.do for each in advised(make_night("claim", config={"lanes": lanes}))]
    assert "Widen the range of rank" in wide
    assert "Widen the range of learning_rate" not in wide


@pytest.mark.parametrize(("weight", "is_asked"), [(0.0, False), (2.0, True)])
def test_nothing_lies_below_zero(weight: float, is_asked: bool) -> None:
    lanes = {"data_mix": {"drafts": {"weights": [0.0, 1.0, 2.0]}}}
    change = Change(lane="data_mix", knob="drafts", before=1.0, after=weight)

    def weighed(event: ev.Event) -> ev.Event:
        if not isinstance(event, ev.CandidateProposed) or event.candidate.change.knob != "rank":
            return event
        return event.model_copy(update={"candidate": event.candidate.model_copy(update={"change": change})})

    wide = [each.do for each in advised([weighed(event) for event in make_night("claim", config={"lanes": lanes})])]
    assert ("Widen the range of drafts" in wide) is is_asked
