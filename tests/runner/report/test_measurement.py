import re

from fakes_night import NightWriter, make_night

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
