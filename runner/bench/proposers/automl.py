"""A surrogate of a public search: boosted trees over the trials of `replay/automl_trials.json.gz` in DATA.

11,172 trials of nine search methods over 14 hyperparameters of a small language model's training. One model says which
settings fail, one what validation loss the others reach; both are held against trials left out. What surrogates miss:
anything finer than the trees see, and whatever lies far from all trials. The only home of scikit-learn.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# scikit-learn has no types.
from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from lanes.config import ChoiceKnob, NumericKnob
from lanes.hyperparameters import pick_informed
from lanes.knobs import Knob, is_number
from lanes.lane import Lane
from probes.candidate import KnobValue, LaneName
from probes.recipe import Recipe
from runner.bench.proposers.landscape import Landscape, Levels, Settings
from runner.bench.simulated import NamedLane, settings_of

TRIALS = Path("replay/automl_trials.json.gz")
WORST = 1.3
"""Losses beyond are as good as this one: the run went wrong, how far does not matter."""
NOISE_POINTS = 0.5
"""Run-to-run sd on the landscape's scale of points, which fixes what a point is."""
LEVEL = 5.0
"""Points of the baseline; 0 is the least, as with any suite."""
FOLDS, ROUNDS = 5, 150


def _log(low: float, high: float) -> NumericKnob:
    return NumericKnob(low=low, high=high, scale="log", max_factor=2.0)


def _linear(low: float, high: float, step: float, integer: bool = False) -> NumericKnob:
    return NumericKnob(low=low, high=high, max_step=step, integer=integer)


KNOBS: Mapping[str, Knob] = {
    "DEPTH": _linear(4, 24, 3, integer=True),
    "ASPECT_RATIO": _linear(32, 128, 24, integer=True),
    "HEAD_DIM": ChoiceKnob(values=(64, 128, 256), max_factor=2.0),
    "DEVICE_BATCH_SIZE": ChoiceKnob(values=(32, 64, 128, 256), max_factor=2.0),
    "TOTAL_BATCH_SIZE": ChoiceKnob(values=(131072, 262144, 524288, 1048576), max_factor=2.0),
    "EMBEDDING_LR": _log(0.01, 2.0),
    "UNEMBEDDING_LR": _log(0.0005, 0.05),
    "MATRIX_LR": _log(0.005, 0.2),
    "SCALAR_LR": _log(0.05, 2.0),
    "WEIGHT_DECAY": _linear(0.0, 0.5, 0.1),
    "WARMUP_RATIO": _linear(0.0, 0.3, 0.1),
    "WARMDOWN_RATIO": _linear(0.0, 0.8, 0.2),
    "FINAL_LR_FRAC": _linear(0.0, 1.0, 0.2),
    "WINDOW_PATTERN": ChoiceKnob(values=("SSSL", "SSLL", "SLSL", "SSSS", "LSSL", "LLLL")),
}
BASELINE: Settings = {
    "DEPTH": 8, "ASPECT_RATIO": 64, "HEAD_DIM": 128, "DEVICE_BATCH_SIZE": 128, "TOTAL_BATCH_SIZE": 524288,
    "EMBEDDING_LR": 0.6, "UNEMBEDDING_LR": 0.004, "MATRIX_LR": 0.04, "SCALAR_LR": 0.5, "WEIGHT_DECAY": 0.2,
    "WARMUP_RATIO": 0.0, "WARMDOWN_RATIO": 0.5, "FINAL_LR_FRAC": 0.0, "WINDOW_PATTERN": "SSSL",
}  # fmt: skip
"""Where every one of the public searches began."""


@dataclass(frozen=True)
class Fit:
    """How good the surrogate is on trials left out."""

    trials: int
    """Trials that say all 14 values."""
    failed: int
    r_squared: float
    rank_correlation: float
    error: float
    """Median absolute error, in the loss."""
    failures_told: float
    """Share of trials rightly said to fail or not."""
    noise_sd: float
    """Run-to-run sd of the loss over configurations that were run several times."""
    repeated: int
    """Such configurations."""


@dataclass(frozen=True)
class Surrogate:
    """The two models."""

    fails: Any
    loss: Any

    def predict(self, settings: Settings) -> float | None:
        """Return the loss that settings reach, None where they fail."""
        row = np.array([features(settings)])
        return None if self.fails.predict(row)[0] else float(self.loss.predict(row)[0])


