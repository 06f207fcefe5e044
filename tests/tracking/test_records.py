"""The flat views of a night: table, frames, summary, sentence, figures, provenance."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fakes_night import CATEGORIES, NightWriter, Story, make_night

from probes.errors import LedgerError
from probes.evaluation.judging.usage import Judgement, JudgeUsage, tally
from probes.outcome import ProbeStatus
from probes.statistics.verdicts import Interval
from tracking import events as ev
from tracking.atomic import replace_text
from tracking.figures import Kind, show, show_effect, show_interval
from tracking.headline import headline
from tracking.history import candidate_frame, probe_frame, read_night
from tracking.ledger import Ledger
from tracking.mlflow_rows import night_row
from tracking.night import NightRecord
from tracking.provenance import collect_provenance, commit_of
from tracking.results_tsv import ROWS_PER_WRITE, ResultsTable, results_text, show_cell
from tracking.summary import spend, summary


def _night(story: Story = "claim", **options: Any) -> NightRecord:
    return NightRecord.replay(make_night(story, **options))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_results_have_one_row_per_probe_with_every_column_of_the_contract(tmp_path: Path) -> None:
    night = _night("failed")
    (tmp_path / "results.tsv").write_text(results_text(night), encoding="utf-8")
    rows = _rows(tmp_path / "results.tsv")
    assert len(rows) == len(night.probes)
    contract = [
        "commit",
        "time",
        "lane",
        "change",
        "seed",
        "steps",
        *CATEGORIES,
        "overall",
        "critical_failures",
        "verdict",
    ]
    assert set(contract) <= set(rows[0])
    assert all(row["lane"] for row in rows)


def test_a_failed_probe_has_empty_scores_and_never_zero(tmp_path: Path) -> None:
    night = _night("failed")
    (tmp_path / "results.tsv").write_text(results_text(night), encoding="utf-8")
    failed = next(row for row in _rows(tmp_path / "results.tsv") if row["status"] == "diverged")
    assert [failed[name] for name in (*CATEGORIES, "overall", "critical_failures")] == [""] * 8
    assert (failed["steps"], failed["completion"]) == ("31", "0.3875")
    row = probe_frame(night).filter(pl.col("status") == "timed_out").row(0, named=True)
    assert [row[name] for name in (*CATEGORIES, "overall", "target", "critical_failures")] == [None] * 9


def test_overall_is_the_unweighted_mean_of_the_categories() -> None:
    frame = probe_frame(_night())
    means = frame.select(pl.mean_horizontal(*CATEGORIES)).to_series()
    assert frame["overall"].to_list() == pytest.approx(means.to_list())


def test_the_table_follows_the_night_and_learns_verdicts_later(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    table = ResultsTable(path)
    events = make_night()
    before_verdict = next(i for i, event in enumerate(events) if isinstance(event, ev.CandidateDecided))
    for event in events[:before_verdict]:
        table(event)
    assert [row["verdict"] for row in _rows(path)][-1] == ""
    table(events[before_verdict])
    assert [row["verdict"] for row in _rows(path)][-1] == "superior"
    for event in events[before_verdict + 1 :]:
        table(event)
    live = path.read_text()
    path.write_text(results_text(NightRecord.replay(events)), encoding="utf-8")
    assert path.read_text() == live


def test_in_a_long_night_the_table_lags_by_little_and_a_probe_costs_no_more_rows(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    table = ResultsTable(path)
    events = make_night("interrupted", candidates=100)
    finished, rows_written, changes, written_at = 0, 0, 0, -1
    for event in events:
        table(event)
        finished += isinstance(event, ev.ProbeFinished)
        changes += isinstance(event, ev.ProbeFinished | ev.CandidateDecided)
        if path.exists() and path.stat().st_mtime_ns != written_at:
            written_at, rows_written = path.stat().st_mtime_ns, rows_written + finished
        assert not finished or finished - len(_rows(path)) <= finished / ROWS_PER_WRITE
    assert finished > 2 * ROWS_PER_WRITE
    assert rows_written < ROWS_PER_WRITE * changes
    live = path.read_text()
    path.write_text(results_text(NightRecord.replay(events)), encoding="utf-8")
    assert path.read_text() == live


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0, "0"),
        (True, "true"),
        (0.1 + 0.2, "0.3"),
        ("a\tb\nc", r"a\tb\nc"),
        ('"x', '"""x"'),
        ("a\u2028b", "a b"),
    ],
)
def test_cells_stay_in_their_cell(value: Any, shown: str) -> None:
    assert show_cell(value) == shown


