"""Keys of every kind are planted around a whole night, and nothing that it leaves behind may hold one.

Real command line, trainings, SDKs and MLflow server; the language models' server is scripted and repeats the keys that
it gets in its errors, as real ones do.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fakes_llm_server import MODEL, LLMServer, Step, fails
from fakes_proposals import said
from judged_probe import verdict_text
from tiny_base import TEXTS, tiny_rows, write_rows
from tiny_base import tiny_base as tiny_base

from probes.loopback import is_loopback
from runner.bench.faults.mlflow_faults import free_port, mlflow_server
from runner.launchers.local import PACKAGE_ROOT

KEYS = {
    "ANTHROPIC_API_KEY": "sk-ant-planted-1f0a",
    "OPENAI_API_KEY": "sk-planted-proposer-2e9b",
    "NIGHTLAB_SERVER_KEY": "planted-server-3d8c",
    "MLFLOW_TRACKING_TOKEN": "planted-token-4c7d",
    "MLFLOW_TRACKING_PASSWORD": "planted-password-5b6e",
}
IN_URI = "planted+in/uri@6a5f"
SESSION = """
name = "keys"
[model]
base = "base"
[data]
train = ["rows.jsonl"]
[suite]
items = ["items.jsonl"]
samples = 1
[suite.generation]
max_new_tokens = 8
[target]
category = "tide"
[recipe]
learning_rate = 2e-3
rank = 4
batch_size = 2
gradient_accumulation = 1
max_length = 96
[lanes]
closed = ["data_mix", "curriculum"]
[probe]
steps = 2
deadline_s = 120
[budget]
probes = 14
confirm_probes = 6
[referee]
calibration_runs = 3
controls = false
allow_blind_guards = true
prior_mean = 0.5
accept_level = 0.5
[launcher]
workers = 1
disk_reserve_gib = 0.01
"""


def write_place(folder: Path, base: Path) -> None:
    (folder / "session.toml").write_text(SESSION)
    (folder / "base").symlink_to(base)
    write_rows(folder / "rows.jsonl", tiny_rows())
    judged = {"components": [{"kind": "judge", "weight": 1.0}]}
    items = [
        {"id": f"i{n}", "category": ("tide", "lamp")[n % 2], "prompt": f"{TEXTS[3 * (n % 2)]} {n}", "scorer": judged}
        for n in range(12)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))


def run_night(folder: Path, proposer: LLMServer, judge: LLMServer, uri: str) -> subprocess.CompletedProcess[bytes]:
    settings = (
        "agent.proposer=openai", f"agent.model={MODEL}", f"agent.base_url={proposer.url('openai')}",
        "agent.backoff_s=0.01", f"agent.prices={{{MODEL} = {{input = 1.0, output = 2.0}}}}",
        "judge.provider=anthropic", f"judge.model={MODEL}", f"judge.base_url={judge.url('anthropic')}",
        "judge.backoff_s=0.01",
    )  # fmt: skip
    around = {
        "MLFLOW_TRACKING_URI": uri,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(PACKAGE_ROOT),
    }
    command = [sys.executable, "-m", "runner.cli", "run", "session.toml", "--out", "results/night"]
    with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        return subprocess.run(
            [*command, *(part for setting in settings for part in ("--set", setting))],
            cwd=folder, env={**os.environ, **KEYS, **around}, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            timeout=600,
        )  # fmt: skip


def needles() -> dict[str, bytes]:
    """Every planted key, also as a URI and a header of basic authentication would hold it."""
    secrets = {**KEYS, "in the URI": IN_URI, "in the URI, quoted": quote(IN_URI, safe="")}
    for user, secret in (("me", IN_URI), ("me", KEYS["MLFLOW_TRACKING_PASSWORD"])):
        secrets[f"basic {secret}"] = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return {name: secret.encode() for name, secret in secrets.items()}


def left_behind(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and "base" not in path.relative_to(folder).parts)


@pytest.mark.server
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, from SQLAlchemy
def test_no_key_is_in_anything_that_a_night_leaves_behind(tmp_path: Path, tiny_base: Path) -> None:
    write_place(tmp_path, tiny_base)
    port = free_port()
    verdicts = [Step(verdict_text(4 + number % 5)) for number in range(500)]
    proposals = [
        fails(429, f"key {KEYS['OPENAI_API_KEY']} is over its rate", retry_after="0"),
        Step(said("alpha", 999_999)),
        fails(400, f"not with key {KEYS['OPENAI_API_KEY']}"),
        fails(401, f"Incorrect API key provided: {KEYS['OPENAI_API_KEY']}"),
        Step(said("learning_rate", 0.003)),
    ]
    with (
        LLMServer(proposals) as proposer,
        LLMServer([fails(429, f"key {KEYS['ANTHROPIC_API_KEY']}", retry_after="0"), *verdicts]) as judge,
        mlflow_server(tmp_path, port),
    ):
        ended = run_night(tmp_path, proposer, judge, f"http://me:{quote(IN_URI, safe='')}@127.0.0.1:{port}")
    assert ended.returncode == 0, (tmp_path / "stderr.txt").read_text()[-2000:]
    assert_keys_were_used(proposer, judge)
    assert_everything_is_there(tmp_path)
    for path in left_behind(tmp_path):
        content = path.read_bytes()
        held = [name for name, needle in needles().items() if needle in content]
        assert not held, f"{path.relative_to(tmp_path)} holds {held}"
        for header in (b"authorization: b", b"x-api-key: ", b'"authorization":', b"'authorization':"):
            assert header not in content.lower(), path


def assert_keys_were_used(proposer: LLMServer, judge: LLMServer) -> None:
    assert {call.headers["authorization"] for call in proposer.received} == {f"Bearer {KEYS['OPENAI_API_KEY']}"}
    assert {call.headers["authorization"] for call in judge.received} == {f"Bearer {KEYS['ANTHROPIC_API_KEY']}"}
    assert len(proposer.received) >= 5
    assert is_loopback(proposer.url("openai"))


def assert_everything_is_there(folder: Path) -> None:
    """The search would also succeed in an empty folder."""
    night, names = folder / "results" / "night", [path.name for path in left_behind(folder)]
    for name in ("ledger.jsonl", "session.toml", "checkpoint.sqlite", "progress.log", "report.html", "server.db"):
        assert name in names
    for name in ("judgements.jsonl", "worker.log", "outcome.json"):
        assert names.count(name) > 5
    turns: list[dict[str, Any]] = [json.loads(line) for line in (night / "ledger.jsonl").read_text().splitlines()]
    turns = [event for event in turns if event["kind"] == "model_turn"]
    assert [turn["outcome"] for turn in turns][:2] == ["failed", "failed"]
    assert "***" in json.dumps(turns)
    assert any(turn["outcome"] == "accepted" for turn in turns)
    assert MODEL.encode() in (folder / "server.db").read_bytes()
