from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import CATEGORIES, SimulatedLauncher
from fakes_blocks import block_night
from simulated_nights import faster_helps, folder, make_night, without_times

from agent.context import NightContext
from agent.night import run_night
from agent.schedule import probes_used
from probes.errors import MeasurementError
from probes.evaluation.judging.usage import tally
from probes.outcome import GenerationConfig, Measured, ProbeOutcome, ProbeStatus
from runner.config import CONTROL_PROBES
from tracking.events import ProbeFinished, ProbePlan
from tracking.night import NightRecord

Altered = Callable[[ProbePlan, ProbeOutcome], ProbeOutcome]


class Instrument(SimulatedLauncher):
    """Simulated probes whose measurement is altered on its way back."""

    def __init__(self, alter: Altered, stop_after: int | None = None) -> None:
        super().__init__(faster_helps, stop_after=stop_after)
        self.alter = alter

    def outcome(self, plan: ProbePlan) -> ProbeOutcome:
        return self.alter(plan, super().outcome(plan))


def works(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
    return outcome


def night(tmp_path: Path, alter: Altered = works) -> NightContext:
    context = make_night(tmp_path, Instrument(alter), controls=True)
    run_night(context)
    return context


def stopped(tmp_path: Path, alter: Altered) -> tuple[NightContext, str]:
    context = make_night(tmp_path, Instrument(alter), controls=True)
    with pytest.raises(MeasurementError) as error:
        run_night(context)
    return context, str(error.value)


def every_score(outcome: ProbeOutcome, score: float | None, category: str | None = None) -> ProbeOutcome:
    items = tuple(
        item.model_copy(update={"scores": (score,), "cause": "the judge refused"})
        if category in (None, item.category)
        else item
        for item in outcome.items
    )
    return outcome.model_copy(update={"items": items})


def said(outcome: ProbeOutcome, adapter: str, answers: str, distinct: int = 20) -> ProbeOutcome:
    measured = Measured(
        base="b", adapter=adapter, template="t", generation=GenerationConfig(), backend="x", backend_version="1",
        serving_mode="adapter_on_base", answers=answers, distinct_answers=distinct,
    )  # fmt: skip
    return outcome.model_copy(update={"measured": measured})


def test_a_night_begins_with_its_controls_and_goes_on_when_the_instrument_works(tmp_path: Path) -> None:
    record = night(tmp_path).night
    assert [probe.plan.arm for probe in record.probes[:4]] == ["baseline", "base", "broken", "repeat"]
    assert record.controls is not None
    target = record.controls[0]
    assert target.metric == "private_voice"
    assert target.sees_harm
    assert target.repeats
    assert target.baseline == target.repeat
    assert {reading.metric for reading in record.controls} == {*CATEGORIES, "overall"}
    assert record.claim is not None
    assert not record.flags


def test_controls_are_no_evidence_about_recipes(tmp_path: Path) -> None:
    with_controls = night(folder(tmp_path, "with")).night
    without = make_night(folder(tmp_path, "without"), SimulatedLauncher(faster_helps))
    run_night(without)
    assert with_controls.noise is not None
    assert without.night.noise is not None
    calibrations = [e for e in without.ledger.written if e.kind == "noise_estimated"][:1]  # type: ignore[attr-defined]
    assert (
        calibrations
        == [
            e.model_copy(update={"at": calibrations[0].at})
            for e in night(folder(tmp_path, "again")).ledger.written  # type: ignore[attr-defined]
            if e.kind == "noise_estimated"
        ][:1]
    )


def test_the_broken_training_and_the_base_alone_cost_a_quarter_each(tmp_path: Path) -> None:
    record = NightRecord.replay(night(tmp_path).ledger.written[:11])  # type: ignore[attr-defined]
    assert [probe.plan.arm for probe in record.probes] == ["baseline", "base", "broken", "repeat"]
    assert probes_used(record) == 3


def test_a_session_pays_for_its_controls_beside_calibration_confirmation_and_one_candidate(tmp_path: Path) -> None:
    record = NightRecord.replay(night(tmp_path).ledger.written[:11])  # type: ignore[attr-defined]
    controls = [probe for probe in record.probes if probe.plan.phase == "control"]
    assert probes_used(record) - (len(record.probes) - len(controls)) == CONTROL_PROBES


def test_a_scorer_that_always_returns_0_stops_the_night_before_calibration(tmp_path: Path) -> None:
    context, message = stopped(tmp_path, lambda plan, outcome: every_score(outcome, 0.0))
    assert "private_voice is 0.00 for the trained baseline, for the untrained base and for a model taught" in message
    assert "(commonest cause: the judge refused)" in message
    assert len(context.night.probes) == 4
    assert {flag.check for flag in context.night.flags} == {"constant scores"}
    assert [flag.subject for flag in context.night.flags if flag.stops] == ["private_voice"]


def test_an_instrument_that_scores_a_mute_model_like_a_whole_one_stops_the_night(tmp_path: Path) -> None:
    def generous(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        return every_score(outcome, 4.5) if plan.arm == "broken" else outcome

    context, message = stopped(tmp_path, generous)
    assert "the instrument cannot tell a broken model from a whole one" in message
    assert "4.50 on private_voice where the baseline scores" in message
    assert len(context.night.probes) == 4


def test_a_guard_that_never_moves_is_flagged_and_does_not_stop_the_night(tmp_path: Path) -> None:
    record = night(tmp_path, lambda plan, outcome: every_score(outcome, 10.0, "ground_truth")).night
    assert ("constant scores", "ground_truth") in {(flag.check, flag.subject) for flag in record.flags}
    assert record.claim is not None


def test_a_target_that_never_moves_stops_the_night_though_the_rest_does(tmp_path: Path) -> None:
    _, message = stopped(tmp_path, lambda plan, outcome: every_score(outcome, 7.0, "private_voice"))
    assert "its scorer measures nothing" in message


def test_a_repeat_that_scores_otherwise_stops_the_night(tmp_path: Path) -> None:
    def drifts(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        return every_score(outcome, 0.0, "ground_truth") if plan.arm == "repeat" else outcome

    _, message = stopped(tmp_path, drifts)
    assert "the same recipe with the same seed scored" in message
    assert "0.00 on ground_truth" in message


def test_a_base_that_beats_the_baseline_is_told(tmp_path: Path) -> None:
    def strong(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        return every_score(outcome, 9.0) if plan.arm == "base" else outcome

    record = night(tmp_path, strong).night
    (flag,) = record.flags
    assert (flag.check, flag.subject) == ("base", "private_voice")
    assert "without any training the base model scores 9.00" in flag.message


def test_a_broken_training_that_left_no_scores_is_told_and_the_night_goes_on(tmp_path: Path) -> None:
    def diverges(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        if plan.arm != "broken":
            return outcome
        return ProbeOutcome(key=outcome.key, status=ProbeStatus.DIVERGED, message="loss is NaN")

    record = night(tmp_path, diverges).night
    assert [flag.check for flag in record.flags] == ["harm"]
    assert record.claim is not None


def test_a_category_whose_answers_all_lose_their_score_stops_the_night_with_the_cause(tmp_path: Path) -> None:
    context, message = stopped(tmp_path, lambda plan, outcome: every_score(outcome, None, "ground_truth"))
    assert "100 % of the answers to ground_truth have no score" in message
    assert "the judge refused" in message
    assert context.night.answers.tallies["ground_truth"].lost == context.night.answers.tallies["ground_truth"].asked


def test_answers_lost_to_the_server_are_called_infrastructure_and_more_than_half_stop_the_night(tmp_path: Path) -> None:
    def parses_nothing(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        items = tuple(
            item.model_copy(update={"scores": (None,), "cause": "infrastructure: calls came as text"})
            if item.category == "ground_truth" and not item.item.endswith(("-0", "-1"))
            else item
            for item in outcome.items
        )
        return outcome.model_copy(update={"items": items})

    context, message = stopped(tmp_path, parses_nothing)
    assert message.startswith("75 % of the answers to ground_truth have no score")
    assert [flag.check for flag in context.night.flags] == ["infrastructure"]


def test_what_the_judge_lacked_is_told_once(tmp_path: Path) -> None:
    usage = tally([], ["no cache read came back"])

    def judged(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        return outcome.model_copy(update={"judge": usage})

    flags = night(tmp_path, judged).night.flags
    assert [(flag.check, flag.message, flag.stops) for flag in flags] == [("judge", "no cache read came back", False)]


def test_a_probe_that_another_model_answered_is_flagged_and_two_in_a_row_stop_the_night(tmp_path: Path) -> None:
    lied: list[int] = []

    def lies(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        if plan.number not in lied:
            return outcome
        return ProbeOutcome(
            key=outcome.key,
            status=ProbeStatus.CRASHED,
            is_mismeasured=True,
            message="MeasurementError: the base answered",
        )

    lied[:] = [8, 12]
    record = night(folder(tmp_path, "apart"), lies).night
    assert [(flag.check, flag.subject, flag.stops) for flag in record.flags] == [
        ("canary", "probe 8", False),
        ("canary", "probe 12", False),
    ]
    lied[:] = range(1, 9)
    context, message = stopped(folder(tmp_path, "together"), lies)
    assert message == "the base answered"
    assert len(context.night.probes) == 4


def test_some_lost_answers_are_flagged_once_and_count_for_nothing(tmp_path: Path) -> None:
    def loses_one(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        first = outcome.items[0].model_copy(update={"scores": (None,), "cause": "cut"})
        return outcome.model_copy(update={"items": (first, *outcome.items[1:])})

    record = night(tmp_path, loses_one).night
    (flag,) = (flag for flag in record.flags if flag.check == "unscored")
    assert flag.subject == "ground_truth"
    assert record.claim is not None


def test_three_adapters_with_the_same_answers_stop_the_night(tmp_path: Path) -> None:
    def one_model(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        return said(outcome, adapter=f"adapter-{plan.request.seed}-{plan.arm}", answers="the same")

    _, message = stopped(tmp_path, one_model)
    assert "different adapters and gave the same answers word for word" in message


def test_equal_answers_of_equal_adapters_or_of_silent_ones_are_no_fault(tmp_path: Path) -> None:
    def silent(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        return said(outcome, adapter=plan.request.key, answers="nothing", distinct=1)

    def repeated(plan: ProbePlan, outcome: ProbeOutcome) -> ProbeOutcome:
        return said(outcome, adapter="one", answers="the same")

    assert not night(folder(tmp_path, "silent"), silent).night.flags
    assert not night(folder(tmp_path, "repeated"), repeated).night.flags


@pytest.mark.parametrize(("phase", "are_told"), [("smoke", False), ("search", True)])
def test_equal_answers_of_short_trainings_are_no_fault(phase: str, are_told: bool) -> None:
    """Twelve steps of three recipes answered alike in a real night; the canary had seen each adapter answer."""
    record = NightRecord()
    for event in block_night():
        if isinstance(event, ProbeFinished) and event.plan.phase == phase:
            outcome = said(event.outcome, adapter=f"adapter-{event.plan.number}", answers="the same")
            event = event.model_copy(update={"outcome": outcome})
        record.apply(event)
    assert bool(record.answers.alike) == are_told


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_night_cut_among_its_controls_resumes_to_the_same_ledger(tmp_path: Path, after: int) -> None:
    whole = night(folder(tmp_path, "whole"))
    cut = make_night(folder(tmp_path, "cut"), Instrument(works, stop_after=after), controls=True)
    assert run_night(cut) == "interrupted"
    resumed = make_night(tmp_path / "cut", Instrument(works), cut.ledger, controls=True)  # type: ignore[arg-type]
    assert run_night(resumed) == "finished"
    assert without_times(resumed.ledger) == without_times(whole.ledger)  # type: ignore[arg-type]