def test_a_category_named_like_a_column_does_not_hide_it(tmp_path: Path) -> None:
    night = _night("interrupted", candidates=1)
    first = night.probes[0]
    renamed = [
        item.model_copy(update={"category": "seed"} if item.category == "ground_truth" else {})
        for item in first.outcome.items
    ]
    night.probes[0] = replace(first, outcome=first.outcome.model_copy(update={"items": tuple(renamed)}))
    frame = probe_frame(night)
    assert {"seed", "seed_score"} <= set(frame.columns)
    assert frame["seed"][0] == first.plan.request.seed


def test_candidates_carry_lane_knob_effect_and_verdict() -> None:
    frame = candidate_frame(_night())
    assert frame.height == 7
    first = frame.row(0, named=True)
    assert (first["lane"], first["knob"], first["decision"], first["accepted"]) == (
        "hyperparameters", "learning_rate", "accept", True,
    )  # fmt: skip
    trade_off = frame.filter(pl.col("candidate") == "c05").row(0, named=True)
    assert trade_off["constraint_ok"] is False


def test_a_ledger_is_read_as_tables_while_its_night_runs(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        for event in make_night("claim"):
            ledger.append(event)
        with path.open("a") as file:
            file.write('{"half": ')
        assert candidate_frame(read_night(path)).equals(candidate_frame(_night()))
    with pytest.raises(LedgerError, match="gone"):
        read_night(tmp_path / "gone.jsonl")


def test_an_empty_night_has_empty_tables_and_a_summary(tmp_path: Path) -> None:
    night = _night("empty")
    assert probe_frame(night).height == candidate_frame(night).height == 0
    (tmp_path / "results.tsv").write_text(results_text(night), encoding="utf-8")
    assert _rows(tmp_path / "results.tsv") == []
    assert summary(night)["claim"]["confirmed"] is False


def test_the_summary_keeps_its_contract() -> None:
    page = json.loads(json.dumps(summary(_night())))
    assert {"session", "stop_reason", "probes", "noise", "decisions", "working_recipe", "claim", "spend"} <= set(page)
    assert {"confirmed", "effect", "interval", "p_value", "guards"} <= set(page["claim"])
    keys = {"lane", "knob", "from", "to", "replicates", "effect", "interval", "guards", "verdict", "reason"}
    assert all(keys <= set(decision) for decision in page["decisions"])
    assert page["claim"]["interval"] == pytest.approx([0.71, 1.77])
    assert page["decisions"][4]["constraint_ok"] is False


def test_probe_counts_and_seconds_sum() -> None:
    page = summary(_night("failed"))
    counts = page["probes"]
    assert counts["total"] == sum(count for name, count in counts.items() if name != "total")
    assert (counts["diverged"], counts["timed_out"]) == (1, 1)
    spend = page["spend"]
    assert spend["train_s"] + spend["evaluate_s"] + spend["other_s"] == pytest.approx(spend["probe_s"], abs=0.01)
    assert summary(_night("interrupted"))["probes"]["interrupted"] == 1


def test_judging_is_spent_in_dollars_where_every_price_is_known() -> None:
    usage = tally([Judgement(item="a", sample=0, rubric="r", model="m", stop_reason="stop", cost_usd=0.25)])
    unknown = usage.model_copy(update={"cost_usd": None})

    def spent(*told: JudgeUsage) -> float | int | None:
        events, left = list[ev.Event](), list(told)
        for event in make_night("claim"):
            if isinstance(event, ev.ProbeFinished) and left:
                event = event.model_copy(update={"outcome": event.outcome.model_copy(update={"judge": left.pop(0)})})
            events.append(event)
        night = NightRecord.replay(events)
        assert ("spend/judge_usd" in {point.key for point in night_row(night).metrics}) is (
            spend(night)["judge_usd"] is not None
        )
        return spend(night)["judge_usd"]

    assert spent(usage, usage) == 0.5
    assert spent(usage, unknown) is None
    assert spent() is None


def test_the_pause_before_a_resume_is_not_wall_time() -> None:
    night = NightWriter()
    night.start()
    worked = NightRecord.replay(night.events).active_s
    night.add(ev.SessionResumed(at=night.at(36_000), reason="killed"))
    night.add(ev.Warned(at=night.at(5), subject="x", message="y"))
    assert NightRecord.replay(night.events).active_s == pytest.approx(worked + 5)


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ("claim", "raise private_voice by +1.24 points (90 % interval [+0.71, +1.77])"),
        ("no_claim", "We found no change that we can claim:"),
        ("nothing", "We found no change that raises private_voice: 7 candidates were tried, none was accepted."),
        ("guard_fails", "but ground_truth was not shown to hold."),
        ("interrupted", "was interrupted after 27 probes; nothing is claimed yet."),
        ("failed", "stopped by a failure after 28 probes; nothing is claimed."),
    ],
)
def test_the_headline_tells_the_night_in_one_sentence(story: Story, words: str) -> None:
    assert words in headline(_night(story))


