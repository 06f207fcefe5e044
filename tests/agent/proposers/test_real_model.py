"""Model turns against a real server through both SDKs: a model that knows nothing, held to a form it cannot break."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import MemoryLedger, SimulatedLauncher
from fakes_proposals import night_with
from real_vllm import RealServer
from real_vllm import vllm_server as vllm_server
from simulated_nights import faster_helps, folder, make_night, without_times

from agent.config import AgentConfig
from agent.night import run_night
from probes.language_models.open import open_model
from tracking.events import ModelTurn

UNREAD = ("not one JSON object", "cut off", "did not end", "characters, at most")


@pytest.mark.server
@pytest.mark.timeout(900)
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_night_of_20_model_turns_parses_every_answer_and_refuses_with_reasons(
    tmp_path: Path, vllm_server: RealServer, provider: str
) -> None:
    config = AgentConfig.model_validate(
        {
            "proposer": provider,
            "model": vllm_server.model,
            "base_url": vllm_server.url if provider == "anthropic" else f"{vllm_server.url}/v1",
            "key_env": "K",
            "max_tokens": 1200,
            "digest_tokens": 1000,
            "prices": {vllm_server.model: {"input": 1.0, "output": 2.0}},
        }
    )
    access = config.access
    assert access is not None
    model = open_model(access, {"K": vllm_server.key})
    statistical = MemoryLedger()
    run_night(make_night(folder(tmp_path, "statistical"), SimulatedLauncher(faster_helps), statistical))
    turns: list[ModelTurn] = []
    while len(turns) < 20:
        ledger = MemoryLedger()
        context = night_with(folder(tmp_path, f"n{len(turns)}"), model, config, ledger)
        assert run_night(context) == "finished"
        own = context.night.model_turns
        assert own
        if not any(turn.proposal for turn in own):
            lines = [line for line in without_times(ledger) if '"kind":"model_turn"' not in line]
            assert lines == without_times(statistical)
        turns += own
        assert vllm_server.key not in "".join(without_times(ledger))
    model.close()
    for turn in turns:
        print(turn.outcome, f"{turn.seconds:.1f} s", turn.usage, turn.proposal, turn.reason)
    assert {turn.outcome for turn in turns} <= {"accepted", "repaired", "refused"}
    assert not any(words in turn.reason for turn in turns for words in UNREAD)
    assert all(turn.reason for turn in turns if turn.outcome != "accepted")
    assert all(turn.cost_usd for turn in turns)
