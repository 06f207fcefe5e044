"""The training log `training_log.jsonl`: what a training set out to do, then one line per optimizer step.

Whoever stops a worker can still tell from it how far the training came. Loads no heavy library.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, TextIO, cast

from probes.outcome import TrainingSummary
from probes.training.curve import Curve, TrainingDiverged

LOG_NAME = "training_log.jsonl"
POINT_FIELDS = ("loss", "learning_rate", "reward_margin", "grad_norm")


class TrainingLog:
    """Writes the log line by line, each at once."""

    def __init__(self, folder: Path, steps_planned: int, rows: int, composition: dict[str, dict[str, int]]) -> None:
        """Open the log in `folder` with its first line; `close` it after training."""
        self._file: TextIO = (folder / LOG_NAME).open("w", encoding="utf-8")
        self._write({"steps_planned": steps_planned, "rows": rows, "composition": composition})

    def add(self, step: int, seconds: float, values: dict[str, float | None]) -> None:
        """Write one step; numbers that JSON lacks are written as text."""
        points = {name: _json(values.get(name)) for name in POINT_FIELDS}
        self._write({"step": step, "seconds": round(seconds, 4), **points})

    def close(self) -> None:
        """Close the log."""
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def read_summary(folder: Path) -> TrainingSummary | None:
    """Return how far a training came that was stopped from outside; None when it never began."""
    lines = _read_lines(folder / LOG_NAME)
    if not lines or "steps_planned" not in lines[0]:
        return None
    head, steps = lines[0], lines[1:]
    curve = Curve(head["steps_planned"])
    for line in steps:
        values = {name: None if line[name] is None else float(line[name]) for name in POINT_FIELDS}
        try:
            curve.add(line["step"], values)
        except TrainingDiverged:
            break
    done = steps[-1]["step"] if steps else 0
    seconds = steps[-1]["seconds"] if steps else 0.0
    return TrainingSummary(
        steps_done=done,
        steps_planned=head["steps_planned"],
        final_loss=curve.points[-1].loss if curve.points else None,
        reward_margin=curve.points[-1].reward_margin if curve.points else None,
        seconds=seconds,
        seconds_per_step=seconds / done if done else None,
        rows=head["rows"],
        composition=head["composition"],
        curve=curve.points,
    )


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the complete lines; the last one may have been cut off."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    complete = content[: content.rfind(b"\n") + 1]
    return [cast("dict[str, Any]", json.loads(line)) for line in complete.splitlines()]


def _json(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
