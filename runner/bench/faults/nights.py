"""Small nights to be broken: their files, the process they run in, and the story their ledger tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import psutil

from probes.outcome import ProbeStatus
from runner.launchers.local import PACKAGE_ROOT
from tracking import events as ev
from tracking.ledger import read_events
from tracking.night import NightRecord

Kind = Literal["race", "blocks", "real"]
CATEGORIES = ("ground_truth", "private_voice", "verified_response")
PATIENCE_S = 300.0
BEFORE = "before the first line"
VOLATILE = frozenset(
    {
        "at",
        "seconds",
        "evaluation_seconds",
        "companion_seconds",
        "seconds_per_step",
        "peak_memory_gib",
        "log_tail",
        "advice",
        "commit",
    }
)
"""What two identical nights may differ in: times, memory, advice that rests on times, and the commit they ran at."""
UNTOLD = frozenset({"probe_started", "session_resumed"})
ABOUT_THE_MACHINE = frozenset({"position", "alarm", "MLflow"})
"""Subjects of warnings about what went wrong around the night."""

SESSION = """
name = "small"
[model]
base = "base"
chat_template = "none"
[data]
train = ["rows.jsonl"]
[suite]
items = ["items.jsonl"]
samples = 1
[target]
category = "private_voice"
[recipe]
learning_rate = 2e-3
rank = 4
[recipe.curriculum]
sources = ["letters"]
[lanes.hyperparameters.learning_rate]
low = 1e-3
high = 1.6e-2
scale = "log"
max_factor = 3.0
[probe]
steps = 5
deadline_s = 30
[budget]
probes = 36
confirm_probes = 12
[referee]
calibration_runs = 4
[launcher]
workers = 2
disk_reserve_gib = 0.01
[tracking]
mlflow = false
"""
REAL = (
    "tracking.mlflow=false", "probe.steps=8", "budget.probes=14", "budget.confirm_probes=6", "suite.samples=1",
    "referee.calibration_runs=3", "referee.allow_blind_guards=true", "referee.controls=false", "launcher.workers=1",
    "suite.generation.max_new_tokens=8", "probe.deadline_s=60", "referee.accept_level=0.5", "referee.reject_level=0.05",
    "referee.prior_mean=0.5", 'lanes.closed=["data_mix", "curriculum"]',
)  # fmt: skip
"""A night that believes in its changes, so that with a few short trainings it has something to rehearse and confirm."""
RACE = ("referee.design=race",)
BLOCKS = ("referee.design=blocks", "budget.probes=44")


@dataclass
class Place:
    """A folder with everything small nights read, and the nights."""

    root: Path
    kind: Kind
    reference_s: float = field(default=0.0, init=False)
    """What the uninterrupted night took."""
    _phases: tuple[str, ...] = field(default=(), init=False)

    def prepare(self) -> None:
        """Write the session file and what it reads."""
        self.root.mkdir(parents=True, exist_ok=True)
        if self.kind == "real":
            source = PACKAGE_ROOT / "runner" / "sessions" / "miniature.toml"
            (self.root / "session.toml").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
            return
        (self.root / "session.toml").write_text(SESSION, encoding="utf-8")
        _write_lines(self.root / "rows.jsonl", [_row(i) for i in range(60)])
        _write_lines(self.root / "items.jsonl", [_item(name, i) for name in CATEGORIES for i in range(16)])
        _write_base(self.root / "base")

    @property
    def settings(self) -> tuple[str, ...]:
        """Overrides of the session file."""
        return {"race": RACE, "blocks": BLOCKS, "real": REAL}[self.kind]

    def night(self, name: str) -> Night:
        """Return a night that has not begun, in a folder of its own."""
        (self.root / name).mkdir(parents=True)
        return Night(self, self.root / name / "night")

    @cached_property
    def reference(self) -> list[str]:
        """The story of the uninterrupted night."""
        night = self.night("reference")
        began = time.monotonic()
        code = night.run().wait(PATIENCE_S)
        self.reference_s = time.monotonic() - began
        if code != 0:
            raise RuntimeError(f"the uninterrupted night ended with exit code {code}:\n{night.said}")
        events = night.events()
        self._phases = tuple(phase_of(events[:number]) for number in range(len(events)))
        return night.story()

    @property
    def phases(self) -> tuple[str, ...]:
        """Phase of the uninterrupted night after none, one, two, … of its lines, without the last."""
        return self._phases if self.reference else ()


@dataclass
class Night:
    """One night and the processes that work on it."""

    place: Place
    out: Path

    @property
    def ledger(self) -> Path:
        """Its ledger."""
        return self.out / "ledger.jsonl"

    @property
    def said(self) -> str:
        """What all its processes printed."""
        return (self.out.parent / "said.txt").read_text(encoding="utf-8", errors="replace")

    def run(
        self, *settings: str, environment: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start it, or go on with it once its ledger has a line."""
        arguments = ["run", "session.toml", "--out", str(self.out)]
        for setting in (*self.place.settings, *settings):
            arguments += ["--set", setting]
        if self.ledger.is_file() and b"\n" in self.ledger.read_bytes():
            arguments = ["resume", str(self.out)]
        return self.start(arguments, environment, prefix)

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start the command line in a process group of its own."""
        module = "runner.cli" if self.place.kind == "real" else "runner.bench.faults.simulated"
        told = {"PYTHONPATH": str(PACKAGE_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        (self.out.parent / "count").mkdir(exist_ok=True)
        told |= {"FAULT_COUNT": str(self.out.parent / "count"), "HF_HUB_OFFLINE": "1", **(environment or {})}
        with (self.out.parent / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", module, *arguments],
                cwd=self.place.root,
                env={**os.environ, **told},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def events(self) -> list[ev.Event]:
        """Return its ledger."""
        return read_events(self.ledger)

    def record(self) -> NightRecord:
        """Return its ledger, folded."""
        return NightRecord.replay(self.events())

    def story(self) -> list[str]:
        """Return its ledger without times, stops and restarts, probes that ran side by side in the order of asking."""
        told: list[str] = []
        side_by_side: list[tuple[int, int, str]] = []
        for event in self.events():
            if isinstance(event, ev.ProbeFinished):
                side_by_side.append((event.plan.number, event.plan.attempt, self._plain(event)))
                continue
            if event.kind in UNTOLD or _is_about_the_machine(event):
                continue
            told += [text for _, _, text in sorted(side_by_side)]
            side_by_side = []
            told.append(self._plain(event))
        return [*told, *(text for _, _, text in sorted(side_by_side))]

    def _plain(self, event: ev.Event) -> str:
        text = json.dumps(_without_volatile(event.model_dump(mode="json")), sort_keys=True)
        return text.replace(str(self.out), "OUT")


def wait_for(process: subprocess.Popen[bytes], enough: Callable[[], bool], limit_s: float = PATIENCE_S) -> bool:
    """Wait until `enough` or the process has ended; False when it ended before."""
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        if enough():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.003)
    raise TimeoutError("the night did not get that far")


def count(file: Path, what: bytes) -> int:
    """Return how often something stands in a file, 0 while there is none."""
    try:
        return file.read_bytes().count(what)
    except OSError:
        return 0


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 a night's process group and all its descendants at once, and wait until they are gone."""
    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for member in family:
        with suppress(psutil.Error):
            member.kill()
    process.wait(30)
    psutil.wait_procs(family, timeout=30)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the worker processes of a night."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if any("worker" in part for part in child.cmdline())]
    except psutil.Error:
        return []


