import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_base import tiny_base as tiny_base
from tiny_base import tiny_recipe, tiny_request

from probes.outcome import ProbeOutcome, ProbeStatus
from probes.request import FileRef, ProbeRequest
from probes.versions import score_versions


class Worker:
    """A real worker process."""

    def __init__(self, log: Path) -> None:
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "probes.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
            )
        self.greeting = self.read()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def run(self, request: ProbeRequest) -> ProbeOutcome:
        self.write(json.dumps({"request": request.model_dump(mode="json")}))
        return ProbeOutcome.model_validate(self.read())

    def close(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(20)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    started = Worker(tmp_path_factory.mktemp("worker") / "worker.log")
    yield started
    assert started.close() == 0


def test_a_worker_announces_itself(worker: Worker) -> None:
    assert worker.greeting["ready"] is True
    assert worker.greeting["pid"] == worker.process.pid
    assert worker.greeting["versions"] == score_versions()


def test_a_probe_leaves_its_files_and_its_outcome(worker: Worker, tiny_base: Path, tmp_path: Path) -> None:
    request = tiny_request(tiny_base, tmp_path / "probe")
    outcome = worker.run(request)
    assert outcome.status is ProbeStatus.COMPLETED, outcome.log_tail
    assert outcome.key == request.key
    assert len(outcome.items) == 6
    assert outcome.training is not None
    assert outcome.training.completion == 1.0
    assert outcome.adapter is not None
    folder = tmp_path / "probe"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "request.json",
        "adapter",
        "training_log.jsonl",
        "responses.jsonl",
        "scores.jsonl",
        "outcome.json",
        "worker.log",
    }
    assert ProbeOutcome.model_validate_json((folder / "outcome.json").read_text()) == outcome
    assert ProbeRequest.model_validate_json((folder / "request.json").read_text()) == request


def test_equal_requests_give_equal_results_in_any_worker(worker: Worker, tiny_base: Path, tmp_path: Path) -> None:
    first = worker.run(tiny_request(tiny_base, tmp_path / "first"))
    worker.run(tiny_request(tiny_base, tmp_path / "between", recipe=tiny_recipe(objective="dpo"), seed=9))
    again = worker.run(tiny_request(tiny_base, tmp_path / "again"))
    other = Worker(tmp_path / "other.log")
    elsewhere = other.run(tiny_request(tiny_base, tmp_path / "elsewhere"))
    assert other.close() == 0
    assert first.items == again.items == elsewhere.items
    assert first.adapter == again.adapter == elsewhere.adapter
    texts = [(tmp_path / name / "responses.jsonl").read_bytes() for name in ("first", "again", "elsewhere")]
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"request": {"seed": -1}}', '{"request": NaN}', '{"reqest": {}}', '{"request": "\\ud800"}']
)
def test_an_unreadable_request_is_answered_and_survived(worker: Worker, line: str) -> None:
    worker.write(line)
    outcome = ProbeOutcome.model_validate(worker.read())
    assert (outcome.key, outcome.status) == ("unreadable", ProbeStatus.CRASHED)
    assert outcome.message.startswith("unreadable request:")


def test_failed_probes_are_results_and_the_worker_goes_on(worker: Worker, tiny_base: Path, tmp_path: Path) -> None:
    no_suite = FileRef(path=str(tmp_path / "none.jsonl"), digest="x")
    crashed = worker.run(tiny_request(tiny_base, tmp_path / "crashed", suite=no_suite))
    assert crashed.status is ProbeStatus.CRASHED
    assert "none.jsonl cannot be read" in crashed.message
    assert "none.jsonl cannot be read" in crashed.log_tail
    assert "Traceback" not in crashed.log_tail, "what we raise on purpose says what to do without one"
    assert crashed.items == ()

    broken = tmp_path / "broken-base"
    shutil.copytree(tiny_base, broken)
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "model_type": "no-such-model"}))
    outcome = worker.run(tiny_request(broken, tmp_path / "unloadable"))
    assert outcome.status is ProbeStatus.CRASHED

    assert worker.run(tiny_request(tiny_base, tmp_path / "fine")).status is ProbeStatus.COMPLETED


def test_a_diverged_probe_says_how_far_it_came(worker: Worker, tiny_base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "overflowing"
    shutil.copytree(tiny_base, folder)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"].fill_(float("inf"))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    outcome = worker.run(tiny_request(folder, tmp_path / "probe"))
    assert outcome.status is ProbeStatus.DIVERGED
    assert outcome.training is not None
    assert outcome.training.completion == 0.25
    assert outcome.items == ()


def test_ctrl_c_does_not_end_a_worker(worker: Worker, tiny_base: Path, tmp_path: Path) -> None:
    worker.process.send_signal(signal.SIGINT)
    assert worker.run(tiny_request(tiny_base, tmp_path / "probe")).status is ProbeStatus.COMPLETED


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\n"
            "command = [sys.executable, '-m', 'probes.worker']\n"
            "child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stdout)\n"
            "time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    pid = json.loads(parent.stdout.readline())["pid"]
    parent.kill()
    parent.wait()
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"worker {pid} survived its parent")
    parent.stdout.close()
