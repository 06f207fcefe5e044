"""What a night records before its last line: the answers that the report shows, and the summary."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fakes_model import ScriptedModel, reply
from fakes_night import NightWriter, make_night
from fakes_session import SESSION, fake_surroundings, write_session

from probes.errors import LaunchError, ModelReplyError
from probes.request import FileRef
from runner.config import SessionConfig
from runner.overrides import load_session
from runner.report.build import write_report
from runner.report.content import build_report
from runner.report.html import to_html
from runner.report.markdown import to_markdown
from runner.session import start_night
from runner.stretch import Stretch
from runner.wind_up import MOST_TEXT, chosen_answers, open_scribe, wind_up
from tracking import events as ev
from tracking.clock import SystemClock
from tracking.ledger import Ledger, read_events
from tracking.night import NightRecord

HOSTILE = {
    "script": '<script>alert("x")</script><img src=x onerror=alert(1)>',
    "a line without end": "y" * 200_000,
    "right to left": "\u202eabc\u202c مرحبا שלום",
    "emoji": "🦊 👩\u200d🔬 🏴",
    "a table": "| a | b |\n| - | - |\n| 1 | 2 |",
    "a link": "[click](javascript:alert(1)) <a href='javascript:alert(1)'>x</a>",
    "a heading": "# Night report: another\n\n**We gained 9.99 points.**",
    "control": "a\x00b\x1b[31mc",
}

VISIBLE = {"emoji": "👩\u200d🔬", "right to left": "مرحبا שלום", "script": "onerror=alert(1)"}


def on_disk(tmp_path: Path, events: list[ev.Event], text: str = "It is so.") -> NightRecord:
    """Return the night with its probes' answers in `tmp_path`."""
    suite = tmp_path / "suite.jsonl"
    moved: list[ev.Event] = []
    items: set[str] = set()
    for event in events:
        if isinstance(event, ev.ProbeFinished):
            folder = tmp_path / f"p{event.plan.number}"
            folder.mkdir()
            rows: list[dict[str, Any]] = [
                {"item": item.item, "sample": sample, "seed": 0, "text": text, "stop_reason": "stop", "tool_calls": [],
                 "tokens": 3}
                for item in event.outcome.items
                for sample in range(len(item.scores))
            ]  # fmt: skip
            items |= {item.item for item in event.outcome.items}
            (folder / "responses.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            update = {"folder": str(folder), "suite": FileRef(path=str(suite), digest="d")}
            plan = event.plan.model_copy(update={"request": event.plan.request.model_copy(update=update)})
            event = event.model_copy(update={"plan": plan})
        moved.append(event)
    suite.write_text("".join(json.dumps({"id": item, "prompt": f"About {item}?"}) + "\n" for item in sorted(items)))
    return NightRecord.replay(moved)


def config_with(**report: Any) -> SessionConfig:
    return SessionConfig.model_validate({"name": "n", "recipe": {"base_model": "m"}, "report": report})


SUMMARY = {"provider": "openai", "model": "local", "base_url": "http://127.0.0.1:9/v1"}


@pytest.fixture
def stretch_of(tmp_path: Path) -> Any:
    opened: list[Ledger] = []

    def make(night: NightRecord) -> Stretch:
        ledger = Ledger(tmp_path / f"ledger-{len(opened)}.jsonl")
        opened.append(ledger)
        return Stretch(ledger, night, SystemClock(), None)  # type: ignore[arg-type]

    yield make
    for ledger in opened:
        ledger.close()


def test_the_items_that_moved_most_are_shown_with_answers_of_both_sides(tmp_path: Path) -> None:
    night = on_disk(tmp_path, make_night("claim"))
    shown = chosen_answers(night)
    assert [item.place for item in shown] == ["best"] * 4 + ["worst"] * 4
    assert len({item.item for item in shown}) == 8
    plans = {probe.plan.number: probe.plan for probe in night.probes}
    for item in shown:
        assert item.after is not None
        assert (plans[item.before.probe].arm, plans[item.after.probe].arm) == ("baseline", "final")
        assert plans[item.after.probe].phase == "confirm"
        assert item.prompt == f"About {item.item}?"


def test_without_a_confirmation_the_baselines_best_and_worst_are_shown(tmp_path: Path) -> None:
    shown = chosen_answers(on_disk(tmp_path, make_night("nothing")))
    assert len(shown) == 8
    assert all(item.after is None for item in shown)
    best, worst = ([i.before.score or 0.0 for i in shown if i.place == place] for place in ("best", "worst"))
    assert min(best) > max(worst)


def test_the_shown_answer_is_the_one_nearest_its_sides_mean(tmp_path: Path) -> None:
    night = on_disk(tmp_path, make_night("claim"))
    shown = chosen_answers(night)[0]
    side = [p for p in night.probes if p.plan.phase == "confirm" and p.plan.arm == "baseline"]
    scores = [s for p in side for i in p.outcome.items if i.item == shown.item for s in i.scores if s is not None]
    mean = sum(scores) / len(scores)
    assert shown.before.score is not None
    assert abs(shown.before.score - mean) == pytest.approx(min(abs(score - mean) for score in scores))


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_is_text_in_both_reports(tmp_path: Path, kind: str) -> None:
    text = HOSTILE[kind]
    night = on_disk(tmp_path, make_night("claim"), text)
    night.shown = chosen_answers(night)
    assert all(len(item.before.text) <= MOST_TEXT for item in night.shown)
    report = build_report(night)
    html, markdown = to_html(report, "Generated."), to_markdown(report, "Generated.")
    page = Tags(html)
    assert not page.tags & {"script", "img", "iframe", "object", "form"}
    assert not [name for name in page.names if name.startswith("on")]
    beside = {file for _, file in report.beside}
    assert all(link.startswith("#") or link in beside for link in page.links)
    assert not set("\u202e\u202c\x00\x1b") & set(html + markdown)
    assert len(html) < 500_000
    assert max(map(len, markdown.splitlines())) < 2000
    lines = markdown.splitlines()
    assert len([line for line in lines if line.startswith("# ")]) == 1
    assert not re.search(r"(?<!\\)(<script|<img|<a |\]\(javascript)", markdown)
    for piece in {"emoji": ["👩\u200d🔬"], "right to left": ["مرحبا שלום"], "script": ["onerror=alert(1)"]}.get(
        kind, []
    ):
        assert piece in page.text
    if kind == "a line without end":
        assert "(200,000 characters)" in page.text
        assert "characters)" in markdown


def test_answers_that_are_gone_are_a_warning_and_no_end_of_the_night(tmp_path: Path, stretch_of: Any) -> None:
    night = NightRecord.replay(make_night("claim"))
    wind_up(config_with(), stretch_of(night), night, None)
    assert night.shown is None
    assert "the report shows no answers" in night.warnings[-1].message


def test_a_summary_is_asked_for_once_and_costs_what_its_tokens_cost(tmp_path: Path, stretch_of: Any) -> None:
    night = on_disk(tmp_path, make_night("claim"))
    model = ScriptedModel([reply("It rose by +1.24 points.", attempts=1)])
    for _ in range(2):
        wind_up(config_with(summary=SUMMARY), stretch_of(night), night, model)
    assert len(model.asked) == 1
    assert night.summary is not None
    assert night.summary.text == "It rose by +1.24 points."
    assert night.shown


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (ModelReplyError("HTTP 503"), "HTTP 503"),
        (reply("cut", stop_reason="length"), "the reply ended with length"),
        (reply("  "), "the reply ended with stop"),
    ],
)
def test_a_summary_that_does_not_come_never_stops_a_night(
    tmp_path: Path, stretch_of: Any, line: Any, reason: str
) -> None:
    night = on_disk(tmp_path, make_night("claim"))
    wind_up(config_with(summary=SUMMARY), stretch_of(night), night, ScriptedModel([line]))
    assert night.summary is not None
    assert (night.summary.text, night.summary.reason) == ("", reason)


