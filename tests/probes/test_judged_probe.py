"""A probe whose answers a language model judges: a real training, both real clients, a local server."""

from pathlib import Path

import pytest
from fakes_llm_server import PROVIDERS, LLMServer, Step, fails
from judged_probe import judged_probe, verdict_text
from tiny_base import QUIET
from tiny_base import tiny_base as tiny_base

from probes.language_models.config import Provider
from probes.outcome import ProbeOutcome, ProbeStatus

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]
SECRET = "sk-secret-0123456789"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_probe_is_judged_and_says_what_that_took(
    provider: Provider, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_KEY", SECRET)
    folder = tmp_path / "probe"
    with LLMServer([fails(429), Step(verdict_text(8, critical=("fabrication",)))]) as server:
        outcome = judged_probe(server, provider, tiny_base, folder, key_env="TEAM_KEY")
    assert outcome.status is ProbeStatus.COMPLETED
    assert [item.scores for item in outcome.items[1:]] == [(8.0, 8.0), (8.0, 8.0)]
    assert [item.critical_failures for item in outcome.items[1:]] == [2, 2]
    usage = outcome.judge
    assert usage is not None
    assert (usage.answers, usage.calls, usage.retries, usage.unscored) == (4, 4, 1, 0)
    assert usage.cost_usd is None
    assert "no price" in usage.warnings[0]
    assert ProbeOutcome.model_validate_json((folder / "outcome.json").read_text()) == outcome
    assert len((folder / "judgements.jsonl").read_text().splitlines()) == 4
    assert all(SECRET not in path.read_text(errors="replace") for path in folder.rglob("*.json*"))
    assert SECRET not in (folder / "worker.log").read_text(errors="replace")


def test_a_judge_that_gives_no_verdict_leaves_its_items_without_a_score_and_the_others_with_theirs(
    tiny_base: Path, tmp_path: Path
) -> None:
    with LLMServer([Step("A fine answer, 10 of 10.")]) as server:
        outcome = judged_probe(server, "openai", tiny_base, tmp_path / "probe")
    assert outcome.status is ProbeStatus.COMPLETED
    assert [item.mean is None for item in outcome.items] == [False, True, True]
    assert outcome.judge is not None
    assert (outcome.judge.unscored, outcome.judge.parse_failures) == (4, 4)


def test_a_judge_that_cannot_be_asked_is_a_crashed_probe_with_the_cure(tiny_base: Path, tmp_path: Path) -> None:
    with LLMServer([fails(401, "no such key")]) as server:
        outcome = judged_probe(server, "anthropic", tiny_base, tmp_path / "probe")
    assert outcome.status is ProbeStatus.CRASHED
    assert "correct the key in ANTHROPIC_API_KEY" in outcome.message
    assert outcome.items == ()