def open_automl(data: Path) -> Landscape:
    """Return the landscape over the trials in `data`."""
    surrogate, noise_sd = fitted(data)
    start = surrogate.predict(BASELINE)
    assert start is not None
    point = noise_sd / NOISE_POINTS
    known: dict[tuple[KnobValue, ...], Levels | None] = {}

    def levels(settings: Settings) -> Levels | None:
        key = tuple(settings[name] for name in KNOBS)
        if key not in known:
            loss = surrogate.predict(settings)
            known[key] = None if loss is None else {"loss": max(0.0, LEVEL + (start - loss) / point)}
        return known[key]

    def opened() -> Mapping[LaneName, Lane]:
        return {"hyperparameters": NamedLane(KNOBS, BASELINE, pick_informed)}

    return Landscape(
        name="automl",
        knobs=KNOBS,
        baseline=BASELINE,
        levels=levels,
        target="loss",
        noise_sd={"loss": NOISE_POINTS},
        recipe=Recipe(base_model="m"),
        open_lanes=opened,
        settings_of=lambda recipe: {**BASELINE, **settings_of(recipe)},
    )


@cache
def fitted(data: Path) -> tuple[Surrogate, float]:
    """Return the surrogate of all trials and their run-to-run sd."""
    trials = read_trials(data / TRIALS)
    rows, failed, losses = _arrays(trials)
    fails, loss = _models()
    return Surrogate(fails.fit(rows, failed), loss.fit(rows[~failed], losses)), repeat_noise(trials)[0]


def quality(data: Path) -> Fit:
    """Return how good the surrogate's like are on trials left out, by five-fold cross-validation.

    Folds are of whole configurations: a repeat in another fold would be known already.
    """
    from scipy.stats import spearmanr
    from sklearn.model_selection import GroupKFold, cross_val_predict

    trials = read_trials(data / TRIALS)
    rows, failed, losses = _arrays(trials)
    _, same = np.unique(rows, axis=0, return_inverse=True)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    fails, loss = _models()
    told = cross_val_predict(fails, rows, failed, groups=same, cv=folds)
    guessed = cross_val_predict(loss, rows[~failed], losses, groups=same[~failed], cv=folds)
    noise_sd, repeated = repeat_noise(trials)
    return Fit(
        trials=len(trials),
        failed=int(failed.sum()),
        r_squared=float(1 - ((losses - guessed) ** 2).sum() / ((losses - losses.mean()) ** 2).sum()),
        rank_correlation=float(spearmanr(losses, guessed).statistic),
        error=float(np.median(np.abs(losses - guessed))),
        failures_told=float((told == failed).mean()),
        noise_sd=noise_sd,
        repeated=repeated,
    )


def _models() -> tuple[Any, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    return (
        HistGradientBoostingClassifier(random_state=0, max_iter=ROUNDS),
        HistGradientBoostingRegressor(random_state=0, max_iter=ROUNDS),
    )


def _arrays(trials: Sequence[Mapping[str, Any]]) -> tuple[Any, Any, Any]:
    rows = np.array([features(trial) for trial in trials])
    failed = np.array([not trial["success"] for trial in trials])
    return rows, failed, np.array([min(trial["val_bpb"], WORST) for trial in trials if trial["success"]])


def read_trials(path: Path) -> list[dict[str, Any]]:
    """Return the trials of all methods and seeds that say all 14 values."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        searches: dict[str, dict[str, list[dict[str, Any]]]] = json.load(file)
    trials = (trial for seeds in searches.values() for search in seeds.values() for trial in search)
    return [trial for trial in trials if all(trial.get(name) is not None for name in KNOBS)]


def repeat_noise(trials: Sequence[Mapping[str, Any]]) -> tuple[float, int]:
    """Return the pooled sd over configurations that were run several times, and how many there are."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for trial in trials:
        if trial["success"] and trial["val_bpb"] < WORST:
            groups.setdefault(tuple(trial[name] for name in KNOBS), []).append(trial["val_bpb"])
    repeated = [losses for losses in groups.values() if len(losses) > 1]
    squares = sum((loss - fmean(losses)) ** 2 for losses in repeated for loss in losses)
    return sqrt(squares / sum(len(losses) - 1 for losses in repeated)), len(repeated)


def features(settings: Mapping[str, Any]) -> list[float]:
    """Return what the trees see: logarithms of what is searched by factors, and where the long windows stand."""
    found: list[float] = []
    for name, knob in KNOBS.items():
        value = settings[name]
        is_ratio = (isinstance(knob, NumericKnob) and knob.scale == "log") or name.endswith(("DIM", "SIZE"))
        if is_number(value):
            found.append(log(value) if is_ratio else float(value))
        else:
            found += [float(letter == "L") for letter in str(value).ljust(4, "S")[:4]]
    found.append(found[0] * float(settings["ASPECT_RATIO"]))
    return found
