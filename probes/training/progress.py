"""Follows a running training: each step into the log and the curve, and the end of one that diverges or is hopeless."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from probes.statistics.early_stop import StopRule
from probes.training.curve import Curve, TrainingHopeless
from probes.training.log import TrainingLog

_TRAINER_NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "reward_margin": "rewards/margins",
    "grad_norm": "grad_norm",
}


class Progress(TrainerCallback):
    """Takes what the trainer logs at every step; lets `TrainingDiverged` of the curve pass."""

    def __init__(self, log: TrainingLog, curve: Curve, beta: float, stop_rule: StopRule | None = None) -> None:
        """Follow a training with the preference weight `beta` into `log` and `curve`; `stop_rule` may end it."""
        self.log = log
        self.curve = curve
        self._beta, self._stop_rule = beta, stop_rule
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
        """Take one step.

        Raises:
            TrainingDiverged: by the curve's rule.
            TrainingHopeless: by the stop rule.
        """
        if logs is None or "loss" not in logs:
            return  # the trainer's closing summary
        self.steps_done = state.global_step
        self.seconds = time.perf_counter() - self._began
        values = {name: _number(logs.get(key)) for name, key in _TRAINER_NAMES.items()}
        self.log.add(self.steps_done, self.seconds, values)
        self.curve.add(self.steps_done, values)
        if self._stop_rule is not None:
            reason = self._stop_rule.stops(self.curve.complete, self._beta)
            if reason is not None:
                raise TrainingHopeless(reason)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
