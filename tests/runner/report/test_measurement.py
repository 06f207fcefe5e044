import re
from typing import Any

from fakes_night import CATEGORIES, NightWriter, make_night

from probes.evaluation.judging.usage import JudgeUsage
from probes.language_models.model import Usage
from probes.outcome import Canary, GenerationConfig, Measured
from probes.statistics.controls import read_controls
from probes.validity import Flag
from runner.report.content import build_report
from runner.report.markdown import to_markdown
from runner.report.measurement import controls_in_words, measurement_section, measurement_summary
from tracking import events as ev
from tracking.night import NightRecord

READINGS = read_controls(
    {"private_voice": 0.7, "overall": 0.3, "ground_truth": 0.9},
    {
        "baseline": {"private_voice": 5.0, "overall": 6.0, "ground_truth": 3.0},
        "repeat": {"private_voice": 5.0, "overall": 6.0, "ground_truth": 3.0},
        "broken": {"private_voice": 0.0, "overall": 0.1, "ground_truth": 1.0},
    },
)


def night(*flags: Flag) -> NightRecord:
    writer = NightWriter()
    writer.start()
    writer.calibrate()
    record = NightRecord.replay(writer.events)
    record.apply(ev.ControlsChecked(at=writer.at(), controls=READINGS))
    for flag in flags:
        record.apply(ev.MeasurementFlagged(at=writer.at(), flag=flag))
    return record


def changed(**fields: list[Any]) -> NightRecord:
    """Return a night whose n-th probe's outcome has the n-th value of each field, the others what they had."""
    writer = NightWriter()
    writer.start()
    writer.calibrate()
    events: list[ev.Event] = []
    for event in writer.events:
        if isinstance(event, ev.ProbeFinished):
            values = {name: own.pop(0) for name, own in fields.items() if own}
            event = event.model_copy(update={"outcome": event.outcome.model_copy(update=values)})
        events.append(event)
    return NightRecord.replay(events)


def measured(number: int, closest: str | None = "adapter", **fields: Any) -> Measured:
    canary = closest and Canary.model_validate(
        {"model": "a", "prompts": 4, "differing": 4, "closest": closest, "largest_difference": 1.0}
    )
    values = {"base": "b1", "template": "t1", "backend": "vllm", "backend_version": "0.32", "answers": str(number)}
    rest = {
        "generation": GenerationConfig(),
        "serving_mode": "adapter_on_base",
        "canary": canary,
        "distinct_answers": 9,
    }
    return Measured.model_validate({**values, **rest, "adapter": f"a{number}", **fields})


def row(record: NightRecord, first: str) -> str:
    """Return the cells of the one table row that begins so."""
    text = page(record)
    start = text.index("**Answers**") if first in (*CATEGORIES, "all") else text.index("## What was measured")
    lines = re.sub(" +", " ", text[start : text.index("\n## ", start)]).splitlines()
    (found,) = [line for line in lines if line.startswith(f"| {first} |")]
    return found.removeprefix(f"| {first} | ").removesuffix(" |")


def page(record: NightRecord) -> str:
    return to_markdown(build_report(record), "now")


def test_nothing_measured_is_no_section() -> None:
    assert measurement_section(NightRecord.replay(make_night("empty"))) is None


def test_the_controls_are_shown_with_what_is_missing_and_what_was_not_seen() -> None:
    text = re.sub(" +", " ", page(night()))
    assert "| – | 5.00 | 5.00 | 0.00 | 0.70 | yes | yes |" in text
    assert "| – | 3.00 | 3.00 | 1.00 | 0.90 | no | yes |" in text
    assert "Every check of the measurements passed; nothing was flagged." in text


def test_a_flag_is_a_line_with_its_message_and_its_text_is_escaped() -> None:
    flag = Flag(check="unscored", subject="ground_truth", message="<b>judge</b> refused | twice", stops=True)
    text = page(night(flag))
    assert "nothing was flagged" not in text
    assert "\\<b>judge\\</b>" in text
    assert "refused \\| twice" in text


def test_machines_get_controls_and_flags() -> None:
    flag = Flag(check="base", subject="overall", message="m")
    found = measurement_summary(night(flag))
    assert found["flags"] == [{"check": "base", "subject": "overall", "message": "m", "stops": False}]
    first = found["controls"][0]  # type: ignore[index]
    assert (first["metric"], first["sees_harm"], first["repeats"], first["base"]) == ("private_voice", True, True, None)


