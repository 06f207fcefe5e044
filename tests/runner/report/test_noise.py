from __future__ import annotations

import re

from fakes_night import NightWriter

from agent.noise import measure_noise
from agent.plan import NightPlan
from probes.statistics.config import RefereeConfig
from probes.statistics.power import power_table
from probes.statistics.spread import plan_noise
from probes.statistics.verdicts import CompanionUse, Interval, PowerTable
from runner.report.content import build_report
from runner.report.markdown import to_markdown
from tracking import events as ev
from tracking.night import NightRecord


def power(margin: float = 1.5, held_out: int = 8) -> PowerTable:
    items = {"private_voice": (8, held_out), "ground_truth": (8, 8)}
    noise = plan_noise("private_voice", {n: c[0] for n, c in items.items()}, {n: c[1] for n, c in items.items()}, 3)
    return power_table(noise, "private_voice", {"ground_truth": margin}, items, 16, 0.05)


def section(*events: ev.Event, calibrated: bool = True) -> str:
    """Return the report's part on noise after these events."""
    night = NightWriter()
    night.start()
    if calibrated:
        night.calibrate()
    for event in events:
        night.add(event)
    markdown = to_markdown(build_report(NightRecord.replay(night.events)), "")
    start = markdown.index("## Noise")
    return markdown[start : markdown.index("\n## ", start)]


def measured() -> ev.NoiseEstimated:
    writer = NightWriter()
    writer.start()
    writer.calibrate(8)
    record = NightRecord.replay(writer.events)
    assert record.started is not None
    plan = NightPlan(
        "s", 1, record.started.baseline, "private_voice", {}, RefereeConfig(), 60, 16, 2, {}, {}, samples=3
    )  # fmt: skip
    return ev.NoiseEstimated(at="2026-03-14T23:00:00+00:00", noise=measure_noise(record, plan))


def checked(table: PowerTable) -> ev.PowerChecked:
    return ev.PowerChecked(at="2026-03-14T23:00:00+00:00", power=table)


def test_noise_is_shown_by_source_with_intervals_and_advice() -> None:
    text = section(measured())
    for source in ("train seed, all categories alike", "train seed, one category", "train seed, one item", "sampling"):
        assert source in text
    assert re.search(r"\| sampling, one answer +\| +0\.\d\d \| +\[0\.\d\d, 0\.\d\d\] \|", text)
    assert "Advice for the next night. " in text


def test_a_source_that_cannot_be_told_is_said_to_be_so() -> None:
    event = measured()
    assert event.noise.components is not None
    unknown = event.noise.components.run.model_copy(update={"sd": None})
    clipped = event.noise.components.run.model_copy(update={"sd": 0.0, "is_clipped": True})
    parts = event.noise.components.model_copy(update={"run_item": unknown, "run": clipped})
    text = section(event.model_copy(update={"noise": event.noise.model_copy(update={"components": parts})}))
    assert re.search(r"\| train seed, one item +\| +– \| .* these runs cannot tell", text)
    assert re.search(r"\| train seed, all categories alike +\| +0\.00 \| .* too small for these runs to show", text)


def test_noise_without_scores_per_item_keeps_its_two_finer_lines() -> None:
    text = section()
    assert "one item between runs" in text
    assert "Noise by source" not in text


def test_a_measurement_fault_stands_first() -> None:
    event = measured()
    faulty = event.noise.model_copy(update={"fault": "identical scores", "target_sd": None})
    text = section(event.model_copy(update={"noise": faulty}))
    assert text.index("Measurement fault: identical scores.") < text.index("Power by category")


def test_guards_that_could_not_be_resolved_are_named_where_the_night_went_on() -> None:
    assert "Blind guard" not in section(checked(power()))
    text = section(checked(power(margin=0.2)))
    assert "Blind guard: ground_truth (margin 0.20) cannot be resolved at this noise" in text


def test_a_directional_category_is_marked_and_explained() -> None:
    assert "irectional" not in section(checked(power()))
    text = section(checked(power(held_out=6)))
    assert re.search(r"\| private_voice +\| target, directional ", text)
    assert "Directional, with fewer than 7 items on a side: private_voice" in text


def test_a_companion_is_named_with_its_correlation_and_what_it_saved() -> None:
    night = NightWriter()
    night.start()
    night.calibrate()
    noise = NightRecord.replay(night.events).noise
    assert noise is not None
    used = CompanionUse(
        name="likelihood/private_voice",
        correlation=0.69,
        interval=Interval(low=0.61, high=0.75),
        variance_saved=0.31,
    )
    for use, words in (
        (used, "likelihood/private_voice moves with the noise of private_voice: correlation +0.69"),
        (used, "it took 31 % off the variance"),
        (CompanionUse(), "No signal measured beside the scores told enough of private_voice's noise"),
    ):
        told = ev.NoiseEstimated(at=night.at(), noise=noise.model_copy(update={"companion": use}))
        assert words in section(told)
