"""Follows a running training: each optimizer step into the log and the curve, which ends a training that diverges."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from probes.training.curve import Curve
from probes.training.log import TrainingLog

_TRAINER_NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "reward_margin": "rewards/margins",
    "grad_norm": "grad_norm",
}


class Progress(TrainerCallback):
    """Takes what the trainer logs at every step; lets `TrainingDiverged` of the curve pass."""

    def __init__(self, log: TrainingLog, curve: Curve) -> None:
        """Follow a training into `log` and `curve`."""
        self.log = log
        self.curve = curve
        self.steps_done = 0
        self.seconds = 0.0
        """From the first batch to the last logged step."""
        self._began = time.perf_counter()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take one step."""
        if logs is None or "loss" not in logs:
            return  # the trainer's closing summary
        self.steps_done = state.global_step
        self.seconds = time.perf_counter() - self._began
        values = {name: _number(logs.get(key)) for name, key in _TRAINER_NAMES.items()}
        self.log.add(self.steps_done, self.seconds, values)
        self.curve.add(self.steps_done, values)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
