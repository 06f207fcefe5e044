"""A language model's paragraph is shown only when each of its figures is one of the report's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fakes_night import make_night

from runner.report.content import build_report
from runner.report.html import to_html
from runner.report.markdown import to_markdown
from runner.report.words import LONGEST, question, unknown_figures
from tracking import events as ev
from tracking.night import NightRecord

KNOWN = frozenset(Decimal(figure) for figure in ("1.24", "-0.22", "0.71", "90", "4", "1273"))


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("It rose by 1.24 points.", []),
        ("It rose by +1.24, at worst 0.71.", []),
        ("It fell by 0.22.", []),
        ("It moved by −0.22.", []),
        ("It moved by +0.22.", ["+0.22"]),
        ("It rose by 1.25 points.", ["1.25"]),
        ("It rose by 1.240 points in 1,273 rows.", []),
        ("Rounded, it rose by 1.2.", ["1.2"]),
        ("90 % of the time, 95% of the time", ["95"]),
        ("Four runs and five more.", ["five"]),
        ("It doubled.", ["doubled"]),
        ("It rose by ½ a point.", ["½"]),
        ("It rose by ١٫٢.", ["١", "٢"]),
        ("Candidate c09 on an 8B model, probe #12.", []),
        ("Nothing was found.", []),
    ],
)
def test_a_figure_is_known_or_named(text: str, unknown: list[str]) -> None:
    assert unknown_figures(text, KNOWN) == unknown


def pages(text: str, reason: str = "") -> tuple[str, str]:
    events = make_night("claim")
    written = ev.SummaryWritten(at=events[-1].at, model="openai/local", text=text, reason=reason, attempts=1)
    report = build_report(NightRecord.replay([*events[:-1], written, events[-1]]))
    return to_markdown(report, "Generated."), to_html(report, "Generated.")


def test_a_paragraph_whose_figures_are_the_nights_is_shown_and_signed() -> None:
    for page in pages("The recipe raised private_voice by +1.24 points; no guard fell by more than 0.08."):
        assert "raised private_voice by +1.24 points" in page
        assert "Written by openai/local. Each of its figures stands in this report" in page


def test_a_paragraph_with_a_figure_of_its_own_is_dropped_with_a_note() -> None:
    for page in pages("The recipe raised private_voice by 17.3 %, a triumph."):
        assert "triumph" not in page
        assert "openai/local wrote a summary, and it was dropped: the ledger holds no “17.3”." in page


def test_figures_that_only_a_proposer_wrote_are_not_the_nights() -> None:
    events = [
        event.model_copy(update={"candidate": event.candidate.model_copy(update={"rationale": "gives 7.77 points"})})
        if isinstance(event, ev.CandidateProposed)
        else event
        for event in make_night("claim")
    ]
    written = ev.SummaryWritten(at=events[-1].at, model="m", text="It gives 7.77 points.", attempts=1)
    page = to_markdown(build_report(NightRecord.replay([*events[:-1], written, events[-1]])), "Generated.")
    assert "it was dropped: the ledger holds no “7.77”" in page


def test_a_paragraph_without_end_is_dropped_and_a_missing_one_says_why() -> None:
    assert "and it was dropped for that" in pages("word " * LONGEST)[0]
    assert "openai/local wrote no summary: HTTP 503." in pages("", "HTTP 503")[0]


def test_what_a_model_writes_is_text() -> None:
    markdown, html = pages("<script>alert()</script> [x](javascript:y) | **bold** \u202eright")
    assert "<script>" not in html
    assert "\u202e" not in html
    assert "\\<script>" in markdown
    assert "\\[x\\](javascript:y)" in markdown


def test_the_question_holds_the_findings_and_no_word_of_a_proposer() -> None:
    events = [
        event.model_copy(update={"candidate": event.candidate.model_copy(update={"rationale": "SECRET"})})
        if isinstance(event, ev.CandidateProposed)
        else event
        for event in make_night("claim")
    ]
    asked = question(NightRecord.replay(events), 300)
    text = asked.turns[0].text
    assert "+1.24 points (90 % interval [+0.71, +1.77])" in text
    assert "Promote the final recipe" in text
    assert asked.max_tokens == 300
    assert "SECRET" not in text


def test_what_a_summary_cost_is_in_the_bill() -> None:
    events = make_night("claim", config={"budget": {"rates": {"device_hour": 0.0}}})
    written = ev.SummaryWritten(at=events[-1].at, model="m", text="Nothing.", attempts=1, cost_usd=0.25)
    before, after = (NightRecord.replay(told).bill.usd for told in (events, [*events[:-1], written, events[-1]]))
    assert before is not None
    assert after == pytest.approx(before + 0.25)
