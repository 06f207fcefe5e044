"""Trials that Optuna is told of: its own, without the copy of every value that its storage makes of each of them.

A study is built anew for every ask and thrown away, so nothing can change a trial behind anybody's back.
"""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from lanes.knobs import is_numeric, position
from lanes.moves import OpenKnob

AT = datetime(2000, 1, 1, tzinfo=UTC)
"""When a trial is said to have run; no sampler asks."""
_TRIALS: WeakKeyDictionary[OpenKnob, list[FrozenTrial]] = WeakKeyDictionary()
"""A knob as asks see it → its history as trials, for as long as that history is the same."""


class ToldTrial(FrozenTrial):
    """A finished trial whose deep copies share what it holds."""

    def __deepcopy__(self, memo: dict[int, Any]) -> ToldTrial:
        """Return a copy with a number of its own."""
        return copy(self)


def told_trial(value: float | None, params: dict[str, Any], spaces: dict[str, BaseDistribution]) -> ToldTrial:
    """Return a finished trial; without a value it is a pruned one."""
    return ToldTrial(
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


def trials_of(knob: OpenKnob, pending_level: float) -> list[FrozenTrial]:
    """Return a knob's history as trials; a failed probe is a pruned one, which ranks last and has no value."""
    if knob not in _TRIALS:
        trials: list[FrozenTrial] = []
        for known in knob.levels:
            # A trial's own space holds its own values alone: what may be asked for is said when it is asked.
            params: dict[str, Any] = {"knob": knob.name}
            spaces: dict[str, BaseDistribution] = {"knob": CategoricalDistribution((knob.name,))}
            if is_numeric(knob.knob):
                place = position(knob.knob, known.value)
                params[knob.name], spaces[knob.name] = place, FloatDistribution(place, place)
            trials.append(told_trial(pending_level if known.is_pending else known.level, params, spaces))
        _TRIALS[knob] = trials
    return _TRIALS[knob]
