"""Rows chosen where the joint fit is undecided: the next probes of several live changes, a round at a time.

A fixed block spends as much on a change that is all but settled as on one whose sign is open. Here every row is chosen
from the posterior, so any number of live changes and any number of rows will do, changes that exclude each other may
be live together, and the next round can be decided after four probes instead of twelve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from probes.statistics.effects import EffectPrior, Effects, Prior, prior_of

Array = NDArray[np.float64]
Row = NDArray[np.bool_]
"""Which of the live changes are in the recipe."""
DRAWS = 128
"""Random rows of which one is the best; with 32 a night ships .03 less, with more no more."""
SHARE_ON = 0.35
"""Chance of a change to be in a drawn row: at one half a little more is found, but where changes interact, rows of many
changes ship twice as many harmful ones (`make bench-referee`)."""


def choose_rows(
    effects: Effects,
    live: Sequence[str],
    count: int,
    noise_sd: float,
    prior: Prior,
    seed: int,
    allows: Callable[[tuple[str, ...]], bool] = lambda changes: True,
) -> list[tuple[str, ...]]:
    """Return the changes of the next `count` probes, chosen before any of them is run.

    Method: each row is the best of `DRAWS` random ones by the variance that it is expected to take off effects whose
    sign is open, Σ wᵢ (Σx)ᵢ² / (σ² + xᵀΣx) with wᵢ = φ(mᵢ / sᵢ) / sᵢ, the rate at which E[max(0, effect)] grows with
    the variance resolved (the knowledge gradient of Frazier, Powell and Dayanik 2009 in the limit of small steps). The
    posterior is then updated as if the row had been measured, which takes no score. Assumes a normal posterior and
    effects that add up. A change never probed enters with its prior.

    Args:
        effects: Posterior after all probes so far.
        live: Undecided changes.
        count: Rows wanted.
        noise_sd: Run-to-run sd of a score, > 0.
        prior: What is believed of a change before it is probed.
        seed: Of the draws.
        allows: Whether changes can be made together; where no drawn row is allowed, the row is the baseline.
    """
    mean, covariance = joint_state(effects, live, prior)
    chance, chosen = np.random.default_rng(seed), list[tuple[str, ...]]()
    for _ in range(count):
        drawn: NDArray[np.bool_] = chance.random((DRAWS, len(live))) < SHARE_ON
        order = np.argsort(-_worth(drawn, mean, covariance, noise_sd), kind="stable")
        rows = (tuple(name for name, is_on in zip(live, drawn[i], strict=True) if is_on) for i in order)
        row = next((row for row in rows if allows(row)), ())
        x = np.array([1.0, *(float(name in row) for name in live)])
        carried = covariance @ x
        covariance -= np.outer(carried, carried) / (noise_sd**2 + float(x @ carried))
        chosen.append(row)
    return chosen


def joint_state(effects: Effects, names: Sequence[str], prior: Prior) -> tuple[Array, Array]:
    """Return mean and covariance of the level and some changes, in this order.

    A change outside the joint state has its last posterior, independent of the others, or its prior.
    """
    own = [_alone(effects, name, prior) for name in names]
    mean = np.array([0.0, *(p.mean for p in own)])
    covariance = np.diag([0.0, *(p.sd**2 for p in own)])
    seen = [(i, 1 + effects.names.index(name)) for i, name in enumerate(names, start=1) if name in effects.names]
    to, of = [0, *(i for i, _ in seen)], [0, *(i for _, i in seen)]
    mean[to] = effects.mean[of]
    covariance[np.ix_(to, to)] = effects.covariance[np.ix_(of, of)]
    return mean, covariance


def believed(effects: Effects, names: Iterable[str], most_harmful: float, least: float) -> tuple[str, ...]:
    """Return the changes to ship, most certain first: as many as keep the expected number of harmful ones small.

    A fixed level of P(effect > 0) ships few changes in a short night and many doubtful ones in a long one; the sum of
    1 - P over the changes shipped is the number of them expected to be worth nothing or less.

    Args:
        effects: Posterior after the last probe.
        names: Probed changes.
        most_harmful: Largest sum of 1 - P(effect > 0).
        least: Smallest P(effect > 0) of a change that is shipped.
    """
    doubts = sorted((1 - effects.of(name).above(0.0), name) for name in names)
    shipped, harmful = tuple[str, ...](), 0.0
    for doubt, name in doubts:
        harmful += doubt
        if harmful > most_harmful or doubt > 1 - least:
            break
        shipped = (*shipped, name)
    return shipped


def _alone(effects: Effects, name: str, prior: Prior) -> EffectPrior:
    if name in effects.names:
        return EffectPrior(0.0, 1.0)
    return prior_of(name, prior, effects)


def _worth(drawn: NDArray[np.bool_], mean: Array, covariance: Array, noise_sd: float) -> Array:
    """Return the worth of each drawn row."""
    design = np.column_stack([np.ones(len(drawn)), drawn])
    carried = design @ covariance
    variance = noise_sd**2 + np.einsum("ij,ij->i", carried, design)
    sd = np.sqrt(np.diag(covariance)[1:])
    weights = np.exp(-0.5 * (mean[1:] / sd) ** 2) / sd
    worth: Array = (carried[:, 1:] ** 2 @ weights) / variance
    return worth
