"""What the report and `summary.json` say of policy, hypotheses, bottlenecks and proposers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes_memory import tonight_like, write_night
from fakes_night import NightWriter, make_night

from probes.candidate import Forecast
from probes.statistics.earlier import Movement
from runner.report.build import write_report
from runner.report.content import build_report
from runner.report.journal import MOST_ROWS, data_bottlenecks
from runner.report.markdown import to_markdown
from tracking import events as ev
from tracking.ledger import Ledger
from tracking.memory.learn import learn
from tracking.memory.remembered import remember
from tracking.night import NightRecord
from tracking.policy import BaseStrength, LanePolicy, Policy, TargetChoice

POLICY = Policy(
    target=TargetChoice(
        category="private_voice", chosen_by="baseline", reason="the baseline is weakest there",
        passed_over={"tools": "its held-out items are too few for a claim"},
    ),
    base=BaseStrength(strength="strong", is_sure=True, reason="training clearly makes it worse", lost=("facts",)),
    lanes=(
        LanePolicy(lane="hyperparameters", state="open", reason="weaker training is left"),
        LanePolicy(lane="data_mix", state="advised", reason="it stays open: the session names its knobs"),
        LanePolicy(lane="curriculum", state="closed", reason="rows need a difficulty tag"),
    ),
)  # fmt: skip


def markdown(events: list[ev.Event]) -> str:
    return to_markdown(build_report(NightRecord.replay(events)), "Generated.")


def section(events: list[ev.Event], title: str) -> str:
    text = markdown(events)
    start = text.index(f"## {title}")
    end = text.find("\n## ", start + 1)
    return text[start : end if end > 0 else None]


def with_model_turns(**agent: Any) -> list[ev.Event]:
    """Return a night whose odd candidates a model proposed with a forecast, and what became of its turns."""
    events: list[ev.Event] = []
    for event in make_night("claim", config={"agent": {"proposer": "hybrid", "share": 0.3, **agent}}):
        if isinstance(event, ev.CandidateProposed) and int(event.candidate.id[1:]) % 2:
            forecast = Forecast(effect=0.5, low=0.2, high=0.8, confidence=0.9, refuted_by="a fall")
            told = {"proposer": "anthropic model", "hypothesis": "A larger step wakes the voice.", "forecast": forecast}
            turn = ev.ModelTurn(
                at=event.at, question=len(events), proposer="anthropic model", outcome="repaired",
                reason="beta moves by .01 at most", cost_usd=0.01, seconds=2.0, attempts=2,
            )  # fmt: skip
            events += [turn, event.model_copy(update={"candidate": event.candidate.model_copy(update=told)})]
        else:
            events.append(event)
    return events


def test_the_policy_is_told_with_every_reason() -> None:
    events = make_night("claim")
    told = section([*events[:2], ev.PolicySet(at=events[1].at, policy=POLICY), *events[2:]], "What was decided before")
    assert "Target private_voice, chosen by the baseline's scores: the baseline is weakest there." in told
    assert "its held-out items are too few for a claim" in told
    assert "counts as strong: training clearly makes it worse. Training clearly lowers facts." in told
    assert "| data mix" in told
    assert "open, against advice" in told
    assert "rows need a difficulty tag" in told
    assert "What was decided before" not in markdown(events)


def test_the_summary_holds_policy_journal_and_proposers(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_text('name = "synthetic"\n')
    events = with_model_turns()
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        for event in [*events[:2], ev.PolicySet(at=events[1].at, policy=POLICY), *events[2:]]:
            ledger.append(event)
    write_report(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["policy"]["base"]["strength"] == "strong"
    assert [each["fate"] for each in summary["journal"]["hypotheses"]].count("claimed together") == 2
    assert summary["journal"]["data_bottlenecks"] == []
    assert "within that" in summary["journal"]["data_bottleneck_rule"]
    assert summary["proposers"]["model_turns"]["repaired"] == 4
    assert summary["proposers"]["hybrid"]["share_at_start"] == 0.3
    assert sum(each["proposed"] for each in summary["proposers"]["proposers"]) == 7


def test_a_night_of_one_proposer_without_forecasts_says_so_in_one_line() -> None:
    events = [
        event.model_copy(update={"candidate": event.candidate.model_copy(update={"proposer": "optuna"})})
        if isinstance(event, ev.CandidateProposed)
        else event
        for event in make_night("claim")
    ]
    told = section(events, "Who proposed").strip().splitlines()
    assert told[2:] == ["optuna proposed 7 changes; 2 accepted; no forecasts."]


def test_forecasts_shares_and_turns_are_told_of_each_proposer() -> None:
    told = section(with_model_turns(), "Who proposed")
    row = next(line for line in told.splitlines() if line.startswith("| anthropic model") and "+0.90" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["anthropic model", "4", "0", "1", "+0.90", "4"]
    assert "began at 30 % and ended at" in told
    assert "$0.04" in told
    assert "beta moves by .01 at most" in told
    assert "hybrid" not in section(with_model_turns(proposer="anthropic"), "Who proposed").lower()


def test_a_models_hypothesis_stands_in_its_own_words_and_the_others_are_written_from_the_change() -> None:
    told = section(with_model_turns(), "Hypotheses and their fate")
    assert told.count("A larger step wakes the voice.") == 4
    assert "7 hypotheses: 2 claimed together, 2 parked, 2 given up and 1 harmful." in told


def test_what_was_measured_before_and_put_last_is_told(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    earlier = learn(tonight_like(events, tmp_path / "a"), [remember(NightRecord.replay(events), "p")])
    tonight = make_night("claim")
    told = section([tonight[0], ev.EarlierNightsRead(at=tonight[0].at, earlier=earlier), *tonight[1:]], "Hypotheses")
    assert "collapsed (−1.90), harmed private_voice" in told
    assert "Asked last tonight" in told
    assert "order shuffle → source_last" in told


def test_a_category_that_no_lane_moved_is_named_with_the_rule() -> None:
    events = make_night("nothing")
    (alone,) = data_bottlenecks(NightRecord.replay(events))
    assert (alone.category, alone.still) == ("position_discrimination", 7), "nothing moved it, and it is quiet enough"
    told = section(events, "Hypotheses")
    assert "position_discrimination is data-bottlenecked: 7 changes in 3 lanes left it at 6.11." in told
    assert "A category is named when no change" in told
    still = tuple(Movement(category="ground_truth", lane=lane, still=20) for lane in ("hyperparameters", "data_mix"))
    earlier = earlier_of(events).model_copy(update={"movements": still})
    known = [events[0], ev.EarlierNightsRead(at=events[0].at, earlier=earlier), *events[1:]]
    names = [found.category for found in data_bottlenecks(NightRecord.replay(known))]
    assert "ground_truth" in names, "earlier nights make up for tonight's few probes"
    assert "tonight and in earlier nights on the same data" in section(known, "Hypotheses")
    moved = earlier.model_copy(update={"movements": (still[0].model_copy(update={"moved": 1}), still[1])})
    known[1] = ev.EarlierNightsRead(at=events[0].at, earlier=moved)
    assert "ground_truth" not in [found.category for found in data_bottlenecks(NightRecord.replay(known))]


def earlier_of(events: list[ev.Event]) -> Any:
    from probes.statistics.earlier import ClaimLevel
    from tracking.memory.known import EarlierNights

    claim = ClaimLevel(number=1, level=0.05, session_level=0.05, fdr=0.15, past=())
    return EarlierNights(project="p", conditions="c", claim=claim)


def test_a_long_night_shows_the_likeliest_hypotheses_and_says_that_there_are_more() -> None:
    night = NightWriter()
    night.start()
    night.calibrate(3)
    night.search(MOST_ROWS + 5)
    told = section(night.events, "Hypotheses")
    assert told.count("| c") == MOST_ROWS
    assert f"The likeliest {MOST_ROWS} of {MOST_ROWS + 5}; all are in summary.json." in told
