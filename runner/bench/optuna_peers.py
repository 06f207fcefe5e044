"""Optuna as a judge: its best trial and its successive halving, through Optuna itself. The bench's only use of optuna.

Optuna optimises and never tests against a baseline; here its best trial is taken for the night's result, as a loop
without a referee would take it.
"""

from __future__ import annotations

from statistics import fmean

import optuna

from runner.bench.nights import Night, SpentError

SWITCHES = 20
"""TPE searches over this many changes, each on or off: the first of the stream."""
HALVING_CANDIDATES = 60
HALVING_MOST = 9
"""Runs of a candidate that is never pruned; rungs are at 1, 3 and 9 runs."""


def tpe_best_trial(night: Night) -> tuple[int, ...]:
    """Let TPE choose which changes are on in each probe, and take the best trial's."""
    study = _study(optuna.samplers.TPESampler(seed=_seed(night), multivariate=True))
    changes = night.candidates[:SWITCHES]
    while night.left >= 1:
        trial = study.ask()
        on = [change for change in changes if trial.suggest_categorical(f"c{change}", [False, True])]
        study.tell(trial, night.probe(on))
    best = study.best_trial.params
    return tuple(change for change in changes if best[f"c{change}"])


def successive_halving(night: Night) -> tuple[int, ...]:
    """Give each candidate up to nine runs, halved by Optuna's pruner on the mean so far; take the best at the end."""
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    study = _study(optuna.samplers.RandomSampler(seed=_seed(night)), pruner)
    finished: dict[int, float] = {}
    try:
        for change in night.candidates[:HALVING_CANDIDATES]:
            mean = _halved(night, study, change)
            if mean is not None:
                finished[change] = mean
    except SpentError:
        pass
    return (max(finished, key=lambda change: finished[change]),) if finished else ()


def _halved(night: Night, study: optuna.Study, change: int) -> float | None:
    """Return the candidate's mean over all its runs; None when it was pruned."""
    trial = study.ask()
    scores: list[float] = []
    for run in range(1, HALVING_MOST + 1):
        scores.append(night.probe((change,)))
        trial.report(fmean(scores), run)
        if run < HALVING_MOST and trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return None
    study.tell(trial, fmean(scores))
    return fmean(scores)


def _study(sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner | None = None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)


def _seed(night: Night) -> int:
    return night.number