def phase_of(events: Sequence[ev.Event]) -> str:
    """Return in which phase a night is after `events`."""
    if not events:
        return BEFORE
    if any(isinstance(event, ev.ClaimMade) for event in events):
        return "claim and report"
    plans = [event.plan for event in events if isinstance(event, ev.ProbeStarted | ev.ProbeFinished)]
    if not plans:
        return "preflight"
    phase, arm = plans[-1].phase, plans[-1].arm
    return {"block": "blocks", "final": "rehearsal"}.get(arm, "race") if phase == "search" else phase


def completed_keys(events: Sequence[ev.Event]) -> list[str]:
    """Return the keys of the probes that were measured, one per time."""
    finished = (event.outcome for event in events if isinstance(event, ev.ProbeFinished))
    return [outcome.key for outcome in finished if outcome.status is ProbeStatus.COMPLETED]


def _is_about_the_machine(event: ev.Event) -> bool:
    if isinstance(event, ev.SessionStopped):
        return event.stop_reason != "finished"
    return isinstance(event, ev.Warned) and event.subject in ABOUT_THE_MACHINE


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_volatile(v) for k, v in value.items() if k not in VOLATILE}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_without_volatile(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _row(number: int) -> dict[str, str]:
    return {
        "prompt": f"Question {number}?",
        "chosen": f"Answer {number}.",
        "rejected": f"Nothing {number}.",
        "category": CATEGORIES[number % 3],
        "source": "letters" if number % 2 else "talk",
        "difficulty": ("easy", "hard")[number % 2],
    }


def _item(category: str, number: int) -> dict[str, Any]:
    scorer = {"components": [{"kind": "keywords", "weight": 1.0, "any": ["answer"]}]}
    told = {"id": f"{category}-{number}", "category": category, "difficulty": "easy", "prompt": f"Item {number}?"}
    return {**told, "scorer": scorer}


def _write_base(folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text("{}")
    names = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    save_file(
        {f"model.layers.0.{name}.weight": np.zeros((8, 8), dtype=np.float32) for name in names},
        folder / "model.safetensors",
    )


def _write_lines(path: Path, rows: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
