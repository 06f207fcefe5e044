"""Sessions that name a language model: the whole night from its file, with a server that speaks the API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes_llm_server import LLMServer, Step
from fakes_proposals import said
from fakes_session import fake_surroundings, write_session

from probes.errors import LaunchError
from runner.check import check_session
from runner.overrides import load_session
from runner.session import resume_night, start_night
from tracking.events import CandidateProposed, ModelTurn
from tracking.ledger import read_events

KEY = "planted-key-of-the-session"


def settings(server: LLMServer, proposer: str = "hybrid") -> tuple[str, ...]:
    return (
        f"agent.proposer={proposer}", "agent.provider=openai", "agent.model=fake-judge", "agent.share=0.9",
        f"agent.base_url={server.url('openai')}", "agent.key_env=PROPOSER_KEY",
        'agent.prices={"fake-judge" = {input = 1.0, output = 2.0}}',
    )  # fmt: skip


def test_a_hybrid_night_writes_its_turns_its_spend_and_no_key(tmp_path: Path) -> None:
    wrong = Step(said(value=9.0))
    with LLMServer([wrong, Step(said(value=0.005)), wrong]) as server:
        file, around = write_session(tmp_path), fake_surroundings(tmp_path, PROPOSER_KEY=KEY)
        config = load_session(file, settings(server))
        end = start_night(config, tmp_path / "out", around)
        sent = [call.headers["authorization"] for call in server.received]
    assert set(sent) == {f"Bearer {KEY}"}
    events = read_events(tmp_path / "out" / "ledger.jsonl")
    turns = [event for event in events if isinstance(event, ModelTurn)]
    assert turns[0].outcome == "repaired"
    assert {turn.outcome for turn in turns[1:]} == {"refused"}
    assert end.night.model_spend_usd == pytest.approx(sum(turn.cost_usd or 0.0 for turn in turns))
    assert end.night.model_spend_usd > 0
    by_model = [e.candidate for e in events if isinstance(e, CandidateProposed) and e.candidate.forecast is not None]
    assert [(c.proposer, c.change.after) for c in by_model] == [("openai/fake-judge", 0.005)]
    assert end.night.stopped is not None
    assert end.night.stopped.stop_reason == "finished"
    assert "refused" in (tmp_path / "out" / "progress.log").read_text()
    for path in (path for path in (tmp_path / "out").rglob("*") if path.is_file()):
        assert KEY.encode() not in path.read_bytes(), path
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["stop_reason"]
    assert resume_night(tmp_path / "out", around).night.model_turns == end.night.model_turns


def test_a_missing_key_stops_night_and_check_before_anything_starts(tmp_path: Path) -> None:
    file = write_session(tmp_path)
    config = load_session(file, ("agent.proposer=openai", "agent.model=gpt-5"))
    with pytest.raises(LaunchError, match="OPENAI_API_KEY"):
        start_night(config, tmp_path / "out", fake_surroundings(tmp_path))
    assert not (tmp_path / "out").exists()
    with pytest.raises(LaunchError, match="OPENAI_API_KEY"):
        check_session(config, fake_surroundings(tmp_path))
