"""Trials that Optuna is told of: its own, without the copy of every value that its storage makes of each of them.

A study is built anew for every ask and thrown away, so nothing can change a trial behind anybody's back.
"""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

AT = datetime(2000, 1, 1, tzinfo=UTC)
"""When a trial is said to have run; no sampler asks."""


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
