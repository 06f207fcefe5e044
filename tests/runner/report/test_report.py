from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fakes_night import CATEGORIES, NightWriter, Story, make_night

from probes.errors import LedgerError
from runner.report.build import write_report
from runner.report.charts import Scale, ticks
from runner.report.content import build_report
from runner.report.html import to_html
from runner.report.markdown import escape, to_markdown
from runner.report.texts import one_line
from tracking import events as ev
from tracking.figures import show_p
from tracking.ledger import Ledger
from tracking.night import NightRecord

STORIES: tuple[Story, ...] = ("claim", "no_claim", "nothing", "guard_fails", "interrupted", "failed", "empty")
SCRIPT = '<script>alert("x")</script> | a | b | [here](javascript:alert(1)) **bold**'
BESIDE = ("mlflow.html", "results.tsv", "summary.json")
NASTY = SCRIPT + " `code` _it_ &amp; \u202eright to left 🦊"
VOID = {"meta", "br", "hr", "img", "line", "rect", "circle", "wbr"}


class FixedClock:
    def __init__(self, now: str) -> None:
        self._now = now

    def now(self) -> str:
        return self._now

    def monotonic(self) -> float:
        return 0.0


class Page(HTMLParser):
    """Text, tags and nesting of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _folder(tmp_path: Path, events: Sequence[ev.Event]) -> Path:
    (tmp_path / "session.toml").write_text('name = "synthetic"\n')
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        for event in events:
            ledger.append(event)
    return tmp_path


def _pages(events: Sequence[ev.Event]) -> tuple[str, str]:
    report = build_report(NightRecord.replay(events))
    return to_markdown(report, "Generated."), to_html(report, "Generated.")


@pytest.mark.parametrize("story", STORIES)
def test_every_kind_of_night_has_a_report_with_a_headline(story: Story) -> None:
    markdown, html = _pages(make_night(story))
    page = Page(html)
    assert page.open == []
    assert markdown.startswith("# Night report: synthetic-20260314\n\n**")
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert set(headings[1:]) <= {2, 3}
    assert headings[1] == 2, "a section comes before a part of one"


def test_the_same_ledger_gives_the_same_files_but_for_one_line(tmp_path: Path) -> None:
    folder = _folder(tmp_path, make_night("claim"))
    names = ("report.md", "report.html", "summary.json", "results.tsv")
    write_report(folder, FixedClock("2026-03-15T07:00:00.000+00:00"))
    first = {name: (folder / name).read_text().splitlines() for name in names}
    write_report(folder, FixedClock("2027-01-01T00:00:00.000+00:00"))
    for name, lines in first.items():
        again = (folder / name).read_text().splitlines()
        changed = [pair for pair in zip(lines, again, strict=True) if pair[0] != pair[1]]
        assert len(changed) == (1 if name.startswith("report") else 0)
        assert all("Generated" in line for line, _ in changed)


def test_the_page_stands_alone_and_runs_nothing(tmp_path: Path) -> None:
    page = Page(write_report(_folder(tmp_path, make_night("claim"))).read_text())
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "form"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").partition("#")[0] in ("", *BESIDE)
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {str(attributes["href"]) for tag, attributes in page.tags if tag == "a"}
    assert {link.removeprefix("#") for link in links} - ids <= set(BESIDE)


def test_model_text_is_shown_as_text_everywhere(tmp_path: Path) -> None:
    night = NightWriter(story="claim")
    night.start()
    night.calibrate()
    night.search(2, rationale=NASTY)
    night.add(ev.ProposalRefused(at=night.at(), proposer=NASTY, proposal={"knob": NASTY}, reason=NASTY))
    night.add(ev.Warned(at=night.at(), subject=NASTY, message=NASTY))
    night.stop("failed", NASTY)
    markdown, html = _pages(night.events)
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(SCRIPT) == 12
    assert not re.search(r"(?<!\\)<script>", markdown)
    assert not re.search(r"(?<!\\)\]\(javascript", markdown)
    for line in markdown.splitlines():
        if "script" in line and line.startswith("|"):
            header_cells = {len(re.findall(r"(?<!\\)\|", row)) for row in _table_of(markdown, line)}
            assert len(header_cells) == 1, "a pipe in a model's text made a new cell"


def _table_of(markdown: str, line: str) -> list[str]:
    lines = markdown.splitlines()
    start = end = lines.index(line)
    while lines[start - 1].startswith("|"):
        start -= 1
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return lines[start:end]


def test_a_text_of_200_kilobytes_is_cut_and_says_so() -> None:
    shown = one_line("y" * 200_000)
    assert len(shown) < 500
    assert shown.endswith("(200,000 characters)")
    assert one_line("a\nb\x00\x1bc\td") == "a b c d"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("private_voice +1.24 [+0.71, +1.77]", "private_voice +1.24 [+0.71, +1.77]"),
        ("[1, 2](javascript:x)", r"\[1, 2\](javascript:x)"),
        ("a|b <c> *d* _e_ `f`", r"a\|b \<c> \*d\* \_e\_ \`f\`"),
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("1. no list", r"1\. no list"),
        ("0.42", "0.42"),
        ("p <0.001 > 1 < 2", "p <0.001 > 1 < 2"),
        ("> no quote", r"\> no quote"),
        ("https://example.org", r"https\://example.org"),
        ("see www.example.org", r"see www\.example.org"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_a_tiny_p_value_is_below_a_thousandth() -> None:
    assert (show_p(7e-8), show_p(0.034), show_p(None)) == ("p < 0.001", "p = 0.034", "p = –")


def test_the_claim_its_guards_and_the_changed_settings_come_first() -> None:
    markdown, _ = _pages(make_night("claim"))
    claim = markdown[: markdown.index("## Candidates")]
    assert "raise private_voice by +1.24 points (90 % interval [+0.71, +1.77])" in claim
    assert claim.count("| held ") == 5
    assert re.search(r"\| learning_rate \| 0.005 +\| 0.01 ", claim)


def test_a_failing_guard_is_named_and_nothing_is_claimed() -> None:
    markdown, html = _pages(make_night("guard_fails"))
    assert "**We claim nothing:" in markdown
    assert re.search(r"\| ground_truth +\| not shown to hold \| +−1.10 \| +\[−2.20, 0.00\] \| +−1.50 ", markdown)
    assert 'class="not-confirmed"' in html


def test_a_change_that_helps_the_target_and_breaks_a_guard_is_a_trade_off() -> None:
    markdown, _ = _pages(make_night("claim"))
    assert "Trade-off: data mix private_voice 1 → 3 helps private_voice (+0.50) but breaks anachronism_trap" in markdown


def test_every_candidate_has_lane_effect_interval_decision_and_reason() -> None:
    night = NightRecord.replay(make_night("claim"))
    markdown, _ = _pages(make_night("claim"))
    for name, candidate in night.candidates.items():
        rows = [line for line in markdown.splitlines() if line.startswith(f"| {name} ")]
        assert len(rows) == 3
        assert candidate.change.lane.replace("_", " ") in rows[0]
        assert re.search(r"(accepted|rejected|parked)", rows[0])
        reading = night.reading(name)
        assert reading is not None
        assert reading.reason in rows[1]
    assert "within noise" in markdown


def test_a_night_that_found_nothing_says_what_it_searched_and_could_not_see() -> None:
    markdown, _ = _pages(make_night("nothing"))
    assert "Gains under 0.94 points could not have been seen reliably." in markdown
    assert "Not tried, and so nothing is said about: dropout." in markdown
    assert "Two single probes must differ by 1.88" in markdown


def test_categories_average_to_the_overall_and_every_change_is_shown() -> None:
    markdown, _ = _pages(make_night("claim"))
    start = markdown.index("**Scores by category")
    lines = markdown[start : markdown.index("\n## ", start)].splitlines()
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if line.startswith("| ")]
    by_name = {row[0]: row for row in rows}
    scores = [float(by_name[name][2]) for name in CATEGORIES]
    assert float(by_name["overall"][2]) == pytest.approx(sum(scores) / len(scores), abs=0.01)
    for name in CATEGORIES:
        before, after, change = (float(text.replace("−", "-")) for text in by_name[name][1:4])
        assert change == pytest.approx(after - before, abs=0.011)


def test_time_by_phase_sums_and_failed_probes_show_how_far_they_came() -> None:
    markdown, _ = _pages(make_night("failed"))
    assert re.search(r"\| #27 +\| c03 +\| diverged +\| 31 of 80 \| +39 % \| loss became NaN at step 31 ", markdown)
    cost = markdown[markdown.index("## Cost") :]
    counts = [int(n) for n in re.findall(r"^\| (?:calibration|search|confirmation|all) +\| +(\d+) \|", cost, re.M)]
    assert counts == [6, 22, 0, 28]
    assert "a failed probe has no score" in markdown.lower()


def test_an_interrupted_night_says_how_to_go_on() -> None:
    markdown, html = _pages(make_night("interrupted"))
    assert "It stopped because: Ctrl-C. Everything finished so far is kept; “nightlab resume”" in markdown
    assert re.search(r"\| #28 +\| final +\| interrupted ", markdown)
    assert 'class="unfinished"' in html


def test_files_are_indexed_with_digests(tmp_path: Path) -> None:
    folder = _folder(tmp_path, make_night("claim"))
    write_report(folder)
    markdown = (folder / "report.md").read_text()
    for name in ("session.toml", "ledger.jsonl", "results.tsv", "summary.json"):
        assert re.search(rf"\| {name} +\| +\d+ KiB \| [0-9a-f]{{16}} ", markdown)


def test_the_chart_marks_every_probe_and_no_failed_one_as_zero() -> None:
    _, html = _pages(make_night("failed"))
    assert html.count('class="failed"') == 2
    assert len(re.findall(r'<circle class="(?:baseline|candidate|final)"', html)) == 26


def test_a_folder_without_a_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger at"):
        write_report(tmp_path)


def test_two_hundred_probes_fit_in_three_megabytes(tmp_path: Path) -> None:
    folder = _folder(tmp_path, make_night("claim", candidates=80))
    assert write_report(folder).with_suffix(".html").stat().st_size < 3_000_000


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.7, 1.7), (3.5, 3.5001), (0.0, 10.0), (-100.0, 5000.0)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    found: list[Any] = ticks(low, high, 5)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_a_scale_holds_its_values_inside_the_plot() -> None:
    scale = Scale(1.0, 1.0, 0.0, 100.0)
    assert (scale(0.0), scale(1.0), scale(9.0)) == (0.0, 0.0, 100.0)


def test_one_probe_alone_has_one_tick() -> None:
    assert ticks(1.0, 1.0, 5) == [1.0]