def test_the_progress_line_counts_the_metrics_that_saw_the_harm() -> None:
    assert controls_in_words(READINGS) == (
        "private_voice – untrained, 5.00 baseline, 5.00 repeated, 0.00 taught silence; harm seen on 2 of 3 metrics"
    )


def test_answers_are_counted_apart_from_their_scores() -> None:
    record = night()
    items = [probe.outcome.items for probe in record.probes]
    first = [
        item.model_copy(update={"answered": 2 if item.category == "ground_truth" else 3, "scores": (1.0, None, None)})
        for item in items[0]
    ]
    rest = [tuple(item.model_copy(update={"answered": 3}) for item in own) for own in items[1:]]
    found = changed(items=[tuple(first), *rest])
    assert len(items) == 6, "six probes of eight items, three samples each: 144 answers a category"
    assert row(found, "ground_truth") == "144 | 136 | 94 % | 128"
    assert row(found, "all") == f"{144 * 6} | {144 * 6 - 8} | 99 % | {144 * 6 - 6 * 16}"
    answers = measurement_summary(found)["answers"]
    assert answers["ground_truth"] == {  # type: ignore[index]
        "asked": 144, "answered": 136, "scored": 128, "unscored": 16, "success_rate": 136 / 144,
    }  # fmt: skip


def test_answers_of_a_record_older_than_the_count_are_not_said_to_be_none() -> None:
    assert row(night(), "private_voice") == "144 | – | – | 144"
    assert set(measurement_summary(night())["answers"]) == set(CATEGORIES)  # type: ignore[call-overload]


def test_controls_and_smoke_runs_are_no_part_of_the_answers() -> None:
    writer = NightWriter()
    writer.start()
    writer.probe("smoke", "baseline", 0)
    writer.probe("control", "base", 0)
    assert "**Answers**" not in page(NightRecord.replay(writer.events))


def test_every_model_that_answered_is_named_with_how_often() -> None:
    other = {"backend": "transformers", "backend_version": "5.23"}
    record = changed(measured=[measured(1), measured(2, **other), *(measured(n) for n in range(3, 7))])
    said = row(record, "answered by")
    assert said == "vllm 0.32, adapter on base (5 probes); transformers 5.23, adapter on base (1 probe)"
    assert row(record, "base model") == "b1"
    assert row(record, "different adapters") == "6"


def test_the_canary_says_how_often_it_was_sure() -> None:
    alike = [measured(n) for n in range(1, 7)]
    assert row(changed(measured=list(alike)), "canary") == "the adapter was shown to answer in 6 of 6 probes"
    unsure = [*alike[:3], measured(4, "unclear"), measured(5, None), measured(6, "base", adapter=None)]
    said = "the adapter was shown to answer in 3 of 5 probes, unclear in 1, not looked in 1"
    assert row(changed(measured=unsure), "canary") == said
    bare = [measured(n, None, adapter=None) for n in range(6)]
    assert row(changed(measured=bare), "canary") == "no adapter was asked"


USAGE = Usage(input_tokens=1000, output_tokens=50, cache_read_tokens=400, cache_write_tokens=20)
JUDGED = JudgeUsage(
    answers=20, unscored=2, parse_failures=1, calls=21, rejudged=1, no_reply=0, retries=3, usage=USAGE, cost_usd=0.25,
    strategies={"strict": 17, "fence": 1}, models=("judge-1",),
)  # fmt: skip


def test_what_judging_took_is_summed_over_probes() -> None:
    other = JUDGED.model_copy(update={"models": ("<b>judge</b>",), "strategies": {"strict": 1}})
    record = changed(judge=[JUDGED, other])
    assert row(record, "answers judged") == "40"
    assert row(record, "without a verdict") == "4"
    assert row(record, "replies that were no verdict") == "2"
    assert row(record, "requests repeated") == "6"
    assert row(record, "how replies were read") == "fence 1, strict 18"
    assert row(record, "tokens") == "2,000 read, 800 from the cache, 40 into it, 100 written"
    assert row(record, "cost") == "$0.50"
    assert row(record, "models that answered") == "\\<b>judge\\</b>, judge-1"
    assert measurement_summary(record)["judge"]["cost_usd"] == 0.5  # type: ignore[index]


def test_an_unknown_cost_is_missing_and_a_night_without_a_judge_says_nothing_of_one() -> None:
    unknown = JUDGED.model_copy(update={"cost_usd": None, "usage": None})
    record = changed(judge=[JUDGED, unknown])
    assert (row(record, "cost"), row(record, "tokens")) == ("–", "–")
    assert "**The judge**" not in page(night())
    assert measurement_summary(night())["judge"] is None
