"""What the report and the displays make of smoke runs, blocks and knobs that collapsed."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from statistics import fmean

import pytest
from fakes import FakeClock
from fakes_blocks import MOVES, RUINED_ROW, BlockNight, block_night
from fakes_night import make_night
from fakes_session import SESSION
from rich.console import Console

from runner.display import NightDisplay
from runner.overrides import load_session
from runner.progress import line_of, question_of
from runner.report.build import write_report
from runner.report.content import build_report
from runner.report.design import grouped
from runner.report.html import to_html
from runner.report.markdown import to_markdown
from tracking import events as ev
from tracking.headline import design_in_words
from tracking.history import probe_frame
from tracking.ledger import Ledger
from tracking.mlflow_rows import night_row, plan_tags, probe_name, progress_points
from tracking.night import NightRecord
from tracking.results_tsv import results_text
from tracking.summary import summary


def record(until: str = "end") -> NightRecord:
    return NightRecord.replay(block_night(until))


def markdown(night: NightRecord) -> str:
    return to_markdown(build_report(night), "Generated.")


def section(text: str, title: str) -> str:
    return text[text.index(f"## {title}") :].split("\n## ")[0]


def cells(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("until", ["smoke", "block", "end"])
def test_the_design_section_says_why_and_in_which_state(until: str) -> None:
    text = section(markdown(record(until)), "How the search was designed")
    assert "Blocks: 52 probes are left for the search" in text
    assert ("Race: 14 probes are left" in text) == (until == "end")
    assert ("**Block 1: 7 changes in 5 probes**" in text) == (until == "block")
    assert "**Smoke runs**" in text


def test_a_block_is_a_table_of_marks_with_the_scores_below() -> None:
    night = record()
    block = night.blocks[0]
    rows = cells(section(markdown(night), "How the search was designed").split("**")[4])
    for name in block.factors:
        label = next(label for label in rows if label.startswith(f"{name} "))
        assert rows[label][1:] == ["●" if name in changes else "·" for changes in block.rows]
    scores = rows["private_voice"][1:]
    assert scores[RUINED_ROW] == "×"
    assert [float(score) for score in scores if score != "×"] == pytest.approx(
        [s for p in night.probes if p.plan.block == 1 and (s := p.metric(night.target)) is not None], abs=0.006
    )


def test_on_minus_off_leaves_out_the_row_without_a_result() -> None:
    night = record()
    scored = [(p.plan.changes, s) for p in night.probes if p.plan.block and (s := p.metric(night.target)) is not None]
    assert len(scored) == 11
    expected = fmean(s for c, s in scored if "c01" in c) - fmean(s for c, s in scored if "c01" not in c)
    rows = cells(section(markdown(night), "How the search was designed").split("**")[4])
    label = next(label for label in rows if label.startswith("c01 "))
    assert float(rows[label][0]) == pytest.approx(expected, abs=0.006)


def test_aliasing_and_presumed_interactions_stand_under_the_block() -> None:
    text = section(markdown(record()), "How the search was designed")
    assert "What block 1 cannot tell apart: each effect carries a third of every interaction" in text
    assert "c01 with c03 and c05 (learning rate and alpha / rank both scale every update)" in text
    assert "c02 with c07 (probes have a fixed number of steps" in text
    assert re.search(r"\| c05 alpha 16 → 32 \| the working recipe moved in learning_rate: ", text)


def test_what_is_in_every_row_and_mirrored_halves_are_named() -> None:
    night = BlockNight()
    night.start()
    for index in range(len(MOVES)):
        night.propose(index)
    block = night.block(2, ("c02", "c04", "c06", "c07"), folded=True)
    planned = ev.BlockPlanned(at=night.at(), block=block.model_copy(update={"fixed": ("c03",)}))
    night.events = [planned if isinstance(event, ev.BlockPlanned) else event for event in night.events]
    text = markdown(NightRecord.replay(night.events))
    assert "4 changes in 24 probes, the second half mirroring the first" in text
    assert "In every row: c03 rank 16 → 64." in text


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("a", "b")], "a with b"),
        ([("a", "b"), ("a", "c"), ("b", "c")], "a, b and c with one another"),
        ([("a", "b"), ("b", "c"), ("b", "d")], "b with a, c and d"),
        ([("a", "b"), ("c", "d")], "a with b, c with d"),
    ],
)
def test_pairs_are_told_in_few_words_and_none_is_lost(pairs: list[tuple[str, str]], words: str) -> None:
    assert grouped(pairs) == words


def test_smoke_runs_stand_in_the_order_asked_for_whichever_ended_first() -> None:
    def smoke_lines(night: NightRecord) -> list[str]:
        told = section(markdown(night), "How the search was designed").split("**Smoke runs**")[1]
        return [line for line in told.split("**")[0].splitlines() if line.startswith("| c")]

    events = block_night("smoke")
    ends = [i for i, e in enumerate(events) if isinstance(e, ev.ProbeFinished) and e.plan.phase == "smoke"]
    first, last = ends[0], ends[-1]
    events[first], events[last] = events[last], events[first]
    lines = smoke_lines(record("smoke"))
    assert len(lines) > 3
    assert smoke_lines(NightRecord.replay(events)) == lines


def test_smoke_verdicts_name_what_ruined_the_model() -> None:
    rows = cells(section(markdown(record()), "How the search was designed").split("**Block 1")[0])
    assert [rows[f"c{number:02d}"][-1] for number in (1, 2, 8)] == ["passed", "passed", "ruined the model"]
    assert float(rows["c08"][2].replace("−", "-")) < -2


def test_a_smoke_run_is_no_score_of_the_night() -> None:
    night = record()
    baseline = cells(section(markdown(night), "Scores"))["private_voice"][3]
    whole = [p for p in night.probes if p.plan.arm == "baseline" and p.plan.phase == "calibrate"]
    assert float(baseline) == pytest.approx(fmean(p.metric("private_voice") or 0.0 for p in whole), abs=0.006)
    html = to_html(build_report(night), "Generated.")
    marks = len(re.findall(r'<circle class="(?:baseline|candidate|block|final)"', html))
    assert marks == sum(p.is_completed and p.plan.phase != "smoke" for p in night.probes)
    assert "Smoke runs and controls are left out." in html
    smoke = next(p for p in night.probes if p.plan.phase == "smoke")
    assert progress_points(night, smoke) == []
    assert len(progress_points(night, night.probes[0])) == 1


def test_a_working_recipe_that_was_never_trained_by_itself_has_no_level() -> None:
    events = [e for e in block_night() if not (isinstance(e, ev.ProbeFinished) and e.plan.arm == "final")]
    html = to_html(build_report(NightRecord.replay(events)), "Generated.")
    assert html.count('class="level"') == 1
    assert to_html(build_report(record()), "Generated.").count('class="level"') == 3, "two levels and the step"


def test_only_marks_that_occur_are_in_the_legend() -> None:
    html = to_html(build_report(record()), "Generated.")
    assert '<span class="key block">row of a block</span>' in html
    race = to_html(build_report(NightRecord.replay(make_night("claim"))), "Generated.")
    assert "row of a block" not in race
    assert "without result" not in race


def test_the_cost_splits_by_purpose_and_sums() -> None:
    rows = cells(section(markdown(record()), "Cost"))
    counts = {name: int(row[0]) for name, row in rows.items() if name not in ("Phase", "---") and row[0].isdigit()}
    assert counts == {
        "calibration": 6, "smoke runs": 9, "blocks": 12, "race": 1, "rehearsal": 3, "confirmation": 8, "all": 39,
    }  # fmt: skip


def test_a_failed_row_is_named_by_its_block() -> None:
    assert re.search(r"\| #23 +\| block 1 row 8 \| diverged ", markdown(record()))


def test_a_knob_that_collapsed_has_a_narrow_safe_band_in_report_and_summary(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        for event in block_night():
            ledger.append(event)
    write_report(tmp_path)
    text = section((tmp_path / "report.md").read_text(), "Narrow safe bands")
    assert "learning_rate has a narrow safe band: 0.02 (its smoke run is 4.00 points below" in text
    assert "collapsed, 0.005 and 0.01 did not; from then on a step up was at most × 2." in text
    fragile = json.loads((tmp_path / "summary.json").read_text())["fragile"]
    assert [(knob["knob"], knob["collapsed"][0]["to"], knob["safe"]) for knob in fragile] == [
        ("learning_rate", 0.02, [0.005, 0.01])
    ]


def test_a_night_where_nothing_collapsed_has_no_such_section() -> None:
    night = record("smoke")
    night.readings.clear()
    assert "Narrow safe bands" not in markdown(night)


def test_the_summary_has_designs_blocks_and_revisits() -> None:
    page = json.loads(json.dumps(summary(record())))
    assert [design["design"] for design in page["designs"]] == ["blocks", "race"]
    assert (page["blocks"][0]["rows"], page["blocks"][0]["factors"][0]) == (12, "c01")
    assert [d["candidate"] for d in page["decisions"] if d["revisited"]] == ["c05"]


def test_results_name_the_block_the_row_and_its_changes(tmp_path: Path) -> None:
    night = record()
    (tmp_path / "results.tsv").write_text(results_text(night), encoding="utf-8")
    rows = list(csv.DictReader((tmp_path / "results.tsv").read_text().splitlines(), delimiter="\t"))
    row = rows[15]
    assert (row["lane"], row["block"], row["replicate"]) == ("block", "1", "0")
    assert row["changes"].split() == list(night.blocks[0].rows[0])
    assert row["change"] == f"block 1 row 1: {' + '.join(night.blocks[0].rows[0])}"
    assert (rows[26]["changes"], rows[26]["change"]) == ("", "block 1 row 12: no change")
    assert rows[28]["change"] == "rehearsal of the final recipe"
    assert [rows[at]["decision"] for at in (6, 7, 14)] == ["", "", "reject"], "a smoke run that passed decided nothing"
    assert probe_frame(night)["block"].drop_nulls().to_list() == [1] * 12


def test_mlflow_runs_are_named_and_tagged_by_block_and_row() -> None:
    night = record()
    plan = night.probes[15].plan
    assert probe_name(night, plan).startswith("#16 search block 1 row 1: c01 + c0")
    tags = plan_tags(night, plan)
    assert (tags["block"], tags["row"], tags["changes"]) == ("1", "1", " ".join(plan.changes))
    assert probe_name(night, night.probes[7].plan) == "#8 smoke learning_rate 0.005 → 0.01 seed 3000"
    assert night_row(night).tags["design"] == "1 block, then race"


def test_the_design_is_one_phrase() -> None:
    assert design_in_words(record("block")) == "1 block"
    assert design_in_words(NightRecord.replay(make_night("claim"))) == ""


def test_every_probe_has_a_question_and_every_event_a_line() -> None:
    night, lines = NightRecord(), list[str]()
    for event in block_night():
        night.apply(event)
        lines.append(line_of(event, night))
    questions = [question_of(probe.plan, night) for probe in night.probes]
    assert questions[6:8] == ["smoke run of the baseline", "smoke run of c01 learning_rate 0.005 → 0.01"]
    assert questions[19] == "block 1 row 5 of 12: c01 + c07"
    assert questions[28] == "rehearsal of the final recipe, replicate 1"
    assert questions[-1] == "confirm final, replicate 4"
    assert "c08 reject: its smoke run is 4.00 points below the baseline's" in lines
    assert any(line.startswith("c05 taken up again: the working recipe moved") for line in lines)


@pytest.mark.parametrize(("until", "words"), [("smoke", "smoke-testing"), ("block", "block 1: 5 of 12 rows")])
def test_the_live_view_says_what_is_going_on(tmp_path: Path, until: str, words: str) -> None:
    (tmp_path / "session.toml").write_text(SESSION)
    console = Console(file=io.StringIO(), width=100, height=60, highlight=False, force_terminal=True)
    display = NightDisplay(load_session(tmp_path / "session.toml"), console, FakeClock(), lambda used: 90.0)
    for event in block_night(until):
        display(event)
    console.print(display.view())
    assert isinstance(console.file, io.StringIO)
    assert words in console.file.getvalue()


def test_a_candidate_taken_up_again_is_shown_as_one(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_text(SESSION)
    console = Console(file=io.StringIO(), width=100, height=60, highlight=False)
    display = NightDisplay(load_session(tmp_path / "session.toml"), console, FakeClock(), lambda used: 90.0)
    events = block_night()
    revisit = next(i for i, event in enumerate(events) if isinstance(event, ev.CandidateRevisited))
    for event in events[: revisit + 1]:
        display.take(event)
    console.print(display.view())
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"c05 +alpha 16 → 32 +again", console.file.getvalue())


def test_rows_chosen_by_the_fit_are_one_table_with_a_line_per_probe() -> None:
    night = record()
    night.blocks[0] = night.blocks[0].model_copy(update={"kind": "chosen"})
    text = section(markdown(night), "How the search was designed")
    rows = cells(text.split("**Rows chosen by the fit**")[1])
    probes = [p for p in night.probes if p.plan.block == 1]
    assert "**Block 1" not in text
    assert [label for label in rows if label.startswith("#")] == [f"#{p.plan.number}" for p in probes]
    for probe in probes:
        assert all(name in rows[f"#{probe.plan.number}"][0] for name in probe.plan.changes)