def test_the_honest_negative_says_what_could_not_have_been_seen() -> None:
    assert headline(_night("nothing")).endswith("Gains under 0.94 points could not have been seen reliably.")


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (0.5, "usd", "$0.50"),
        (1234.5, "usd", "$1,234.50"),
        (0.001, "usd", "<$0.01"),
        (0.0, "usd", "$0.00"),
        (None, "usd", "–"),
        (None, "score", "–"),
        (0.0, "score", "0.00"),
        (-0.001, "effect", "0.00"),
        (-0.42, "effect", "−0.42"),
        (0.42, "effect", "+0.42"),
        (0.9999, "probability", ">0.99"),
        (1.0, "probability", "1.00"),
        (0.953, "chance", "95 %"),
        (0.998, "chance", ">99 %"),
        (1.0, "chance", ">99 %"),
        (0.0, "chance", "0 %"),
        (0.00004, "p_value", "<0.001"),
        (0.001, "share", "<1 %"),
        (1273, "count", "1,273"),
        (59.7, "duration", "1 min 00 s"),
        (3.21, "duration", "3.2 s"),
        (7500, "duration", "2 h 05 min"),
        (0.01, "size_mib", "10 KiB"),
    ],
)
def test_numbers_are_written_in_one_way(value: float | None, kind: Kind, shown: str) -> None:
    assert show(value, kind) == shown


def test_an_interval_without_bounds_is_missing_and_never_empty() -> None:
    assert show_interval(Interval(low=None, high=1.0)) == "–"
    assert show_effect(0.5, Interval(low=None, high=None)) == "+0.50"
    assert show_effect(None, None) == "–"


def test_provenance_names_versions_and_hardware_and_no_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-secret-in-the-environment")
    found = collect_provenance({"train": "ab" * 8})
    text = json.dumps(found)
    assert found["libraries"]["pydantic"]
    assert found["hardware"]["cores"] >= 1
    assert found["digests"] == {"train": "ab" * 8}
    assert "a-secret" not in text
    assert os.uname().nodename not in text
    assert str(Path.home()) not in text


def test_the_commit_is_known_only_at_the_top_of_a_checkout(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    assert commit_of(tmp_path) is None
    git("init")
    assert commit_of(tmp_path) is None, "no commit yet"
    (tmp_path / "file").write_text("x")
    git("add", "file")
    git("commit", "-m", "x", "--no-verify")
    commit = commit_of(tmp_path)
    assert commit is not None
    assert (len(commit["id"]), commit["dirty"]) == (40, False)
    (tmp_path / "inner").mkdir()
    (tmp_path / "other").write_text("x")
    assert (commit_of(tmp_path) or {})["dirty"] is True
    assert commit_of(tmp_path / "inner") is None


def test_a_text_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    replace_text(path, "old")
    with pytest.raises(LedgerError, match="cannot be written"):
        replace_text(tmp_path / "absent" / "page.md", "new")
    replace_text(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_every_status_is_counted() -> None:
    assert {status.value for status in ProbeStatus} <= set(summary(_night())["probes"])
