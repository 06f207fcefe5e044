"""A whole session on disk that a fake worker can run: rows, items, a base model of a few numbers, a session file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import fakes_worker
import numpy as np
from rich.console import Console
from safetensors.numpy import save_file

from runner.surroundings import Surroundings
from tracking.clock import SystemClock

CATEGORIES = ("ground_truth", "private_voice", "verified_response")
FAKE_WORKER = (sys.executable, str(Path(fakes_worker.__file__)))

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
[lanes]
closed = ["data_mix"]
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
[tracking]
mlflow = false
"""


def write_rows(path: Path, count: int = 60, drop: str = "") -> None:
    rows = [
        {
            "prompt": f"Question {i}?",
            "chosen": f"Answer {i}.",
            "rejected": f"Nothing {i}.",
            "category": CATEGORIES[i % 3],
            "source": "letters" if i % 2 else "talk",
            "difficulty": ("easy", "hard")[i % 2],
        }
        for i in range(count)
    ]
    write_lines(path, [{k: v for k, v in row.items() if k != drop} for row in rows])


def write_items(path: Path, per_category: int = 16, categories: Sequence[str] = CATEGORIES) -> None:
    scorer = {"components": [{"kind": "keywords", "weight": 1.0, "any": ["answer"]}]}
    write_lines(
        path,
        [
            {"id": f"{name}-{i}", "category": name, "difficulty": "easy", "prompt": f"Item {i}?", "scorer": scorer}
            for name in categories
            for i in range(per_category)
        ],
    )


def write_base(folder: Path, width: int = 8) -> None:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text("{}")
    names = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    tensors = {f"model.layers.0.{name}.weight": np.zeros((width, width), dtype=np.float32) for name in names}
    save_file(tensors, folder / "model.safetensors")


def write_session(folder: Path, text: str = SESSION) -> Path:
    write_rows(folder / "rows.jsonl")
    write_items(folder / "items.jsonl")
    write_base(folder / "base")
    file = folder / "session.toml"
    file.write_text(text)
    return file


def write_lines(path: Path, rows: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def fake_surroundings(folder: Path, **environment: str) -> Surroundings:
    """A machine whose workers train nothing and score by a known landscape."""
    return Surroundings(
        console=Console(stderr=True, width=100),
        clock=SystemClock(),
        environ={**os.environ, "FAKE_SCORES": "1", **environment},
        cache_root=folder / "cache",
        worker_command=FAKE_WORKER,
    )
