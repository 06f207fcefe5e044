"""Every rule of the bench under its name, ours among them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from probes.statistics.config import RefereeConfig
from runner.bench.nights import Night, Rule
from runner.bench.own_night import our_night
from runner.bench.rules import PEERS

OURS = "nightlab"
"""Every rule of ours begins with it."""
DEFAULTS = RefereeConfig()
EXACT = RefereeConfig(misfit_allowance=1.0)
"""Effects are taken to add up exactly."""


def oracle(night: Night) -> tuple[int, ...]:
    """Know a candidate's effect after one probe and keep it if it helps: a bound, not a rule."""
    return tuple(change for change in night.candidates[: int(night.left)] if night.effects[change] > 0)


def tpe_best_trial(night: Night) -> tuple[int, ...]:
    """Take the best trial of Optuna's TPE."""
    from runner.bench.optuna_peers import tpe_best_trial as rule

    return rule(night)


def successive_halving(night: Night) -> tuple[int, ...]:
    """Take the best candidate that Optuna's successive halving left."""
    from runner.bench.optuna_peers import successive_halving as rule

    return rule(night)


READS_COMPANIONS = frozenset({"nightlab", "nightlab, chosen rows"})
"""Rules that play the streams with companions; to the others they are the plain ones."""
SLOW = frozenset({"Optuna TPE, best trial"})
"""Rules that play fewer nights."""
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **PEERS,
        "Optuna TPE, best trial": tpe_best_trial,
        "Optuna successive halving": successive_halving,
        "nightlab": partial(our_night, rules=DEFAULTS),
        "nightlab, chosen rows": partial(our_night, rules=DEFAULTS, design="rows"),
        "nightlab, chosen rows, no allowance": partial(our_night, rules=EXACT, design="rows"),
        "nightlab, race": partial(our_night, rules=DEFAULTS, design="race"),
        "(oracle after one probe)": oracle,
    }
)
