"""What is believed of effects: a prior of each change before it is probed, a joint normal posterior after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import erfc, exp, inf, pi, sqrt
from statistics import NormalDist

import numpy as np

from probes.statistics.design import Array


@dataclass(frozen=True)
class EffectPrior:
    """What is believed of a change's effect before it is probed, in points."""

    mean: float
    sd: float
    tail_df: float = inf
    """Degrees of freedom of its Student t distribution; infinite: normal. Small values let a large effect be seen at
    its size instead of being shrunk to what most changes do."""


Prior = EffectPrior | Callable[[str], EffectPrior]
"""One prior for all changes, or the prior of each by its name."""


@dataclass(frozen=True)
class Posterior:
    """Normal posterior of one effect."""

    mean: float
    sd: float

    def above(self, value: float) -> float:
        """Return P(effect > value)."""
        return 0.5 * erfc((value - self.mean) / (self.sd * sqrt(2)))

    def below(self, value: float) -> float:
        """Return P(effect < value)."""
        return 0.5 * erfc((self.mean - value) / (self.sd * sqrt(2)))

    @property
    def regret(self) -> float:
        """What is lost on average by going by the mean's sign instead of the effect's: s·φ(m / s) - |m|·Φ(-|m| / s).

        The expected value of perfect information on a choice between the effect and 0 (Raiffa and Schlaifer 1961).
        """
        away = abs(self.mean) / self.sd
        return self.sd * exp(-0.5 * away**2) / sqrt(2 * pi) - abs(self.mean) * 0.5 * erfc(away / sqrt(2))

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Return the central credible interval."""
        half = NormalDist().inv_cdf(0.5 + level / 2) * self.sd
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class Effects:
    """Posterior of the baseline's level and of every change, jointly normal."""

    names: tuple[str, ...]
    mean: Array
    """Shape (1 + changes,): level first, then `names` in order."""
    covariance: Array
    settled: Mapping[str, Posterior] = field(default_factory=dict[str, Posterior])
    """Changes not probed for long, integrated out of the joint state: their last posterior.

    Of a change that is probed again it is out of date; `names` come first.
    """

    def of(self, name: str) -> Posterior:
        """Return the posterior of one change."""
        if name not in self.column:
            return self.settled[name]
        i = self.column[name]
        return Posterior(float(self.mean[i]), sqrt(float(self.covariance[i, i])))

    @cached_property
    def column(self) -> Mapping[str, int]:
        """Change → its place in `mean`."""
        return {name: 1 + i for i, name in enumerate(self.names)}

    @cached_property
    def precision(self) -> Array:
        """The inverse of `covariance`."""
        return np.linalg.inv(self.covariance).astype(np.float64)

    def total(self, names: Iterable[str]) -> Posterior:
        """Return the posterior of the sum of several changes' effects; settled ones count as independent."""
        weights, mean, variance = np.zeros(len(self.mean)), 0.0, 0.0
        for name in names:
            if name in self.column:
                weights[self.column[name]] = 1.0
            else:
                mean += self.settled[name].mean
                variance += self.settled[name].sd ** 2
        variance += float(weights @ self.covariance @ weights)
        return Posterior(mean + float(weights @ self.mean), sqrt(variance))

    def keep(self, names: Iterable[str]) -> Effects:
        """Return the state with every change but `names` integrated out: exact for a joint normal."""
        wanted = set(names)
        kept = tuple(name for name in self.names if name in wanted)
        rows = [0, *(self.column[name] for name in kept)]
        settled = {name: self.of(name) for name in self.names if name not in wanted}
        return Effects(kept, self.mean[rows], self.covariance[np.ix_(rows, rows)], {**self.settled, **settled})


def prior_of(name: str, prior: Prior, start: Effects | None = None) -> EffectPrior:
    """Return what is believed of a change before the runs at hand."""
    if start is not None and (name in start.column or name in start.settled):
        known = start.of(name)
        return EffectPrior(known.mean, known.sd)
    return prior if isinstance(prior, EffectPrior) else prior(name)