def test_nobody_is_asked_unless_the_session_says_so_and_a_missing_key_is_said_before_the_night() -> None:
    with open_scribe(config_with(), {}) as scribe:
        assert scribe is None
    with open_scribe(config_with(summary=SUMMARY), {}) as scribe:
        assert scribe is not None
    far = {"provider": "openai", "model": "gpt-5"}
    with pytest.raises(LaunchError, match="OPENAI_API_KEY"), open_scribe(config_with(summary=far), {}):
        pass


def test_an_invalidation_takes_the_answers_back() -> None:
    night = NightWriter()
    night.start()
    night.calibrate(3)
    night.add(ev.AnswersKept(at=night.at(), items=()))
    record = NightRecord.replay(night.events)
    assert record.shown == ()
    record.apply(ev.MeasurementsInvalidated(at=night.at(), since=night.events[1].at, reason="wrong model"))
    assert record.shown is None


def test_a_whole_night_keeps_its_answers_and_its_report_follows_from_the_ledger_alone(tmp_path: Path) -> None:
    around = fake_surroundings(tmp_path)
    end = start_night(load_session(write_session(tmp_path, SESSION)), tmp_path / "out", around)
    assert len(end.night.shown or ()) == 8
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "ledger.jsonl").write_bytes(end.folder.ledger.read_bytes())
    write_report(alone)
    for name in ("report.md", "report.html", "summary.json", "results.tsv", "session.toml"):
        there, here = ((folder / name).read_text().split("\n") for folder in (end.folder.path, alone))
        differ = [pair for pair in zip(there, here, strict=True) if pair[0] != pair[1]]
        assert all("Generated" in line for pair in differ for line in pair), name
    kinds = [event.kind for event in read_events(end.folder.ledger)]
    assert kinds[-2:] == ["answers_kept", "session_stopped"]
