"""Every rule of the bench under its name, ours among them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from probes.statistics.config import RefereeConfig
from runner.bench.blocks import BOLD_RULES, rolling_blocks
from runner.bench.chosen_rows import chosen_rows
from runner.bench.nights import Night, Rule
from runner.bench.race import our_race
from runner.bench.rules import PEERS

NORMAL_TAIL_DF = 1000.0
"""A Student t prior of so many degrees of freedom is normal to three digits."""
OURS = "nightlab"
"""Every rule of ours begins with it."""
NORMAL_PRIOR = RefereeConfig(prior_tail_df=NORMAL_TAIL_DF)


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


SLOW = frozenset({"Optuna TPE, best trial"})
"""Rules that play fewer nights."""
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **PEERS,
        "Optuna TPE, best trial": tpe_best_trial,
        "Optuna successive halving": successive_halving,
        "nightlab race": partial(our_race, rules=RefereeConfig()),
        "nightlab race, normal prior": partial(our_race, rules=NORMAL_PRIOR),
        "nightlab rolling blocks": rolling_blocks,
        "nightlab rolling blocks, bold": partial(rolling_blocks, rules=BOLD_RULES),
        "nightlab chosen rows": chosen_rows,
        "(oracle after one probe)": oracle,
    }
)
