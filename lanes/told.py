"""What Optuna is told: moves as finished trials, and a study that has them from the start.

A study is made for one ask and thrown away. Its trials are kept, for most moves are the same from one ask to the next,
and handed over as they are: Optuna's own storage would check and copy every one of them at every ask.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, TrialState

from lanes.heard import Heard
from lanes.knobs import remembered

AT = datetime(2000, 1, 1, tzinfo=UTC)
"""When a trial is said to have run; no sampler asks."""


class ToldStorage(InMemoryStorage):
    """A study's storage with finished trials besides the study's own."""

    def __init__(self, told: Sequence[FrozenTrial]) -> None:
        """Take the finished trials, which get numbers in the order given; 0 is left to the one that is asked for."""
        super().__init__()
        for number, trial in enumerate(told, start=1):
            trial.number = number
        self._told = told

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the finished trials, then the study's own."""
        told = (trial for trial in self._told if states is None or trial.state in states)
        return [*told, *super().get_all_trials(study_id, deepcopy, states)]


def told_study(sampler: BaseSampler, told: Sequence[FrozenTrial]) -> Study:
    """Return a study that maximises and knows `told`."""
    return create_study(storage=ToldStorage(told), direction="maximize", sampler=sampler)


def told_trial(value: float | None, params: dict[str, Any], spaces: dict[str, BaseDistribution]) -> FrozenTrial:
    """Return a finished trial; without a value it is a pruned one, which ranks last.

    Made without Optuna's checks of what its user might have mistaken, which take longer than all else of it.
    """
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
        value=value,
        datetime_start=AT,
        datetime_complete=AT,
        params=params,
        distributions=spaces,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def as_trial(heard: Heard) -> FrozenTrial:
    """Return a move as a trial."""
    knob, number = heard.knob, heard.number
    return _trial(knob.name, number, knob.past.place(number), knob.past[number].worth)


@remembered
def _trial(name: str, number: int, at: float | None, worth: float | None) -> FrozenTrial:
    """Return the trial of a knob's move; two moves that say the same are two trials, which is what `number` is for."""
    # A trial's own space holds its own values alone: what may be asked for is said when it is asked.
    params: dict[str, Any] = {"knob": name}
    spaces: dict[str, BaseDistribution] = {"knob": CategoricalDistribution((name,))}
    if at is not None:
        params[name], spaces[name] = at, FloatDistribution(at, at)
    return told_trial(worth, params, spaces)
