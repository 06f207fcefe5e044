"""Peers on the same landscapes: Optuna's samplers over whole configurations, and keep-if-better over single changes.

Optuna's are asked in the usual way: the baseline is the first trial, the whole box is open at every ask (no step
limits), a failed run is told as a score of nothing, and the trial with the best score seen is what they end with. Told
as failed, which Optuna leaves out, they would never learn where the box fails. Keep-if-better
goes by single changes within the step limits, as our nights do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from lanes.config import NumericKnob
from lanes.knobs import Knob, is_number, is_numeric, reachable
from probes.candidate import KnobValue
from runner.bench.proposers.landscape import Landscape, Settings

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.samplers import BaseSampler

Peer = Callable[[Landscape, int], Iterator[Settings]]
"""Yields after each probe what it would end with."""


class Prober:
    """Noisy scores of settings."""

    def __init__(self, landscape: Landscape, seed: int) -> None:
        """Draw noise by `seed`."""
        self._landscape, self._rng = landscape, np.random.default_rng([7, seed])

    def score(self, settings: Settings) -> float | None:
        """Return what one probe of settings scores, None when it fails."""
        levels = self._landscape.levels(settings)
        if levels is None:
            return None
        noise = self._landscape.noise_sd
        return self._landscape.score({name: at + self._rng.normal(0.0, noise[name]) for name, at in levels.items()})


def keep_if_better(landscape: Landscape, seed: int) -> Iterator[Settings]:
    """Change one knob at random; keep the change when its probe beats the best score so far."""
    prober, chance = Prober(landscape, seed), Random(seed)
    working, best = dict(landscape.baseline), prober.score(landscape.baseline)
    yield dict(working)
    while True:
        name = chance.choice(list(landscape.knobs))
        changed = {**working, name: chance.choice(reachable(landscape.knobs[name], working[name]))}
        score = prober.score(changed)
        if score is not None and (best is None or score > best):
            working, best = changed, score
        yield dict(working)


def _sampled(make: Callable[[int], BaseSampler]) -> Peer:
    def peer(landscape: Landscape, seed: int) -> Iterator[Settings]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=make(seed))
        prober, best, ends = Prober(landscape, seed), float("-inf"), dict(landscape.baseline)
        nothing = landscape.score(dict.fromkeys(landscape.noise_sd, 0.0))
        study.enqueue_trial({name: _coded(landscape.knobs[name], value) for name, value in ends.items()})
        while True:
            trial = study.ask()
            settings = {name: _suggest(trial, name, knob) for name, knob in landscape.knobs.items()}
            score = prober.score(settings)
            study.tell(trial, nothing if score is None else score)
            if score is not None and score > best:
                best, ends = score, settings
            yield ends

    return peer


def _random(seed: int) -> BaseSampler:
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


def _tpe(seed: int) -> BaseSampler:
    import optuna

    return optuna.samplers.TPESampler(seed=seed)


def _gp(seed: int) -> BaseSampler:
    import optuna

    return optuna.samplers.GPSampler(seed=seed)


def _cma_es(seed: int) -> BaseSampler:
    import optuna

    return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "random": _sampled(_random),
        "Optuna TPE": _sampled(_tpe),
        "Optuna GP": _sampled(_gp),
        "Optuna CMA-ES": _sampled(_cma_es),
        "keep-if-better": keep_if_better,
    }
)


def _suggest(trial: Trial, name: str, knob: Knob) -> KnobValue:
    """Return the sampler's value: numbers from a list by their place in it, so that it knows their order."""
    if isinstance(knob, NumericKnob):
        if knob.integer:
            return trial.suggest_int(name, int(knob.low), int(knob.high))
        return trial.suggest_float(name, knob.low, knob.high, log=knob.scale == "log")
    if is_numeric(knob):
        return knob.values[trial.suggest_int(name, 0, len(knob.values) - 1)]
    return str(trial.suggest_categorical(name, [str(value) for value in knob.values]))


def _coded(knob: Knob, value: KnobValue) -> KnobValue:
    if isinstance(knob, NumericKnob) or not is_number(value):
        return value
    return knob.values.index(value)
